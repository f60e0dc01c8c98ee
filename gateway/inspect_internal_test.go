package gateway

import (
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
)

// Without an inspector, its middleware is not there, and what it would be told is not made.
func TestNoInspectorCostsNothing(t *testing.T) {
	s := New(Options{Backends: map[string]driver.Driver{"one": nil}, Auth: NoAuth{}, Log: zap.NewNop(), Metrics: NewMetrics()})
	c := s.echo.NewContext(httptest.NewRequestWithContext(t.Context(), "GET", "/v3/p/backups", nil), httptest.NewRecorder())
	call := s.newCall(c)
	next := func(echo.Context) error { return nil }
	inspected := s.inspect(next)
	cost := testing.AllocsPerRun(100, func() {
		_ = inspected(c)
		s.explain(call, errNoRoute)
		s.tellInspector(c, call, "route", "backend", 404, 0)
	})
	if cost != 0 || call.reason != nil {
		t.Errorf("%v allocations, %v", cost, call.reason)
	}
}
