package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace/noop"
)

// Without a tracer, spans cost no allocation; with one they do, so the test can fail.
func TestTracingCostsNothingWhenOff(t *testing.T) {
	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	call := (&Server{Options: Options{NewID: func() string { return "1" }}}).newCall(c)
	count := func(s *Server) float64 {
		return testing.AllocsPerRun(100, func() {
			endSpan(s.startSpan(c, call), call, http.MethodGet, "/v3/:project_id/backups", "one", http.StatusOK)
		})
	}
	if n := count(&Server{}); n != 0 {
		t.Errorf("%v allocations without a tracer", n)
	}
	if n := count(&Server{Options: Options{Tracer: noop.NewTracerProvider().Tracer("")}}); n == 0 {
		t.Error("no allocation with a tracer: the test measures nothing")
	}
}
