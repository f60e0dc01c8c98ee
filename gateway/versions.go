package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"cindergate/translate"
)

type apiVersion struct {
	ID         string      `json:"id"`
	Status     string      `json:"status"`
	Version    string      `json:"version"`
	MinVersion string      `json:"min_version"`
	Updated    string      `json:"updated"`
	Links      []href      `json:"links"`
	MediaTypes []mediaType `json:"media-types"`
}

type href struct {
	Rel  string `json:"rel"`
	Type string `json:"type,omitempty"`
	Href string `json:"href"`
}

type mediaType struct {
	Base string `json:"base"`
	Type string `json:"type"`
}

// v3Document and v2Document follow cinder/api/versions.py. The v2 document is the one that
// Cinder had until Wallaby.
func v3Document(base string, highest int) apiVersion {
	return apiVersion{
		ID: "v3.0", Status: "CURRENT",
		Version: translate.Version{Major: 3, Minor: highest}.String(), MinVersion: translate.V3.String(),
		Updated: "2022-03-30T00:00:00Z", Links: versionLinks(base + "/v3/"),
		MediaTypes: []mediaType{{"application/json", "application/vnd.openstack.volume+json;version=3"}},
	}
}

func v2Document(base string) apiVersion {
	return apiVersion{
		ID: "v2.0", Status: "DEPRECATED", Updated: "2017-02-25T12:00:00Z", Links: versionLinks(base + "/v2/"),
		MediaTypes: []mediaType{{"application/json", "application/vnd.openstack.volume+json;version=2"}},
	}
}

func versionLinks(self string) []href {
	return []href{
		{Rel: "describedby", Type: "text/html", Href: "https://docs.openstack.org/"},
		{Rel: "self", Href: self},
	}
}

// allVersions serves GET /: 300, without a token. It describes the default backend.
func (s *Server) allVersions(c echo.Context) error {
	base, highest := s.Base(c.Request()), s.backends[s.Default].maxMicroversion(c.Request().Context())
	return versions(c, http.StatusMultipleChoices, highest, v2Document(base), v3Document(base, highest))
}

// ownVersion serves GET /v2/ or /v3/.
func (s *Server) ownVersion(c echo.Context) error {
	call := callOf(c)
	base, highest := s.Base(c.Request()), call.backend.maxMicroversion(c.Request().Context())
	if call.api.V2() {
		return versions(c, http.StatusOK, highest, v2Document(base))
	}
	return versions(c, http.StatusOK, highest, v3Document(base, highest))
}

func versions(c echo.Context, status, highest int, documents ...apiVersion) error {
	if !callOf(c).api.V2() {
		version, err := translate.ParseVersion(c.Request().Header.Values(versionHeader), highest)
		if err != nil {
			return badVersion(c, err)
		}
		setVersion(c, version.String())
	}
	markCompute(c)
	return writeJSON(c, status, map[string]any{"versions": documents})
}

// addSlash redirects GET /v3 to /v3/.
func (s *Server) addSlash(c echo.Context) error {
	if c.Request().Method != http.MethodGet {
		return errNoRoute
	}
	h := c.Response().Header()
	h.Set("Location", s.Base(c.Request())+c.Request().URL.Path+"/")
	h.Set("Content-Type", "text/plain; charset=utf8")
	h.Set("Content-Length", "0")
	c.Response().WriteHeader(http.StatusFound)
	return nil
}
