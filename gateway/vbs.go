package gateway

import (
	"errors"

	"github.com/labstack/echo/v4"

	"cindergate/driver"
	"cindergate/translate"
	"cindergate/translate/vbs"
)

// speaksVBS marks a request as one of VBS's native API, so that errors have its form.
func speaksVBS(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		call := callOf(c)
		call.api, call.vbs = translate.V2, true
		return next(c)
	}
}

// writeVBSFault writes an error as {"error": {"message": …, "code": …}}.
func (s *Server) writeVBSFault(c echo.Context, err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		err = driver.Errorf(driver.InvalidInput, "The request body is larger than %d bytes.", s.MaxBody)
	case driver.KindOf(err) == driver.Unauthorized:
		s.challenge(c)
	}
	f := vbs.FaultOf(err)
	if f.RetryAfter != "" {
		c.Response().Header().Set("Retry-After", f.RetryAfter)
	}
	s.logFault(c, f.Status, err)
	return writeJSON(c, f.Status, map[string]any{"error": f})
}
