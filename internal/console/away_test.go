package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/console/sessions"
	"cindergate/internal/database/pgtest"
	"cindergate/internal/harness"
)

// unsteady is a store that can be away, and that counts what it was told.
type unsteady struct {
	sessions.Store
	away    atomic.Bool
	touches atomic.Int64
}

var errGone = errors.New("dial tcp 192.0.2.1:5432: connection refused")

func (u *unsteady) ask(do func() error) error {
	if u.away.Load() {
		return errGone
	}
	return do()
}

func (u *unsteady) Add(ctx context.Context, s *sessions.Session, l sessions.Limits) error {
	return u.ask(func() error { return u.Store.Add(ctx, s, l) })
}

func (u *unsteady) Find(ctx context.Context, key sessions.Hash) (s *sessions.Session, err error) {
	return s, u.ask(func() error { s, err = u.Store.Find(ctx, key); return err })
}

func (u *unsteady) Change(ctx context.Context, key sessions.Hash, change func(*sessions.Session) ([]byte, error)) error {
	return u.ask(func() error { return u.Store.Change(ctx, key, change) })
}

func (u *unsteady) Touch(ctx context.Context, key sessions.Hash, used time.Time) error {
	u.touches.Add(1)
	return u.ask(func() error { return u.Store.Touch(ctx, key, used) })
}

func (u *unsteady) Remove(ctx context.Context, key sessions.Hash) error {
	return u.ask(func() error { return u.Store.Remove(ctx, key) })
}

// While the database is away nobody gets in, and nobody is logged out.
func TestStoreIsAway(t *testing.T) {
	store := &unsteady{Store: sessions.NewMemory()}
	waits, told := telling()
	r := newRig(t, told, func(o *Options) { o.Sessions = store })
	b := r.login("demo")
	token, form := string(b.session().caller.Token), b.form
	stream := b.stream()
	stream.next()
	<-waits
	store.away.Store(true)
	must(t, r.env.Clock.Advance(t.Context(), lookSeldom))
	<-waits // the stream goes on
	away := func(what string) {
		t.Helper()
		if b.status != http.StatusServiceUnavailable || !strings.Contains(b.page, "still logged in") || strings.Contains(b.page, "192.0.2.1") || b.header.Get("Set-Cookie") != "" || b.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d\n%s", what, b.status, b.page)
		}
	}
	for _, path := range []string{"/ui/", "/ui/volumes", "/ui/login", "/ui/api/overview", "/ui/api/events"} {
		b.do(http.MethodGet, path, nil)
		away(path)
	}
	for _, path := range []string{"/ui/logout", "/ui/scope"} {
		b.post(path, url.Values{"form": {form}})
		away(path)
	}
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}})
	away("a login")
	store.away.Store(false)
	if page := b.get("/ui/volumes"); !strings.Contains(page, "Log out") {
		t.Error("the session has ended")
	}
	if _, err := r.caller(t.Context(), token); err != nil {
		t.Error("the token has ended:", err)
	}
	b.backUp(b.volume("photos"), url.Values{})
	must(t, r.env.Clock.Advance(t.Context(), lookSeldom))
	if event, data := stream.next(); event != "state" {
		t.Errorf("the stream: %s %s", event, data)
	}
}

// A request that was carried out says so, even if the database goes away in the middle of it.
func TestStoreGoesAway(t *testing.T) {
	store := &unsteady{Store: sessions.NewMemory()}
	r := newRig(t, func(o *Options) {
		api := o.API
		o.Sessions = store
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			api.ServeHTTP(w, r)
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/backups") {
				store.away.Store(true)
			}
		})
	})
	b := r.login("demo")
	v := b.volume("photos")
	b.get("/ui/volumes/" + v)
	b.post("/ui/volumes/"+v+"/backup", url.Values{})
	if b.status != http.StatusServiceUnavailable || !strings.Contains(b.page, "The backup has begun.") {
		t.Errorf("%d\n%s", b.status, b.page)
	}
	r.settle()
}

// A login that cannot be kept leaves no token behind.
func TestLoginCannotBeKept(t *testing.T) {
	store := &unsteady{Store: sessions.NewMemory()}
	var token string
	r := newRig(t, func(o *Options) {
		caller := o.Caller
		o.Sessions = store
		o.Caller = func(ctx context.Context, t string) (c driver.Caller, err error) {
			token = t
			store.away.Store(true)
			return caller(ctx, t)
		}
	})
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}})
	if b.status != http.StatusServiceUnavailable || token == "" {
		t.Errorf("%d\n%s", b.status, b.page)
	}
	if _, err := r.caller(t.Context(), token); err == nil {
		t.Error("the token is valid")
	}
}

// A server of PostgreSQL that stops and comes back ends no session.
func TestDatabaseStops(t *testing.T) {
	pgtest.URL(t)                          // skips the test without a server
	dir, err := os.MkdirTemp("", "pgtest") // the server's user cannot enter t.TempDir()
	must(t, err)
	server, err := pgtest.Start(dir, "-c", "fsync=off")
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	g := newGateways(t, server.URL("postgres"))
	b := g.login("demo")
	must(t, server.Down())
	for range 2 {
		if b.do(http.MethodGet, "/ui/volumes", nil); b.status != http.StatusServiceUnavailable {
			t.Errorf("%d at %s", b.status, b.at)
		}
	}
	must(t, server.Up())
	for range 2 {
		if page := b.get("/ui/volumes"); !strings.Contains(page, "Log out") {
			t.Errorf("the session has ended:\n%s", page)
		}
	}
}

// The time of the last use is written once a minute, and not with each click.
func TestUseIsNotedOnceAMinute(t *testing.T) {
	store := &unsteady{Store: sessions.NewMemory()}
	r := newRig(t, func(o *Options) { o.Sessions = store })
	b := r.login("demo")
	for range 3 {
		for range 5 {
			b.get("/ui/volumes")
		}
		must(t, r.env.Clock.Advance(t.Context(), touchEvery))
	}
	if n := store.touches.Load(); n != 2 {
		t.Errorf("it was written %d times in 2 minutes", n)
	}
}
