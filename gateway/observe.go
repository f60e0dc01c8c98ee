package gateway

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
)

// observe gives each request its id, and afterwards one log line and its metrics.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		call := newCall(c)
		if c.Request().Method == http.MethodOptions {
			// Cinder's CORS middleware answers these everywhere.
			c.Response().WriteHeader(http.StatusOK)
			return nil
		}
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(start)
		route := call.route
		if route == "" {
			route = c.Path()
		}
		if route == "" {
			route = "none"
		}
		r, status := c.Request(), c.Response().Status
		s.Metrics.request(call.backend, route, r.Method, status, took)
		if ce := s.Log.Check(zap.InfoLevel, "request"); ce != nil {
			ce.Write(zap.String("request_id", call.requestID), zap.String("project_id", call.caller.ProjectID),
				zap.String("user_id", call.caller.UserID), zap.String("method", r.Method), zap.String("route", route),
				zap.String("path", r.URL.Path), zap.Int("status", status), zap.String("backend", call.backend),
				zap.Float64("duration_ms", float64(took.Microseconds())/1000))
		}
		return nil
	}
}
