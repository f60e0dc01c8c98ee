package gateway_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/gateway"
)

// stalled is a backend whose checks hang until release is closed, whatever their context says.
type stalled struct {
	backend
	checks  *atomic.Int32
	release chan struct{}
}

func (s stalled) Check(context.Context) error {
	s.checks.Add(1)
	<-s.release
	return nil
}

// Three backends that hang cost /healthz the timeout of one, hide nothing of the others, and are
// not asked again while they hang.
func TestStalledBackendsDoNotAddUp(t *testing.T) {
	const limit = 200 * time.Millisecond
	var checks atomic.Int32
	release := make(chan struct{})
	g := newRig(t, func(o *gateway.Options) {
		o.HealthTimeout, o.Default = limit, "well"
		o.Backends = map[string]driver.Driver{"well": backend{}, "ill": check{err: errors.New(secret)}}
		for _, name := range []string{"a", "b", "c"} {
			o.Backends[name] = stalled{backend{}, &checks, release}
		}
	})
	const want = `{"backends":{"a":"unavailable","b":"unavailable","c":"unavailable","ill":"unavailable","well":"ok"}}`
	for range 3 {
		began := time.Now()
		answer, body := g.call(http.MethodGet, "/healthz", "", "")
		if took := time.Since(began); answer.StatusCode != http.StatusServiceUnavailable || body != want || took > 3*limit {
			t.Fatalf("%d %s after %v", answer.StatusCode, body, took)
		}
		if n := checks.Load(); n != 3 {
			t.Fatalf("%d checks of 3 backends that hang", n)
		}
	}
	close(release)
	for checks.Load() == 3 { // the next checks start once the hanging ones have ended
		g.call(http.MethodGet, "/healthz", "", "")
	}
}

// ready is a backend with a readiness of its own. Its other services never answer.
type ready struct {
	stalled
	err error
}

func (r ready) Ready(context.Context) error { return r.err }

// slow never says whether it is ready.
type slow struct{ backend }

func (slow) Ready(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// /healthcheck asks what is the gateway's own, and no backend elsewhere.
func TestReadiness(t *testing.T) {
	for _, x := range []struct {
		backend driver.Driver
		status  int
		body    string
		alive   bool
	}{
		{ready{}, 200, `{"detailed":false,"reasons":["OK"]}`, true},
		{ready{err: driver.Wrap(driver.Unavailable, errors.New(secret), "The database does not answer.")}, 503,
			`{"detailed":false,"reasons":["The database does not answer."]}`, true},
		{ready{err: errors.New(secret)}, 503, `{"detailed":false,"reasons":["A backend is not ready."]}`, true},
		{slow{}, 503, `{"detailed":false,"reasons":["A backend does not answer in time."]}`, false},
	} {
		var checks atomic.Int32
		if r, ok := x.backend.(ready); ok {
			r.stalled = stalled{backend{}, &checks, nil}
			x.backend = r
		}
		server := gateway.New(gateway.Options{
			Backends: map[string]driver.Driver{"own": x.backend, "far": stalled{backend{}, &checks, nil}}, Default: "own",
			Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics(), HealthTimeout: 50 * time.Millisecond,
		})
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/healthcheck", nil))
		if answer.Code != x.status || answer.Body.String() != x.body {
			t.Errorf("%d %s, want %d %s", answer.Code, answer.Body, x.status, x.body)
		}
		if n := checks.Load(); n != 0 {
			t.Errorf("%d checks of other services", n)
		}
		answer = httptest.NewRecorder()
		server.Internal().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/livez", nil))
		if err := server.Alive(t.Context()); (err == nil) != x.alive || (answer.Code == http.StatusOK) != x.alive {
			t.Errorf("%s: alive: %v, /livez: %d", x.body, err, answer.Code)
		}
	}
}

// stored is a backend with backup stores.
type stored struct {
	backend
	checks map[string]func(context.Context) error
}

func (s stored) StoreChecks() map[string]func(context.Context) error { return s.checks }

// Problems of a backup store are called those of a store. Only what is meant for others is shown.
func TestStoreHealthInWords(t *testing.T) {
	server := gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"own": stored{backend{}, map[string]func(context.Context) error{
			"well": func(context.Context) error { return nil },
			"slow": slow{}.Ready,
			"odd":  func(context.Context) error { return errors.New(secret) },
			"away": func(context.Context) error { return driver.Wrap(driver.Unavailable, errors.New(secret), "It is away.") },
		}}},
		Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics(), HealthTimeout: 50 * time.Millisecond,
	})
	found, err := server.StoreHealth(t.Context())
	want := map[string]string{
		"own: well": "", "own: slow": "A backup store does not answer in time.",
		"own: odd": "A backup store is not ready.", "own: away": "It is away.",
	}
	if err != nil || !maps.Equal(found, want) {
		t.Errorf("%v %v", found, err)
	}
}

// The listener for operators has metrics and health, and nothing else. The public one has no
// metrics then.
func TestInternalListener(t *testing.T) {
	server := gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"one": backend{}}, Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics(), HideMetrics: true,
	})
	get := func(h http.Handler, path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer
	}
	for path, want := range map[string]string{
		"/metrics": "", "/healthcheck": `{"detailed":false,"reasons":["OK"]}`, "/healthz": `{"backends":{"one":"ok"}}`,
	} {
		if answer := get(server.Internal(), path); answer.Code != http.StatusOK || path != "/metrics" && answer.Body.String() != want {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
	if answer := get(server.Internal(), "/metrics"); !strings.Contains(answer.Body.String(), "cindergate_stray_files_total") {
		t.Errorf("/metrics: %.300s", answer.Body)
	}
	for _, path := range []string{"/", "/v3/", own + "/backups", "/metrics/x"} {
		if answer := get(server.Internal(), path); answer.Code != http.StatusNotFound {
			t.Errorf("%s at the operators' listener: %d", path, answer.Code)
		}
	}
	if answer := get(server, "/metrics"); answer.Code != http.StatusNotFound {
		t.Errorf("/metrics at the public listener: %d", answer.Code)
	}
}
