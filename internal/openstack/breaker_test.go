package openstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
)

// turns is a breaker with a clock.
type turns struct {
	*breaker
	at time.Time
}

func newTurns(after int) *turns {
	t := &turns{at: time.Unix(0, 0)}
	t.breaker = &breaker{after: after, pause: 5 * time.Second, now: func() time.Time { return t.at }, resource: map[string]*circuit{}}
	return t
}

// ask begins a request for a resource and ends it with v. It reports whether the breaker
// let it through.
func (t *turns) ask(resource string, v verdict) bool {
	report, err := t.begin(resource)
	if err != nil {
		return false
	}
	report(v)
	return true
}

func TestBreaker(t *testing.T) {
	many := func(t *turns, n int, resource string, v verdict) {
		for range n {
			t.ask(resource, v)
		}
	}
	for name, test := range map[string]struct {
		before     func(*turns)
		bad, other bool // whether requests for the failing and for another resource pass
	}{
		"nothing yet":         {func(*turns) {}, true, true},
		"a few failures":      {func(b *turns) { many(b, 3, "bad", failing) }, true, true},
		"one bad resource":    {func(b *turns) { many(b, 50, "bad", failing) }, false, true},
		"one that answers so": {func(b *turns) { many(b, 50, "bad", unwell) }, true, true},
		"all answer so": {func(b *turns) {
			for i := range 4 {
				b.ask(fmt.Sprint(i), unwell)
			}
		}, false, false},
		"two bad resources": {func(b *turns) {
			for range 20 {
				b.ask("bad", failing)
				b.ask("worse", failing)
			}
		}, false, true},
		"everything fails": {func(b *turns) {
			for i := range 4 {
				b.ask(fmt.Sprint(i), failing)
			}
		}, false, false},
		"no connection":        {func(b *turns) { many(b, 4, "bad", down) }, false, false},
		"clients break off":    {func(b *turns) { many(b, 100, "bad", nothing) }, true, true},
		"one of many succeeds": {func(b *turns) { b.ask("1", failing); b.ask("2", failing); b.ask("3", healthy); b.ask("4", failing) }, true, true},
	} {
		b := newTurns(4)
		test.before(b)
		if got := b.ask("bad", nothing); got != test.bad {
			t.Errorf("%s: the failing resource is let through: %t", name, got)
		}
		if got := b.ask("other", nothing); got != test.other {
			t.Errorf("%s: another resource is let through: %t", name, got)
		}
	}
	off := newTurns(0)
	for range 3 {
		if !off.ask("x", down) {
			t.Error("0 switches it off")
		}
	}
}

// After the pause one request at a time probes. A client that leaves gives no verdict.
func TestBreakerTriesAgain(t *testing.T) {
	b := newTurns(2)
	b.ask("x", down)
	b.ask("x", down)
	_, err := b.begin("y")
	var broken *ErrBroken
	if !errors.As(err, &broken) || broken.RetryAfter != 5*time.Second {
		t.Fatal(err)
	}
	b.at = b.at.Add(3500 * time.Millisecond)
	if _, err = b.begin("y"); !errors.As(err, &broken) || broken.RetryAfter != 2*time.Second {
		t.Fatalf("%v %+v", err, broken)
	}
	b.at = b.at.Add(1500 * time.Millisecond)
	probe, err := b.begin("y")
	if err != nil {
		t.Fatal(err)
	}
	if b.ask("z", healthy) {
		t.Error("two try at the same time")
	}
	probe(nothing)
	// One bad resource does not keep the circuit open.
	if !b.ask("bad", failing) || !b.ask("z", healthy) || !b.ask("z", healthy) {
		t.Error("it is not closed")
	}
	b = newTurns(2)
	b.ask("x", down)
	b.ask("x", down)
	b.at = b.at.Add(5 * time.Second)
	if !b.ask("y", down) || b.ask("z", healthy) {
		t.Error("it is not open again")
	}
}

func TestFailingResourcesAreBounded(t *testing.T) {
	b := newTurns(1 << 30)
	for i := range 3 * maxFailing {
		b.ask(fmt.Sprint(i), failing)
	}
	if len(b.resource) > maxFailing || len(b.service.seen) > spread {
		t.Errorf("%d resources are remembered", len(b.resource))
	}
}

// A resource has one name, whatever the action and the spelling of the path.
func TestResources(t *testing.T) {
	for path, want := range map[string]string{
		"/v3/p1/volumes/bad":                "volumes/bad ",
		"/v3/p1/volumes/bad/metadata?x=1":   "volumes/bad ",
		"/v3/volumes/bad/action":            "volumes/bad ",
		"/v3/p1/volumes/b%61d":              "volumes/bad ",
		"/volume/v3/p1//volumes/bad/x":      "volumes/bad ",
		"/v2.1/p1/cloudbackups/bad/restore": "cloudbackups/bad ",
		"/v3/p1/volumes":                    "volumes ",
		"/":                                 " ",
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if got := (target{project: "p1"}).resource(r); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// brokenBody is a request's body that breaks off.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }
func (brokenBody) Close() error               { return nil }

// Clients that leave do not count as failures of the backend.
func TestClientsDoNotOpenTheBreaker(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/v3/slow" {
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	transport, err := NewTransport(Options{Name: "east", BreakAfter: 1})
	if err != nil {
		t.Fatal(err)
	}
	post := func(ctx context.Context, path string, body io.Reader) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	for i, test := range []struct {
		err  error
		kind driver.Kind
	}{
		{io.ErrUnexpectedEOF, driver.Canceled}, {net.ErrClosed, driver.Canceled}, {errors.New("invalid byte in chunk length"), driver.InvalidInput},
	} {
		err := transport.Classify(post(t.Context(), fmt.Sprintf("/v3/p/volumes/%d", i), brokenBody{test.err}))
		if driver.KindOf(err) != test.kind {
			t.Errorf("%v: %v", test.err, err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, leave)
	if err := transport.Classify(post(ctx, "/v3/slow", strings.NewReader("x"))); driver.KindOf(err) != driver.Canceled {
		t.Errorf("a client that leaves: %v", err)
	}
	if err := post(t.Context(), "/v3/p/volumes", nil); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// Each service of a backend has its own breaker.
func TestServicesAreApart(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/evs") {
			asked.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	transport, err := NewTransport(Options{Name: "east", BreakAfter: 3, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	get := func(service, path string) error {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		resp, err := transport.To(service, "p").RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	for i := range 10 {
		_ = get("EVS", fmt.Sprintf("/evs/v2/p/volumes/%d", i))
	}
	var broken *ErrBroken
	if err := get("EVS", "/evs/v2/p/types"); !errors.As(err, &broken) || asked.Load() != 3 {
		t.Errorf("the failing service: %v after %d requests", err, asked.Load())
	}
	if err := get("VBS", "/vbs/v2/p/backups"); err != nil {
		t.Errorf("another service: %v", err)
	}
}

func TestNoRetriesAndNoBudget(t *testing.T) {
	for name, o := range map[string]Options{"retries": {Retries: -1}, "budget": {RetryBudget: -1}} {
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		o.Name, o.RetryWait = "east", time.Millisecond
		transport, err := NewTransport(o)
		if err != nil {
			t.Fatal(err)
		}
		send(t, transport, http.MethodGet, server.URL, nil)
		server.Close()
		if n := asked.Load(); n != 1 {
			t.Errorf("without %s: asked %d times", name, n)
		}
	}
}
