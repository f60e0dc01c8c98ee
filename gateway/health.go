package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/flight"
)

// healthcheck serves oslo.middleware's healthcheck: it only shows that the process answers.
func (s *Server) healthcheck(c echo.Context) error {
	return writeJSON(c, http.StatusOK, map[string]any{"detailed": false, "reasons": []string{"OK"}})
}

// checkTime limits how long backends may take to report their health.
const checkTime = 10 * time.Second

// health is the last result of /healthz.
type health struct {
	flight flight.Group[map[string]string]
	mu     sync.Mutex
	found  map[string]string // status of each backend, by name
	until  time.Time
}

// healthz reports the health of every backend. It needs no token, so its cost must be
// bounded: the result is cached for HealthTime, and concurrent requests share one check.
func (s *Server) healthz(c echo.Context) error {
	s.health.mu.Lock()
	found, fresh := s.health.found, s.Clock.Now().Before(s.health.until)
	s.health.mu.Unlock()
	if !fresh {
		var err error
		if found, err = s.health.flight.Do(c.Request().Context(), "", 2*checkTime, s.check); err != nil {
			return driver.Left(err)
		}
	}
	status := http.StatusOK
	for _, is := range found {
		if is != "ok" {
			status = http.StatusServiceUnavailable
		}
	}
	return writeJSON(c, status, map[string]any{"backends": found})
}

// check checks all backends concurrently.
func (s *Server) check(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	found := make(map[string]string, len(s.backends))
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(s.backends))
	for name, b := range s.backends {
		found[name] = "ok"
		if checker, ok := b.driver.(driver.Checker); ok {
			found[name] = "unavailable" // until its check succeeds
			go func() { answers <- answer{name, checker.Check(ctx)} }()
		} else {
			answers <- answer{name, nil}
		}
	}
	for range s.backends {
		select {
		case a := <-answers:
			if a.err == nil {
				found[a.name] = "ok"
			} else {
				s.Log.Warn("backend is not healthy", zap.String("backend", a.name), zap.Error(a.err))
			}
		case <-ctx.Done():
			s.Log.Warn("backends did not say in time whether they are healthy", zap.Any("backends", found))
		}
	}
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.health.found, s.health.until = found, s.Clock.Now().Add(s.HealthTime)
	return found, nil
}
