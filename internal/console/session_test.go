package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/harness"
)

// A login makes a session whose cookie no script and no other site gets. Nothing of the token or the
// password reaches the browser.
func TestLogin(t *testing.T) { onStores(t, testLogin) }

func testLogin(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	b := r.browser()
	b.do(http.MethodGet, "/ui/volumes?name=a", nil)
	if b.status != http.StatusOK || b.at != "/ui/login?next="+url.QueryEscape("/ui/volumes?name=a") {
		t.Errorf("without a session: %d at %s", b.status, b.at)
	}
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {"hunter2<b>"}, "project": {"demo"}})
	if b.status != http.StatusUnauthorized || !strings.Contains(b.page, "The identity service refuses this login") || strings.Contains(b.page, "hunter2") || !strings.Contains(b.page, `value="demo"`) {
		t.Errorf("a wrong password: %d\n%s", b.status, b.page)
	}
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"alt"}})
	if b.status != http.StatusUnauthorized {
		t.Errorf("another project: %d", b.status)
	}
	for way, field := range map[string]string{"password": "user", "credential": "credential", "token": "token", "other": "way"} {
		b.post("/ui/login", url.Values{"way": {way}})
		if b.status != http.StatusBadRequest || !strings.Contains(b.page, "The field "+field) {
			t.Errorf("an empty form %s: %d\n%s", way, b.status, b.page)
		}
	}
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}, "next": {"/ui/volumes?name=a"}})
	if b.status != http.StatusSeeOther || b.header.Get("Location") != "/ui/volumes?name=a" {
		t.Errorf("login: %d %s", b.status, b.header.Get("Location"))
	}
	cookie := b.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/ui"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	b.client.CheckRedirect = nil
	secrets := []string{string(b.session().caller.Token), harness.Password}
	v := b.volume("v")
	b.backUp(v, url.Values{})
	for _, path := range allPages(v) {
		page := b.get(path)
		for _, secret := range secrets {
			if strings.Contains(page, secret) {
				t.Errorf("%s holds a secret", path)
			}
		}
	}
}

// A login goes nowhere but to pages of the console.
func TestNext(t *testing.T) {
	for path, want := range map[string]string{
		"/ui/volumes": "/ui/volumes", "//evil.example/ui/": "", "https://evil.example/ui/": "", "/ui/\\evil": "", "/ui/a\r\nb": "", "/uix": "", "": "",
		"/ui/api/events": "", "/ui/" + strings.Repeat("a", 2000): "",
	} {
		if got := nextOf(path); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
}

// A pasted token is a login, and stays when the session ends. A token that the console has made is
// revoked then.
func TestLogout(t *testing.T) { onStores(t, testLogout) }

func testLogout(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	first := r.login("demo")
	token := string(first.session().caller.Token)
	second := r.browser()
	second.post("/ui/login", url.Values{"way": {"token"}, "token": {token}})
	if second.status != http.StatusOK || second.at != "/ui/" || !strings.Contains(second.page, "demo") {
		t.Fatalf("a pasted token: %d %s", second.status, second.page)
	}
	second.get("/ui/")
	second.post("/ui/logout", url.Values{})
	if second.at != "/ui/login" {
		t.Errorf("after the logout: %s", second.at)
	}
	first.get("/ui/")
	first.post("/ui/logout", url.Values{})
	if _, err := r.caller(t.Context(), token); err == nil {
		t.Error("the token of the session is still valid")
	}
	first.do(http.MethodGet, "/ui/volumes", nil)
	if !strings.HasPrefix(first.at, "/ui/login") {
		t.Errorf("after the logout, a page is at %s", first.at)
	}
}

// Another login of the same browser ends the session before.
func TestLoginAgain(t *testing.T) { onStores(t, testLoginAgain) }

func testLoginAgain(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	b := r.login("demo")
	first := b.session()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"alt"}, "password": {harness.Password}, "project": {"alt"}})
	select {
	case <-first.held.ended:
	default:
		t.Error("the first session goes on here")
	}
	if on, err := r.c.sessions.goesOn(t.Context(), first); on || err != nil {
		t.Error("the first session goes on", err)
	}
	if s := b.session(); s.User() != "alt" {
		t.Errorf("the session of %s", s.User())
	}
}

// While the identity service does not answer the gateway, nobody logs in.
func TestLoginWithoutValidation(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Caller = func(context.Context, string) (driver.Caller, error) {
			return driver.Caller{}, driver.Errorf(driver.Unavailable, "The identity service cannot be reached, so the token could not be validated.")
		}
	})
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}})
	if b.status != http.StatusServiceUnavailable || !strings.Contains(b.page, "could not be validated") || b.header.Get("Set-Cookie") != "" {
		t.Errorf("%d\n%s", b.status, b.page)
	}
}

// A session ends when its token is revoked, when the token expires, and when it is idle.
func TestSessionEnds(t *testing.T) { onStores(t, testSessionEnds) }

func testSessionEnds(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	ended := func(b *browser, why string) {
		t.Helper()
		b.do(http.MethodGet, "/ui/volumes", nil)
		if !strings.HasPrefix(b.at, "/ui/login?ended=1") || !strings.Contains(b.page, "The session has ended") {
			t.Errorf("%s: %d at %s", why, b.status, b.at)
		}
		b.do(http.MethodGet, "/ui/api/overview", nil)
		if b.status != http.StatusUnauthorized {
			t.Errorf("%s: the API answers %d", why, b.status)
		}
	}
	b := r.login("demo")
	must(t, r.c.identity.revoke(t.Context(), string(b.session().caller.Token)))
	ended(b, "revoked")
	b = r.login("demo")
	must(t, r.env.Clock.Advance(t.Context(), 61*time.Minute)) // tokens of the harness last an hour
	ended(b, "expired")

	pass := func(d time.Duration) { must(t, r.env.Clock.Advance(t.Context(), d)) }
	used := r.begin("ann", 24*time.Hour)
	for range 12 {
		if s := r.find(used); s == nil {
			t.Fatal("a session that is used has ended")
		} else {
			pass(59 * time.Minute)
			r.c.sessions.touch(t.Context(), s)
		}
	}
	pass(11 * time.Minute)
	if r.find(used) == nil {
		t.Error("a session has ended before 12 hours")
	}
	pass(time.Minute)
	if r.find(used) != nil {
		t.Error("a session of 12 hours has not ended")
	}
	idle := r.begin("ann", 24*time.Hour)
	pass(time.Hour)
	if r.find(idle) != nil {
		t.Error("an idle session has not ended")
	}
}

// There are at most so many sessions: one more ends the one that is idle longest.
func TestSessionsAreBounded(t *testing.T) { onStores(t, testSessionsAreBounded) }

func testSessionsAreBounded(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	var ids []string
	for i := range maxSessions + 1 {
		ids = append(ids, r.begin(fmt.Sprint("u", i), time.Hour))
		if i < 2 {
			must(t, r.env.Clock.Advance(t.Context(), time.Second))
		}
	}
	if r.find(ids[0]) != nil {
		t.Error("the oldest session has not ended")
	}
	for _, id := range ids[1:] {
		if r.find(id) == nil {
			t.Fatal("another session has ended")
		}
	}
	if n := len(r.c.sessions.shelf.all); n > maxSessions {
		t.Errorf("the gateway holds something of %d sessions", n)
	}
}

// Whoever logs in again and again ends sessions of its own, and not those of others.
func TestSessionsOfOneUser(t *testing.T) { onStores(t, testSessionsOfOneUser) }

func testSessionsOfOneUser(t *testing.T, store func(*Options)) {
	r := newRig(t, store)
	other := r.begin("other", time.Hour)
	var own []string
	for range 3 * sessionsOfUser {
		must(t, r.env.Clock.Advance(t.Context(), time.Millisecond))
		own = append(own, r.begin("greedy", time.Hour))
	}
	if r.find(other) == nil {
		t.Error("the session of somebody else has ended")
	}
	for i, id := range own {
		if there := r.find(id) != nil; there != (i >= len(own)-sessionsOfUser) {
			t.Errorf("session %d is there: %t", i, there)
		}
	}
}

// Failed logins from one address are bounded, and those of other addresses are not.
func TestLoginsAreBounded(t *testing.T) {
	r := newRig(t)
	a := newAttempts(r.env.Clock)
	for range failedAMinute {
		leave, ok := a.enter("a")
		if !ok {
			t.Fatal("refused too early")
		}
		leave(true)
	}
	if _, ok := a.enter("a"); ok {
		t.Error("one failure too many")
	}
	if leave, ok := a.enter("b"); !ok {
		t.Error("another address is refused")
	} else {
		leave(false)
	}
	must(t, r.env.Clock.Advance(t.Context(), time.Minute))
	for range loginsAtOnce {
		if _, ok := a.enter("a"); !ok {
			t.Error("refused after a minute")
		}
	}
	if _, ok := a.enter("a"); ok {
		t.Error("one too many at once")
	}
}

// The identity service sees the address of the browser, so that its own bounds work.
func TestIdentitySeesTheBrowser(t *testing.T) {
	var seen []string
	r := newRig(t, func(o *Options) {
		api := o.API
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/identity") {
				seen = append(seen, hostOf(r.RemoteAddr)+" "+r.Header.Get("X-Forwarded-For"))
			}
			api.ServeHTTP(w, r)
		})
	})
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {"x"}, "project": {"demo"}}, "X-Forwarded-For", "192.0.2.7")
	if len(seen) != 1 || seen[0] != "127.0.0.1 192.0.2.7" {
		t.Errorf("the identity service sees %q", seen)
	}
}

// Over TLS the cookie is for TLS only. Behind a proxy that changes the host, forms come from the public URL.
func TestBehindAProxy(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Secure = func(*http.Request) bool { return true }
		o.Origins = []string{"https://volume.example.com"}
	})
	b := r.browser()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}}
	b.post("/ui/login", form, "Origin", "https://volume.example.com")
	if b.status != http.StatusSeeOther || !strings.Contains(b.header.Get("Set-Cookie"), "; Secure") {
		t.Errorf("%d %s", b.status, b.header.Get("Set-Cookie"))
	}
	b.post("/ui/login", form, "Origin", "https://evil.example.com")
	if b.status != http.StatusForbidden {
		t.Errorf("another origin: %d", b.status)
	}
}
