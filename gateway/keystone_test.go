package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// fakeKeystone logs in the gateway's own user, and validates tokens with validate.
type fakeKeystone struct {
	*httptest.Server
	validations, logins atomic.Int32
	// validate answers GET /v3/auth/tokens for a subject token.
	validate func(w http.ResponseWriter, subject string)
}

func newFakeKeystone(t *testing.T) *fakeKeystone {
	t.Helper()
	k := &fakeKeystone{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /v3/auth/tokens":
			k.logins.Add(1)
			w.Header().Set("X-Subject-Token", "own-token")
			w.WriteHeader(http.StatusCreated)
			writeToken(w, "service", time.Now().Add(time.Hour), "admin")
		case "GET /v3/auth/tokens":
			if r.Header.Get("X-Auth-Token") != "own-token" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			k.validations.Add(1)
			k.validate(w, r.Header.Get("X-Subject-Token"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(k.Close)
	return k
}

func writeToken(w http.ResponseWriter, project string, expires time.Time, roles ...string) {
	list := make([]map[string]string, len(roles))
	for i, r := range roles {
		list[i] = map[string]string{"name": r}
	}
	token := map[string]any{"expires_at": expires.UTC().Format("2006-01-02T15:04:05.000000Z"), "user": map[string]any{"id": "u1"}, "roles": list}
	if project != "" {
		token["project"] = map[string]any{"id": project}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token})
}

func newKeystone(t *testing.T, fake *fakeKeystone, change func(*KeystoneOptions)) (*Keystone, *clockwork.FakeClock) {
	t.Helper()
	c := clockwork.NewFakeClock()
	o := KeystoneOptions{
		URL: fake.URL + "/v3", Username: "cindergate", Password: "secret", Project: "service",
		UserDomain: "default", ProjectDomain: "default", Clock: c,
	}
	if change != nil {
		change(&o)
	}
	k, err := NewKeystone(o)
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

func TestKeystoneTellsTheCaller(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, nil)
	for token, want := range map[string]driver.Role{
		"admin": driver.Admin, "member": driver.Member, "reader": driver.Reader, "nobody": driver.NoRole,
	} {
		fake.validate = func(w http.ResponseWriter, subject string) {
			writeToken(w, "p1", c.Now().Add(time.Hour), subject, "something_else")
		}
		caller, err := k.Authenticate(t.Context(), token)
		if err != nil || caller.Role != want || caller.ProjectID != "p1" || caller.UserID != "u1" || caller.Token != driver.Token(token) {
			t.Errorf("%s: %v %+v", token, err, caller)
		}
	}
	fake.validate = func(w http.ResponseWriter, _ string) { writeToken(w, "", c.Now().Add(time.Hour), "admin") }
	if caller, err := k.Authenticate(t.Context(), "unscoped"); err != nil || caller.ProjectID != "" || caller.UserID != "u1" {
		t.Errorf("unscoped: %v %+v", err, caller)
	}
	if fake.logins.Load() != 1 {
		t.Errorf("logged in %d times", fake.logins.Load())
	}
}

func TestAnyRole(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, func(o *KeystoneOptions) { o.AdminRoles, o.MemberRoles = []string{"boss"}, []string{AnyRole} })
	for role, want := range map[string]driver.Role{"te_admin": driver.Member, "boss": driver.Admin, "": driver.NoRole} {
		fake.validate = func(w http.ResponseWriter, _ string) {
			var roles []string
			if role != "" {
				roles = append(roles, role)
			}
			writeToken(w, "p1", c.Now().Add(time.Hour), roles...)
		}
		if caller, err := k.Authenticate(t.Context(), "token of "+role); err != nil || caller.Role != want {
			t.Errorf("%q: %v %+v", role, err, caller)
		}
	}
}

func TestKeystoneCacheEndsWithTheToken(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, nil)
	expires := c.Now().Add(30 * time.Second)
	fake.validate = func(w http.ResponseWriter, _ string) {
		if !c.Now().Before(expires) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		writeToken(w, "p1", expires, "member")
	}
	ask := func(wantOK bool, wantValidations int32) {
		t.Helper()
		_, err := k.Authenticate(t.Context(), "token")
		if (err == nil) != wantOK || fake.validations.Load() != wantValidations {
			t.Fatalf("%v after %d validations, want %d", err, fake.validations.Load(), wantValidations)
		}
	}
	ask(true, 1)
	c.Advance(20 * time.Second)
	ask(true, 1)
	c.Advance(11 * time.Second) // after the token's expiry, before the end of cache_time
	ask(false, 2)
	ask(false, 2) // the rejection is cached
	c.Advance(11 * time.Second)
	ask(false, 3) // for a short time only
}

func TestKeystoneValidatesATokenOnce(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, nil)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	fake.validate = func(w http.ResponseWriter, _ string) {
		entered <- struct{}{}
		<-release
		writeToken(w, "p1", c.Now().Add(time.Hour), "member")
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := k.Authenticate(ctx, "token")
		first <- err
	}()
	<-entered
	var wait sync.WaitGroup
	errs := make(chan error, 20)
	for range 20 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := k.Authenticate(t.Context(), "token")
			errs <- err
		}()
	}
	cancel() // the client that began the validation leaves
	if err := <-first; driver.KindOf(err) != driver.Canceled {
		t.Error(err)
	}
	close(release)
	wait.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if n := fake.validations.Load(); n != 1 {
		t.Errorf("%d validations", n)
	}
}

func TestKeystoneDownIsNoOpenDoor(t *testing.T) {
	fake := newFakeKeystone(t)
	k, _ := newKeystone(t, fake, nil)
	fake.validate = func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusInternalServerError) }
	for _, down := range []func(){func() {}, fake.Close} {
		down()
		_, err := k.Authenticate(t.Context(), "token")
		if driver.KindOf(err) != driver.Unavailable {
			t.Fatal(err)
		}
	}
}

func TestKeystoneCacheIsBounded(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, func(o *KeystoneOptions) { o.CacheSize = 2 })
	fake.validate = func(w http.ResponseWriter, _ string) { writeToken(w, "p1", c.Now().Add(time.Hour), "member") }
	for _, token := range []string{"a", "b", "c", "c", "b", "a"} {
		if _, err := k.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	if n := fake.validations.Load(); n != 4 {
		t.Errorf("%d validations, want 4: only the first token was forgotten", n)
	}
}
