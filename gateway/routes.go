package gateway

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
	"cindergate/translate/vbs"
)

// apiPrefixes are the path prefixes of the Block Storage API.
var apiPrefixes = map[string]translate.Version{"/v2": translate.V2, "/v3": translate.V3}

// routes registers every path once, whatever the backends are. The caller decides later
// which backend serves the request.
func (s *Server) routes() {
	e := s.echo
	e.Any("/", s.allVersions)
	e.GET("/healthcheck", s.healthcheck)
	e.GET("/healthz", s.healthz)
	if !s.HideMetrics {
		e.GET("/metrics", echo.WrapHandler(s.Metrics.handler()))
	}
	for prefix, handler := range s.Mounts {
		e.Any(prefix, echo.WrapHandler(handler))
		e.Any(prefix+"/*", echo.WrapHandler(handler))
	}
	for prefix, v := range apiPrefixes {
		s.blockStorage(e.Group(prefix, speaks(v), s.authenticate, s.resolve, s.hooked), v)
	}
	if s.VBS {
		for _, r := range vbs.Routes() {
			e.Add(r.Method, r.Path, s.serveVBS(&r), speaksVBS, s.authenticate, s.resolve, s.hooked)
		}
	}
}

// blockStorage registers the Block Storage API of one version. Paths contain the project;
// from v3 on, they also work without it.
func (s *Server) blockStorage(api *echo.Group, v translate.Version) {
	api.Any("", s.addSlash)
	api.GET("/", s.ownVersion)
	for _, r := range translate.Routes() {
		if r.V3Only && v.V2() {
			continue
		}
		serve := s.serve(&r)
		api.Add(r.Method, "/:project_id"+r.Path, serve, s.onlyProjects)
		if !v.V2() {
			api.Add(r.Method, r.Path, serve)
		}
	}
	api.Any("/:project_id/*", s.unlisted, s.onlyProjects)
	api.Any("/*", s.unlisted)
}

// serve answers a route, or forwards it to a backend with a Block Storage API of its own.
func (s *Server) serve(r *translate.Route) echo.HandlerFunc {
	served := map[*backend]translate.Operation{}
	for _, b := range s.backends {
		if r.ServedFor(b.driver) {
			served[b] = r.Of(b.translator)
		}
	}
	read := s.jsonBody
	if r.TakesBytes {
		read = bytesBody
	}
	own := s.handle(served, read)
	return func(c echo.Context) error {
		call := callOf(c)
		call.operation = r.Operation
		if _, ok := served[call.backend]; !ok {
			return s.forward(c)
		}
		return own(c)
	}
}

// serveVBS answers a route of VBS's native API.
func (s *Server) serveVBS(r *vbs.Route) echo.HandlerFunc {
	served := map[*backend]translate.Operation{}
	for _, b := range s.backends {
		served[b] = r.Of(b.vbs)
	}
	own := s.handle(served, s.jsonBody)
	return func(c echo.Context) error {
		callOf(c).operation = r.Operation
		return own(c)
	}
}

// unlisted answers a path that is not a route. A backend with a Block Storage API of its
// own may know it. The project is the path's or, from v3 on, the token's.
func (s *Server) unlisted(c echo.Context) error {
	call := callOf(c)
	_, forwards := call.backend.driver.(driver.Passthrough)
	_, path, _ := strings.Cut(strings.TrimPrefix(c.Request().URL.Path, "/"), "/")
	if !forwards || path == "" || call.api.V2() && c.Param("project_id") == "" {
		return errNoRoute
	}
	return s.forward(c)
}

// speaks records the API version of a path.
func speaks(v translate.Version) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			callOf(c).api = v
			return next(c)
		}
	}
}

// projectID matches the project ids that Cinder's routes accept
// (cinder/api/openstack/__init__.py).
var projectID = regexp.MustCompile(`^[0-9a-f-]+$`)

// onlyProjects answers a path whose project segment is not a project id. From v3 on, a
// backend with a Block Storage API of its own may know the segment as a resource.
func (s *Server) onlyProjects(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if projectID.MatchString(c.Param("project_id")) {
			return next(c)
		}
		call := callOf(c)
		if _, forwards := call.backend.driver.(driver.Passthrough); forwards && !call.api.V2() {
			return s.forward(c)
		}
		return s.unknownProject(c)
	}
}

// unknownProject answers a path that begins with neither a resource nor a project id. With
// noauth, users invent project ids, so the answer explains their form.
func (s *Server) unknownProject(c echo.Context) error {
	if _, open := s.Auth.(NoAuth); !open {
		return errNoRoute
	}
	return driver.Errorf(driver.NotFound, "The resource could not be found: %q is neither a resource nor the id of a project, "+
		"which has only the characters 0-9, a-f and -.", c.Param("project_id"))
}

var _ http.Handler = (*Server)(nil)
