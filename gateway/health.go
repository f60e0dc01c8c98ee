package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
)

// healthcheck is oslo.middleware's: the process answers.
func (s *Server) healthcheck(c echo.Context) error {
	return writeJSON(c, http.StatusOK, map[string]any{"detailed": false, "reasons": []string{"OK"}})
}

// healthz asks every backend.
func (s *Server) healthz(c echo.Context) error {
	status := http.StatusOK
	backends := make(map[string]string, len(s.backends))
	for name, b := range s.backends {
		backends[name] = "ok"
		checker, ok := b.driver.(driver.Checker)
		if !ok {
			continue
		}
		if err := checker.Check(c.Request().Context()); err != nil {
			s.Log.Warn("backend is not healthy", zap.String("backend", name), zap.Error(err))
			backends[name] = "unavailable"
			status = http.StatusServiceUnavailable
		}
	}
	return writeJSON(c, status, map[string]any{"backends": backends})
}
