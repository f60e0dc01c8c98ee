package gateway

import (
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"cindergate/translate"
)

// Headers of every OpenStack API.
const (
	versionHeader   = "OpenStack-API-Version"
	requestIDHeader = "X-Openstack-Request-Id"
	computeIDHeader = "X-Compute-Request-Id"
)

const requestIDKey = "request_id"

// newRequestID gives the request its id and shows it in the answer.
func newRequestID(c echo.Context) string {
	id := "req-" + uuid.NewString()
	c.Set(requestIDKey, id)
	c.Response().Header().Set(requestIDHeader, id)
	return id
}

func requestID(c echo.Context) string {
	id, _ := c.Get(requestIDKey).(string)
	return id
}

// markCompute repeats the id under the older name, as Cinder's own answers do, in
// contrast to those of its middleware.
func markCompute(c echo.Context) {
	c.Response().Header().Set(computeIDHeader, requestID(c))
}

// setVersion echoes the microversion of the answer.
func setVersion(c echo.Context, version string) {
	h := c.Response().Header()
	h.Set(versionHeader, "volume "+version)
	h.Set("Vary", versionHeader)
}

const apiKey = "api"

func isV2(c echo.Context) bool { return c.Get(apiKey) == translate.V2 }
