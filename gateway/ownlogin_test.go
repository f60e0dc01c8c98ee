package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// iam is an identity service whose tokens expire. It answers requests with an expired token
// with Status: 403 as Huawei's IAM does, or 401 as Keystone does.
type iam struct {
	*httptest.Server
	now      func() time.Time
	lifetime time.Duration // 0: the answer to a login has no expires_at

	mu          sync.Mutex
	status      int
	refuseLogin bool
	own         map[string]time.Time // the gateway's tokens and their expiry
	logins      int
	validations int
	queries     []string
}

func newIAM(t *testing.T, status int, lifetime time.Duration) (*iam, *Keystone, *clockwork.FakeClock) {
	t.Helper()
	i := &iam{status: status, lifetime: lifetime, own: map[string]time.Time{}}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	c := clockwork.NewFakeClock()
	i.now = c.Now
	k, err := NewKeystone(KeystoneOptions{
		URL: i.URL + "/v3", Username: "cindergate", Password: "secret", Project: "service",
		UserDomain: "default", ProjectDomain: "default", Clock: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	return i, k, c
}

// end invalidates all tokens of the gateway before they expire.
func (i *iam) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.own)
}

func (i *iam) change(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *iam) counts() (logins, validations int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.logins, i.validations
}

func (i *iam) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	refuse := func(status int, message string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "title": http.StatusText(status), "message": message}})
	}
	switch r.Method {
	case http.MethodPost:
		if i.refuseLogin {
			refuse(http.StatusUnauthorized, "The username or password is wrong.")
			return
		}
		i.logins++
		token := fmt.Sprintf("own-%d", i.logins)
		ends := i.now().Add(i.lifetime)
		if i.lifetime == 0 {
			ends = i.now().Add(24 * time.Hour)
		}
		i.own[token] = ends
		w.Header().Set("X-Subject-Token", token)
		w.WriteHeader(http.StatusCreated)
		if i.lifetime == 0 {
			_, _ = w.Write([]byte(`{"token": {}}`))
			return
		}
		writeToken(w, "service", ends, "admin")
	case http.MethodGet:
		i.queries = append(i.queries, r.URL.RawQuery)
		if !i.now().Before(i.own[r.Header.Get("X-Auth-Token")]) {
			refuse(i.status, "X-Auth-Token is invalid in the request")
			return
		}
		i.validations++
		switch subject := r.Header.Get("X-Subject-Token"); {
		case strings.HasPrefix(subject, "foreign"):
			refuse(http.StatusForbidden, "You are not authorized to perform the requested action: identity:validate_token")
		case strings.HasPrefix(subject, "own") && !i.now().Before(i.own[subject]), subject == "gone":
			refuse(http.StatusNotFound, "The token could not be found.")
		default:
			writeToken(w, "p1", i.now().Add(time.Hour), "member")
		}
	}
}

// If the gateway's own token has expired, IAM answers 403 and Keystone 401. The gateway
// logs in again and repeats the validation.
func TestTheOwnTokenEnds(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusUnauthorized} {
		for _, lifetime := range []time.Duration{0, 24 * time.Hour} {
			t.Run(fmt.Sprint(status, lifetime), func(t *testing.T) {
				i, k, _ := newIAM(t, status, lifetime)
				for n, token := range []string{"a", "b", "c"} {
					if caller, err := k.Authenticate(t.Context(), token); err != nil || caller.ProjectID != "p1" {
						t.Fatalf("%s: %v %+v", token, err, caller)
					}
					if logins, validations := i.counts(); logins != n+1 || validations != n+1 {
						t.Errorf("%d logins, %d validations", logins, validations)
					}
					i.end()
				}
				if caller, err := k.Self(t.Context()); err != nil || caller.ProjectID != "p1" {
					t.Errorf("itself: %v %+v", err, caller)
				}
			})
		}
	}
}

// Many concurrent callers after the token's expiry cause only one login.
func TestTheOwnTokenEndsUnderLoad(t *testing.T) {
	i, k, _ := newIAM(t, http.StatusForbidden, 24*time.Hour)
	if _, err := k.Authenticate(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	i.end()
	var wait sync.WaitGroup
	for n := range 30 {
		wait.Go(func() {
			if _, err := k.Authenticate(t.Context(), fmt.Sprint("token ", n)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if logins, _ := i.counts(); logins != 2 {
		t.Errorf("%d logins", logins)
	}
}

// The gateway logs in again before its token expires. If that fails, it uses the old token
// until it expires.
func TestALoginAheadOfTheEnd(t *testing.T) {
	i, k, c := newIAM(t, http.StatusForbidden, 24*time.Hour)
	ask := func(token string, logins int) {
		t.Helper()
		if _, err := k.Authenticate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if n, _ := i.counts(); n != logins {
			t.Errorf("%s: %d logins, want %d", token, n, logins)
		}
	}
	ask("a", 1)
	c.Advance(23 * time.Hour)
	ask("b", 1)
	c.Advance(59 * time.Minute)
	i.change(func() { i.refuseLogin = true })
	ask("c", 1)
	i.change(func() { i.refuseLogin = false })
	c.Advance(30 * time.Second)
	ask("d", 2)
	i.change(func() {
		if len(i.queries) != 4 {
			t.Errorf("%d questions for 4 tokens", len(i.queries))
		}
	})
	c.Advance(25 * time.Hour) // no request came in the meantime
	ask("e", 3)
}

// IAM validates only tokens of its own account. Another account's token is invalid here,
// and not a failure of the gateway.
func TestATokenOfAnotherAccount(t *testing.T) {
	i, k, c := newIAM(t, http.StatusForbidden, 24*time.Hour)
	if _, err := k.Authenticate(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		for range 2 {
			if _, err := k.Authenticate(t.Context(), fmt.Sprint("foreign ", n)); driver.KindOf(err) != driver.Unauthorized {
				t.Fatal(err)
			}
		}
	}
	if logins, validations := i.counts(); logins != 2 || validations != 7 {
		t.Errorf("%d logins and %d validations: a stranger's tokens make the gateway log in", logins, validations)
	}
	i.end() // now its own token expires, too
	c.Advance(time.Minute)
	if _, err := k.Authenticate(t.Context(), "mine again"); err != nil {
		t.Error(err)
	}
}

// If the gateway cannot log in, it refuses all callers.
func TestNoLoginIsNoOpenDoor(t *testing.T) {
	i, k, _ := newIAM(t, http.StatusForbidden, 24*time.Hour)
	if _, err := k.Authenticate(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	i.end()
	i.change(func() { i.refuseLogin = true })
	for _, token := range []string{"b", "foreign"} {
		if _, err := k.Authenticate(t.Context(), token); driver.KindOf(err) != driver.Unavailable {
			t.Errorf("%s: %v", token, err)
		}
	}
	i.change(func() { i.refuseLogin = false })
	if _, err := k.Authenticate(t.Context(), "b"); err != nil {
		t.Error(err)
	}
}

// IAM omits the catalogue for any value of nocatalog, but not without one.
func TestValidationsWantNoCatalogue(t *testing.T) {
	i, k, _ := newIAM(t, http.StatusForbidden, 24*time.Hour)
	if _, err := k.Authenticate(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if i.queries[0] != "nocatalog=1" {
		t.Errorf("asked with %q", i.queries[0])
	}
}
