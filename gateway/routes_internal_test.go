package gateway

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
)

// Every route gets the parameters of its path decoded exactly once, whatever the client
// escaped.
func TestEveryRouteDecodesItsParameters(t *testing.T) {
	s := New(Options{
		Backends: map[string]driver.Driver{"one": nil}, Auth: NoAuth{}, Log: zap.NewNop(), Metrics: NewMetrics(), VBS: true,
	})
	names := map[string]string{"project_id": "ab%63", "id": "k%3A1", "key": "100%25%20%2541"}
	decoded := map[string]string{"project_id": "abc", "id": "k:1", "key": "100% %41"}
	checked := 0
	for _, route := range s.echo.Routes() {
		if !strings.Contains(route.Path, ":") || strings.Contains(route.Path, "*") {
			continue
		}
		checked++
		segments := strings.Split(route.Path, "/")
		for i, segment := range segments {
			if name, isParameter := strings.CutPrefix(segment, ":"); isParameter {
				segments[i] = names[name]
			}
		}
		path := strings.Join(segments, "/")
		c := find(t, s, route.Method, path)
		if c.Path() != route.Path {
			t.Errorf("%s %s is matched by %s", route.Method, path, c.Path())
			continue
		}
		for _, name := range c.ParamNames() {
			if c.Param(name) != decoded[name] {
				t.Errorf("%s %s: %s is %q, want %q", route.Method, route.Path, name, c.Param(name), decoded[name])
			}
		}
		// Backends get the original path.
		if at := (&url.URL{Path: c.Request().URL.Path, RawPath: callOf(c).rawPath}).EscapedPath(); at != path {
			t.Errorf("%s %s would be forwarded as %s", route.Method, path, at)
		}
	}
	if checked < 300 {
		t.Errorf("only %d routes have parameters", checked)
	}
}

// find returns the context that the router makes for a request.
func find(t *testing.T, s *Server, method, path string) echo.Context {
	t.Helper()
	c := s.echo.NewContext(httptest.NewRequestWithContext(t.Context(), method, path, nil), httptest.NewRecorder())
	s.newCall(c)
	err := tidyPath(func(c echo.Context) error {
		s.echo.Router().Find(c.Request().Method, c.Request().URL.Path, c)
		return nil
	})(c)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
