package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/flight"
)

// defaultHealthTimeout limits how long each backend may take to report its health.
const defaultHealthTimeout = 5 * time.Second

// healthcheck tells whether this gateway can serve requests. It checks the gateway's own database
// and directories, and asks no other service: one cloud that is down must not take all gateways
// out of a load balancer. The answer is that of oslo.middleware's healthcheck.
func (s *Server) healthcheck(c echo.Context) error {
	found, err := s.readiness.check(c.Request().Context())
	if err != nil {
		return driver.Left(err)
	}
	status, reasons := http.StatusOK, []string{"OK"}
	for _, err := range found {
		if err != nil && status == http.StatusOK {
			status, reasons = http.StatusServiceUnavailable, nil
		}
		if err != nil {
			reasons = append(reasons, reasonOf("backend", err))
		}
	}
	return writeJSON(c, status, map[string]any{"detailed": false, "reasons": reasons})
}

// reasonOf returns the text of an error that clients may see. what was checked: a backend or a store.
func reasonOf(what string, err error) string {
	var classified *driver.Error
	switch {
	case errors.As(err, &classified):
		return classified.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "A " + what + " does not answer in time."
	}
	return "A " + what + " is not ready."
}

// healthz reports the health of every backend, remote ones as well.
func (s *Server) healthz(c echo.Context) error {
	found, err := s.health.check(c.Request().Context())
	if err != nil {
		return driver.Left(err)
	}
	status, words := http.StatusOK, make(map[string]string, len(found))
	for name, err := range found {
		if words[name] = "ok"; err != nil {
			status, words[name] = http.StatusServiceUnavailable, "unavailable"
		}
	}
	return writeJSON(c, status, map[string]any{"backends": words})
}

// Health returns for each backend why it is not well, as clients may see it; "" if it is well. It
// returns an error only if ctx ends first.
func (s *Server) Health(ctx context.Context) (map[string]string, error) {
	return s.health.reasons(ctx, "backend")
}

// StoreHealth is [Server.Health] of the backup stores that backends have, by the backend's name and
// the store's, such as "embedded: archive".
func (s *Server) StoreHealth(ctx context.Context) (map[string]string, error) {
	return s.stores.reasons(ctx, "backup store")
}

// Alive returns an error if the checks of the gateway's own database and directories do not end
// in time. A check that fails is no error: the process works, and a restart would not bring a
// directory back.
func (s *Server) Alive(ctx context.Context) error {
	found, err := s.readiness.check(ctx)
	for _, failed := range found {
		if errors.Is(failed, context.DeadlineExceeded) {
			return failed
		}
	}
	return err
}

// Internal returns a handler of what operators ask for, for a listener that clients do not
// reach: /metrics, /healthcheck, /healthz, and /livez, which is 503 if the gateway hangs and a
// restart would help.
func (s *Server) Internal() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Metrics.handler())
	mux.Handle("GET /healthcheck", s)
	mux.Handle("GET /healthz", s)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Alive(r.Context()); err != nil {
			http.Error(w, "The gateway hangs.", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

// health runs one check for each backend. Its routes need no token, so the cost is bounded: the
// result is cached, concurrent requests share one run, and a backend whose check hangs is not
// checked again before that check ends.
type health struct {
	checks map[string]func(context.Context) error
	limit  time.Duration // for each check
	cache  time.Duration // 0: results are not cached
	clock  clockwork.Clock
	unwell func(name string, err error) // logs a check that has failed

	flight flight.Group[map[string]error]
	mu     sync.Mutex
	found  map[string]error // by backend; nil: it is well
	until  time.Time
	busy   map[string]bool // backends whose check has not ended
}

// check returns the result for each backend: nil if it is well. It returns an error only if ctx
// ends first.
func (h *health) check(ctx context.Context) (map[string]error, error) {
	h.mu.Lock()
	found, fresh := h.found, h.clock.Now().Before(h.until)
	h.mu.Unlock()
	if fresh {
		return found, nil
	}
	return h.flight.Do(ctx, "", 2*h.limit, h.run)
}

// reasons is check in words; "": it is well.
func (h *health) reasons(ctx context.Context, what string) (map[string]string, error) {
	found, err := h.check(ctx)
	reasons := make(map[string]string, len(found))
	for name, problem := range found {
		if reasons[name] = ""; problem != nil {
			reasons[name] = reasonOf(what, problem)
		}
	}
	return reasons, err
}

// run runs all checks concurrently.
func (h *health) run(ctx context.Context) (map[string]error, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	found := make(map[string]error, len(h.checks))
	type result struct {
		name string
		err  error
	}
	results := make(chan result, len(h.checks))
	begun := 0
	for name, check := range h.checks {
		found[name] = context.DeadlineExceeded // until its check ends
		if !h.begin(name) {
			continue
		}
		begun++
		go func() {
			err := check(ctx)
			h.end(name)
			results <- result{name, err}
		}()
	}
gather:
	for range begun {
		select {
		case r := <-results:
			found[r.name] = r.err
		case <-ctx.Done():
			break gather
		}
	}
	for name, err := range found {
		if err != nil {
			h.unwell(name, err)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.found, h.until = found, h.clock.Now().Add(h.cache)
	return found, nil
}

// begin records that the check of a backend runs. It returns false if an earlier one still does.
func (h *health) begin(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[name] {
		return false
	}
	h.busy[name] = true
	return true
}

func (h *health) end(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.busy, name)
}

// newHealth makes the check of what checksOf returns of each backend: checks by a name, "" for the
// backend itself.
func (s *Server) newHealth(unwell func(string, error), checksOf func(driver.Driver) map[string]func(context.Context) error) *health {
	h := &health{
		checks: map[string]func(context.Context) error{}, limit: s.HealthTimeout, cache: s.HealthTime,
		clock: s.Clock, unwell: unwell, busy: map[string]bool{},
	}
	for backend, b := range s.backends {
		for name, check := range checksOf(b.driver) {
			if name != "" {
				name = ": " + name
			}
			h.checks[backend+name] = check
		}
	}
	return h
}

func (s *Server) backendUnwell(name string, err error) {
	s.Log.Warn("backend is not healthy", zap.String("backend", name), zap.Error(err))
}

func (s *Server) storeUnwell(name string, err error) {
	s.Log.Warn("store is not healthy", zap.String("store", name), zap.Error(err))
}

// itself names the check of a backend itself.
func itself(check func(context.Context) error) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"": check}
}

// checkOf returns the check of a backend for /healthz. A backend without one is well.
func checkOf(d driver.Driver) map[string]func(context.Context) error {
	if checker, ok := d.(driver.Checker); ok {
		return itself(checker.Check)
	}
	return itself(func(context.Context) error { return nil })
}

// readyOf returns the check of a backend for /healthcheck, if it has one.
func readyOf(d driver.Driver) map[string]func(context.Context) error {
	if readier, ok := d.(driver.Readier); ok {
		return itself(readier.Ready)
	}
	return nil
}

// storesOf returns the checks of the stores of a backend.
func storesOf(d driver.Driver) map[string]func(context.Context) error {
	if checker, ok := d.(driver.StoreChecker); ok {
		return checker.StoreChecks()
	}
	return nil
}
