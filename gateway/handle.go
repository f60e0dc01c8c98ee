package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
)

// handle connects HTTP to operations. No other code does. operations has one for each
// backend; the caller's project selects it.
func (s *Server) handle(operations map[*backend]translate.Operation, read bodyReader) echo.HandlerFunc {
	return func(c echo.Context) error {
		if slices.ContainsFunc(c.ParamValues(), func(v string) bool { return strings.Contains(v, "/") }) {
			return errNoRoute // Echo puts the whole rest of the path into the last parameter
		}
		b := callOf(c).backend
		r, err := s.request(c, b, read)
		if err != nil {
			return err
		}
		answer, err := s.work(c, operations[b], r)
		if err != nil {
			return err
		}
		if stream, ok := answer.Body.(translate.Stream); ok {
			leave, err := s.underWay.enter(r.Caller.ProjectID)
			if err != nil {
				return err
			}
			defer leave()
			return s.writeStream(c, stream)
		}
		return writeJSON(c, answer.Status, answer.Body)
	}
}

// work runs an operation, unless too many requests are in progress.
func (s *Server) work(c echo.Context, op translate.Operation, r translate.Request) (translate.Response, error) {
	leave, err := s.underWay.enter(r.Caller.ProjectID)
	if err != nil {
		return translate.Response{}, err
	}
	defer leave()
	return op(c.Request().Context(), r)
}

// maxQuery is the longest query of a URL, in bytes. Cinder's server accepts request lines
// of that length. The cost of filters grows with it.
const maxQuery = 16 << 10

// request decodes what all operations have in common.
func (s *Server) request(c echo.Context, b *backend, read bodyReader) (translate.Request, error) {
	hr, call := c.Request(), callOf(c)
	r := translate.Request{
		Caller: call.caller, Version: call.api, Base: s.Base(hr), VBS: s.VBS,
		ID: c.Param("id"), Key: c.Param("key"), Query: translate.ParseQuery(hr.URL.RawQuery),
	}
	switch {
	case len(hr.URL.RawQuery) > maxQuery:
		return r, driver.Errorf(driver.InvalidInput, "The query of the URL is longer than %d bytes.", maxQuery)
	case !decodable(hr.URL.Path, r.Query):
		return r, translate.Undecodable()
	}
	if !call.api.V2() {
		version, err := translate.ParseVersion(hr.Header.Values(versionHeader), b.maxMicroversion(hr.Context()))
		if err != nil {
			return r, badVersion(c, err)
		}
		r.Version = version
		setVersion(c, version.String())
	}
	markCompute(c)
	if project := c.Param("project_id"); project != "" {
		if project != r.Caller.ProjectID {
			return r, driver.Errorf(driver.InvalidInput, "Malformed request url")
		}
		r.ProjectInURL = true
	}
	if err := call.mayRead(""); err != nil {
		return r, err
	}
	return r, read(c, &r)
}

// bodyReader takes the body of a request into r.
type bodyReader func(c echo.Context, r *translate.Request) error

// bytesBody leaves the body to the operation.
func bytesBody(c echo.Context, r *translate.Request) error {
	hr := c.Request()
	r.Content = translate.Content{Range: hr.Header.Get("Content-Range"), Digest: hr.Header.Get("Content-Digest")}
	if hr.ContentLength != 0 && hr.Body != http.NoBody {
		r.Content.Body = hr.Body
	}
	return nil
}

// decodable reports whether a path and query are valid text once their escapes are decoded.
func decodable(path string, q translate.Query) bool {
	return utf8.ValidString(path) && !slices.ContainsFunc(q, func(p translate.Param) bool {
		return !utf8.ValidString(p.Key) || !utf8.ValidString(p.Value)
	})
}

// badVersion makes the error for a version out of range repeat that version in the answer.
func badVersion(c echo.Context, err error) error {
	markCompute(c)
	var unsupported *translate.UnsupportedVersion
	if errors.As(err, &unsupported) {
		setVersion(c, unsupported.Version)
	}
	return err
}

// jsonBody reads the whole body, which must be JSON.
func (s *Server) jsonBody(c echo.Context, r *translate.Request) (err error) {
	r.Body, err = s.body(c)
	return err
}

func (s *Server) body(c echo.Context) ([]byte, error) {
	r := c.Request()
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, s.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, driver.UnreadBody(err)
	case len(body) == 0:
		return nil, nil
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if !isJSON(r.Header.Get("Content-Type")) {
			return nil, translate.UnsupportedMedia()
		}
		return body, nil
	case http.MethodDelete:
		// Resource.dispatch of cinder/api/openstack/wsgi.py accepts no body there.
		return nil, driver.Errorf(driver.InvalidInput,
			"The server could not comply with the request since it is either malformed or otherwise incorrect.")
	}
	return nil, nil
}

// isJSON compares with regard to case, as Cinder does.
func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || len(contentType) < len(mediaType) || contentType[:len(mediaType)] != mediaType {
		return false
	}
	return mediaType == "application/json" || mediaType == "application/vnd.openstack.volume+json"
}
