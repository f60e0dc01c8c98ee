package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
)

// loginPage is what the page for logins shows.
type loginPage struct {
	Ways    []string // password, credential, token, noauth
	Problem string
	Ended   bool   // the session has ended
	Next    string // where to go after it
	Fields  map[string]string
}

func (c *Console) loginPage(r *http.Request) *loginPage {
	p := &loginPage{Ways: []string{"password", "credential", "token"}, Next: nextOf(r.FormValue("next")), Fields: map[string]string{}}
	if c.identity == nil {
		p.Ways = []string{"noauth"}
	}
	for _, name := range []string{"domain", "user", "project"} {
		if value := r.PostFormValue(name); len(value) <= 255 {
			p.Fields[name] = value
		}
	}
	return p
}

// nextOf returns a path of the console; "" for anything else.
func nextOf(path string) string {
	if !strings.HasPrefix(path, "/ui/") || strings.ContainsAny(path, "\\\r\n") || len(path) > 1024 || strings.HasPrefix(path, "/ui/api") {
		return ""
	}
	return path
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request) {
	s, err := c.sessions.find(r)
	if err != nil {
		c.away(w, r, err)
		return
	}
	if s != nil {
		http.Redirect(w, r, "/ui/", http.StatusSeeOther)
		return
	}
	p := c.loginPage(r)
	p.Ended = r.FormValue("ended") != ""
	c.render(w, http.StatusOK, "login", &page{Title: "Log in", Data: p})
}

// login begins a session.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	p := c.loginPage(r)
	refuse := func(status int, text string) {
		p.Problem = text
		c.render(w, status, "login", &page{Title: "Log in", Data: p})
	}
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "The form is longer than 65536 bytes, or is not one.")
		return
	}
	leave, ok := c.logins.enter(c.o.Client(r))
	if !ok {
		w.Header().Set("Retry-After", "60")
		refuse(http.StatusTooManyRequests, "Too many logins from this address are under way, or have failed in this minute. Wait a minute.")
		return
	}
	old, err := c.sessions.find(r)
	if err != nil {
		leave(false)
		c.away(w, r, err)
		return
	}
	st, expires, err := c.open(from(r), r)
	leave(err != nil)
	var f *fault
	var classified *driver.Error
	switch {
	case errors.As(err, &f):
		refuse(f.Status, f.Text)
		return
	case errors.As(err, &classified) && classified.Kind == driver.Unauthorized:
		refuse(http.StatusUnauthorized, classified.Message)
		return
	case errors.As(err, &classified) && classified.Kind == driver.Unavailable:
		refuse(http.StatusServiceUnavailable, classified.Message)
		return
	case err != nil:
		c.o.Log.Warn("a login to the console failed", zap.Error(err))
		refuse(http.StatusBadGateway, "The identity service does not answer.")
		return
	}
	if old != nil {
		err = c.sessions.end(r.Context(), old)
	}
	id := ""
	if err == nil {
		id, err = c.sessions.begin(r.Context(), st, expires)
	}
	switch {
	case errors.Is(err, errAway):
		c.discard(from(r), &st)
		c.away(w, r, err)
		return
	case errors.As(err, &f):
		c.discard(from(r), &st)
		refuse(f.Status, f.Text)
		return
	case err != nil:
		c.discard(from(r), &st)
		c.o.Log.Error("a session of the console cannot be made", zap.Error(err))
		refuse(http.StatusInternalServerError, "The session cannot be made. The log of the gateway says why.")
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // without TLS a browser would not send a secure cookie
		Name: cookieName, Value: id, Path: Prefix, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: c.o.Secure(r),
	})
	to := p.Next
	if to == "" {
		to = "/ui/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// open checks a login, and makes the state of a session of it, which ends with the token.
func (c *Console) open(ctx context.Context, r *http.Request) (st kept, expires time.Time, err error) {
	token, owned, info, err := c.token(ctx, r)
	if err != nil {
		return st, expires, err
	}
	st = kept{Token: token, Owned: owned, User: info.Token.User.Name, Project: info.Token.Project.Name}
	caller, err := c.o.Caller(ctx, token)
	switch {
	case err != nil:
	case caller.ProjectID == "":
		err = &fault{http.StatusUnauthorized, "The login is for no project: name a project that you have a role in."}
	case c.o.Mode == Admin && !caller.IsAdmin():
		err = &fault{http.StatusForbidden, "Only admins may use this console (setting ui: admin)."}
	}
	if err != nil {
		c.discard(ctx, &st)
		return st, expires, err
	}
	st.UserID, st.ProjectID, st.Role = caller.UserID, caller.ProjectID, caller.Role
	if st.User == "" {
		st.User, st.Project = caller.UserID, caller.ProjectID
	}
	if expires = info.Token.ExpiresAt; expires.IsZero() {
		expires = c.o.Clock.Now().Add(wholeTime)
	}
	return st, expires, nil
}

// discard ends the token of a login that makes no session, if it was made for it.
func (c *Console) discard(ctx context.Context, st *kept) {
	if st.Owned {
		_ = c.identity.revoke(ctx, st.Token) // it ends by itself, too
	}
}

// token returns the token that the form asks for or has. owned says that it was made for this session.
func (c *Console) token(ctx context.Context, r *http.Request) (token string, owned bool, info tokenInfo, err error) {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	missing := func(names ...string) error {
		for _, name := range names {
			if field(name) == "" {
				return &fault{http.StatusBadRequest, "The field " + name + " must not be empty."}
			}
		}
		return nil
	}
	way := field("way")
	switch {
	case c.identity == nil && way == "noauth":
		if err := missing("user", "project"); err != nil {
			return "", false, info, err
		}
		return field("user") + ":" + field("project"), false, info, nil
	case c.identity == nil:
	case way == "password":
		if err := missing("user", "password", "project"); err != nil {
			return "", false, info, err
		}
		domain := field("domain")
		if domain == "" {
			domain = "Default"
		}
		token, info, err = c.identity.login(ctx, gophercloud.AuthOptions{
			Username: field("user"), Password: r.PostFormValue("password"), DomainName: domain,
			Scope: &gophercloud.AuthScope{ProjectName: field("project"), DomainName: domain},
		})
		return token, true, info, err
	case way == "credential":
		if err := missing("credential", "secret"); err != nil {
			return "", false, info, err
		}
		token, info, err = c.identity.login(ctx, gophercloud.AuthOptions{ApplicationCredentialID: field("credential"), ApplicationCredentialSecret: r.PostFormValue("secret")})
		return token, true, info, err
	case way == "token":
		if err := missing("token"); err != nil {
			return "", false, info, err
		}
		info, err = c.identity.show(ctx, field("token"))
		return field("token"), false, info, err
	}
	return "", false, info, &fault{http.StatusBadRequest, "The field way is none of the ways to log in here."}
}

// logout ends the session, and the token if it was made for it. A token that was pasted stays, for it
// is somebody's.
func (q *request) logout() error {
	if err := q.c.sessions.end(q.r.Context(), q.s); err != nil {
		return err
	}
	if q.s.kept.Owned {
		if err := q.c.identity.revoke(from(q.r), string(q.s.caller.Token)); err != nil && !isStatus(err, http.StatusUnauthorized) {
			q.c.o.Log.Warn("a token of the console was not revoked", zap.Error(err))
		}
	}
	http.SetCookie(q.w, &http.Cookie{Name: cookieName, Path: Prefix, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: q.c.o.Secure(q.r)}) //nolint:gosec // see login
	http.Redirect(q.w, q.r, "/ui/login", http.StatusSeeOther)
	return nil
}

// Bounds of logins from one address, at one gateway: they protect this process. What protects passwords are
// the bounds of the identity service, which each login here passes with the address of the browser: those of
// the built-in one hold at all gateways together (identity/accounts/failures.go), and those of a Keystone are
// its own. Whoever would go from one gateway to the next may ask that service directly as well.
const (
	loginsAtOnce   = 4
	failedAMinute  = 20
	knownAddresses = 10_000
)

// attempts bounds logins.
type attempts struct {
	clock clockwork.Clock
	mu    sync.Mutex
	of    map[string]*attempt // by address
}

type attempt struct {
	since           time.Time
	underWay, wrong int
}

func newAttempts(clock clockwork.Clock) *attempts {
	return &attempts{clock: clock, of: map[string]*attempt{}}
}

// enter counts a login. The caller must call leave.
func (a *attempts) enter(address string) (leave func(failed bool), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Now()
	t := a.of[address]
	if t == nil {
		if len(a.of) >= knownAddresses {
			for other, old := range a.of {
				if old.underWay == 0 && now.Sub(old.since) >= time.Minute {
					delete(a.of, other)
				}
			}
		}
		if len(a.of) >= knownAddresses {
			return nil, false
		}
		t = &attempt{since: now}
		a.of[address] = t
	}
	if now.Sub(t.since) >= time.Minute {
		t.since, t.wrong = now, 0
	}
	if t.underWay >= loginsAtOnce || t.wrong >= failedAMinute {
		return nil, false
	}
	t.underWay++
	return func(failed bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if t.underWay--; failed {
			t.wrong++
		}
	}, true
}
