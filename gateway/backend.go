package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
)

// backend is one place where backups live, and the API in front of it.
type backend struct {
	name       string
	driver     driver.Driver
	translator *translate.Translator
	api        *echo.Echo
}

func (s *Server) newBackend(name string, d driver.Driver) *backend {
	b := &backend{name: name, driver: d, translator: translate.New(d), api: echo.New()}
	b.api.HTTPErrorHandler = s.fail
	b.api.Use(noteRoute)
	s.backendRoutes(b)
	if s.VBS {
		s.vbsRoutes(b)
	}
	return b
}

// dispatch hands a request to the backend of the caller's project.
func (s *Server) dispatch(c echo.Context) error {
	call := callOf(c)
	b := s.backendOf(call.caller.ProjectID)
	call.backend = b.name
	b.api.ServeHTTP(c.Response(), c.Request())
	return nil
}

func (s *Server) backendOf(projectID string) *backend {
	if b, ok := s.backends[s.Projects[projectID]]; ok {
		return b
	}
	return s.backends[s.Default]
}

// noteRoute tells the log and the metrics which route it was.
func noteRoute(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		callOf(c).route = c.Path()
		return next(c)
	}
}

// maxMicroversion is the highest 3.x to offer: the backend's own, where it has any.
func (b *backend) maxMicroversion(ctx context.Context) int {
	v, ok := b.driver.(driver.Versioner)
	if !ok {
		return translate.MaxMinor
	}
	minor, err := v.MaxMicroversion(ctx)
	if err != nil {
		return translate.MaxMinor // what is asked of it next says what is wrong
	}
	return min(minor, translate.MaxMinor)
}

// forward leaves a request to the backend itself. Its body may take any time while it
// gets on.
func (s *Server) forward(to driver.Passthrough) echo.HandlerFunc {
	return func(c echo.Context) error {
		call := callOf(c)
		if slices.ContainsFunc(strings.Split(c.Request().URL.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
			return errNoRoute // a server on the way would leave the API with it
		}
		markCompute(c)
		project := c.Param("project_id")
		if !projectID.MatchString(project) {
			project = "" // a resource, in a path without a project
		}
		if err := call.mayRead(project); err != nil {
			return err
		}
		leave, err := s.underWay.enter(call.caller.ProjectID)
		if err != nil {
			return err
		}
		defer leave()
		control := http.NewResponseController(c.Response())
		if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		r := c.Request()
		if s.BodyTimeout > 0 && r.Body != nil && r.Body != http.NoBody {
			r.Body = &progressBody{r.Body, control, s.BodyTimeout}
		}
		r.URL.RawPath = call.rawPath
		return to.Forward(c.Response(), r, call.caller, s.Base(r))
	}
}
