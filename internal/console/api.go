package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"cindergate/internal/wire"
)

// microversions are those that the console speaks, the best first. 3.43 brings the metadata of backups,
// 3.45 numbers of all backups; an older cloud shows less (cinder/api/openstack/rest_api_version_history.rst).
var microversions = []string{"3.70", "3.45", "3.0"}

// maxAnswer is the largest answer of the API that is read, in bytes.
const maxAnswer = 16 << 20

// origin is what the gateway has to know of the browser's request.
type origin struct{ address, forwarded, host string }

type originKey struct{}

// from returns a context whose requests come from the client of r.
func from(r *http.Request) context.Context {
	return context.WithValue(r.Context(), originKey{}, origin{r.RemoteAddr, strings.Join(r.Header.Values("X-Forwarded-For"), ","), r.Host})
}

// inProcess sends requests to a handler of this process.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.Clone(r.Context())
	if q.Body == nil {
		q.Body = http.NoBody
	}
	q.RequestURI = q.URL.RequestURI()
	if o, ok := q.Context().Value(originKey{}).(origin); ok {
		if q.RemoteAddr, q.Host = o.address, o.host; o.forwarded != "" {
			q.Header.Set("X-Forwarded-For", o.forwarded)
		}
	}
	w := &answer{header: http.Header{}, status: http.StatusOK}
	p.handler.ServeHTTP(w, q)
	if w.tooLong {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer takes an answer of at most maxAnswer bytes.
type answer struct {
	header  http.Header
	status  int
	begun   bool
	body    bytes.Buffer
	tooLong bool
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
}

func (w *answer) Write(p []byte) (int, error) {
	w.begun = true
	if w.body.Len()+len(p) > maxAnswer {
		w.tooLong = true
		return 0, errors.New("the answer is too long")
	}
	return w.body.Write(p)
}

// Flush lets handlers flush.
func (w *answer) Flush() {}

// fault is an error of the API, with its own text.
type fault struct {
	Status int
	Text   string
}

func (f *fault) Error() string { return f.Text }

// isStatus reports whether err is a fault with one of the statuses.
func isStatus(err error, statuses ...int) bool {
	var f *fault
	if !errors.As(err, &f) {
		return false
	}
	for _, status := range statuses {
		if f.Status == status {
			return true
		}
	}
	return false
}

// call sends a request of a session to the Block Storage API. path begins after the project.
func (c *Console) call(ctx context.Context, s *session, method, path string, body, into any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	for {
		version := s.held.version.Load()
		got, err := c.send(ctx, s, method, path, microversions[version], content)
		switch {
		case err != nil:
			return err
		case got.status != http.StatusNotAcceptable || int(version) == len(microversions)-1:
			return got.read(method, path, into)
		}
		s.held.version.CompareAndSwap(version, version+1) // the cloud does not have it
	}
}

// reply is an answer of the API.
type reply struct {
	status int
	text   []byte
}

// send sends a request with a microversion.
func (c *Console) send(ctx context.Context, s *session, method, path, version string, content []byte) (reply, error) {
	if method == http.MethodGet {
		ctx = wire.Quiet(ctx) // or to look at requests would add some
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://console.invalid/v3/"+s.caller.ProjectID+path, bytes.NewReader(content))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("X-Auth-Token", string(s.caller.Token))
	r.Header.Set("OpenStack-API-Version", "volume "+version)
	r.Header.Set("User-Agent", "cindergate-console")
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := inProcess{c.o.API}.RoundTrip(r)
	if err != nil {
		return reply{}, err
	}
	text, err := io.ReadAll(got.Body)
	return reply{got.StatusCode, text}, err
}

// read decodes an answer.
func (a reply) read(method, path string, into any) error {
	if a.status >= http.StatusBadRequest {
		return &fault{a.status, faultText(a.status, a.text)}
	}
	if into != nil {
		if err := json.Unmarshal(a.text, into); err != nil {
			return fmt.Errorf("the answer to %s %s is not what was expected: %w", method, path, err)
		}
	}
	return nil
}

// faultText returns the message of an error on the wire: the only member has the member message
// (cinder/api/openstack/wsgi.py Fault). Keystone's errors have the same form.
func faultText(status int, text []byte) string {
	var named map[string]struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &named) == nil {
		for _, f := range named {
			if f.Message != "" {
				return f.Message
			}
		}
	}
	return fmt.Sprintf("%d %s", status, http.StatusText(status))
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
