package gateway

import (
	"context"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
)

// Headers of every OpenStack API.
const (
	versionHeader   = "OpenStack-API-Version"
	requestIDHeader = "X-Openstack-Request-Id"
	computeIDHeader = "X-Compute-Request-Id"
)

// call holds what the gateway knows of a request, from its arrival to its log line.
type call struct {
	requestID string
	api       translate.Version // V2 or V3
	caller    driver.Caller
	backend   *backend // of the caller's project, nil until the caller is known
	rawPath   string   // as [url.URL.RawPath], for backends that get the path unchanged
	vbs       bool     // errors are those of the Volume Backup Service
	trace     string   // the traceparent of its span; "": none
	outcome   int      // the status for log and metrics, if it differs from the answer's
	operation string   // the name of the operation that the route names
	forwarded bool     // the backend gets the request as it is

	inspected func(Inspected)   // tells the inspector of the end; nil: there is none
	reason    *translate.Reason // of an error, for the inspector
}

type callKey struct{}

// newCall gives the request its id, and sends it in the answer.
func (s *Server) newCall(c echo.Context) *call {
	call := &call{requestID: "req-" + s.NewID(), api: translate.V3}
	r := c.Request()
	c.SetRequest(r.WithContext(context.WithValue(r.Context(), callKey{}, call)))
	c.Response().Header().Set(requestIDHeader, call.requestID)
	return call
}

func callOf(c echo.Context) *call {
	call, _ := c.Request().Context().Value(callKey{}).(*call)
	return call
}

// statusLeft is the status, in log and metrics, of a request whose client left before its
// answer. It is nginx's; clients never see it.
const statusLeft = 499

// mayRead refuses a caller that has no project or none of the configured roles. The
// policies of Cinder 2024.2 require at least a reader. projectInURL is "" if the URL names
// no project.
func (c *call) mayRead(projectInURL string) error {
	switch {
	case c.caller.ProjectID == "" && projectInURL != "":
		return driver.Errorf(driver.InvalidInput, "Malformed request url")
	case c.caller.ProjectID == "" || c.caller.Role == driver.NoRole:
		return driver.Errorf(driver.Forbidden, "Policy doesn't allow this to be performed: it needs a project, and one of the roles reader, member and admin in it.")
	}
	return nil
}

// markCompute repeats the id under its older header name. Cinder's own answers do so; those
// of its middleware do not.
func markCompute(c echo.Context) {
	c.Response().Header().Set(computeIDHeader, callOf(c).requestID)
}

// setVersion sends the microversion of the answer.
func setVersion(c echo.Context, version string) {
	h := c.Response().Header()
	h.Set(versionHeader, "volume "+version)
	h.Set("Vary", versionHeader)
}
