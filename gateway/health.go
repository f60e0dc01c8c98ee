package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
)

// healthcheck is oslo.middleware's: the process answers.
func (s *Server) healthcheck(c echo.Context) error {
	return writeJSON(c, http.StatusOK, map[string]any{"detailed": false, "reasons": []string{"OK"}})
}

// healthz asks every backend.
func (s *Server) healthz(c echo.Context) error {
	status := http.StatusOK
	backends := make(map[string]string, len(s.Checks))
	for name, backend := range s.Checks {
		backends[name] = "ok"
		if err := backend.Check(c.Request().Context()); err != nil {
			s.Log.Warn("backend is not healthy", zap.String("backend", name), zap.Error(err))
			backends[name] = "unavailable"
			status = http.StatusServiceUnavailable
		}
	}
	return writeJSON(c, status, map[string]any{"backends": backends})
}
