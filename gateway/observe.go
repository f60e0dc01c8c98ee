package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// observe gives each request its id, and writes its log line and metrics when it ends.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.Clock.Now()
		call := s.newCall(c)
		if c.Request().Method == http.MethodOptions {
			// Cinder's CORS middleware answers OPTIONS on every path.
			c.Response().WriteHeader(http.StatusOK)
			return nil
		}
		span := s.startSpan(c, call)
		ended := false
		// Deferred, because an answer that is cut off ends in a panic
		// (http.ErrAbortHandler).
		defer func() { s.account(c, call, span, s.Clock.Since(start), ended) }()
		if err := next(c); err != nil {
			c.Error(err)
		}
		ended = true
		return nil
	}
}

// account writes the log line and the metrics of a request, and ends its span. ended is false if its answer
// was cut off.
func (s *Server) account(c echo.Context, call *call, span trace.Span, took time.Duration, ended bool) {
	route, backend := c.Path(), ""
	if route == "" {
		route = "none"
	}
	if call.backend != nil {
		backend = call.backend.name
	}
	r, status := c.Request(), c.Response().Status
	left := errors.Is(r.Context().Err(), context.Canceled)
	switch {
	case call.outcome != 0:
		status = call.outcome
	case left && (!ended || !c.Response().Committed):
		status = statusLeft
	case !ended:
		s.Log.Warn("answer broke off", zap.String("request_id", call.requestID))
		status = http.StatusBadGateway
	}
	s.tellInspector(c, call, route, backend, status, took)
	endSpan(span, call, r.Method, route, backend, status)
	s.Metrics.request(backend, route, r.Method, status, took)
	if ce := s.Log.Check(zap.InfoLevel, "request"); ce != nil {
		ce.Write(zap.String("request_id", call.requestID), zap.String("project_id", call.caller.ProjectID),
			zap.String("user_id", call.caller.UserID), zap.String("method", r.Method), zap.String("route", route),
			zap.String("path", r.URL.Path), zap.Int("status", status), zap.String("backend", backend),
			zap.Float64("duration_ms", float64(took.Microseconds())/1000))
	}
}
