package gateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
)

// forward streams a request to the backend. Its body may take any time, if each part
// arrives in time.
func (s *Server) forward(c echo.Context) error {
	call := callOf(c)
	to, forwards := call.backend.driver.(driver.Passthrough)
	if !forwards || leavesAPI(c.Request().URL.Path) {
		return errNoRoute
	}
	call.forwarded = true
	markCompute(c)
	project := c.Param("project_id")
	if !projectID.MatchString(project) {
		project = "" // the segment is a resource: the path names no project
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
		r.Body = &progressBody{r.Body, control, s.BodyTimeout, s.Clock}
	}
	r.URL.RawPath = call.rawPath
	return to.Forward(c.Response(), r, call.caller, s.Base(r))
}

// leavesAPI reports whether a path has a segment that could lead a server on the way out of
// the API.
func leavesAPI(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
}
