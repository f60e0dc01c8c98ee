package openstack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// keystone answers logins with tokens token-1, token-2 … that are valid for an hour.
func keystone(t *testing.T, clock clockwork.Clock, status *int, bodies *[]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/identity/v3/auth/tokens" || r.Header.Get("X-Auth-Token") != "" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		*bodies = append(*bodies, string(body))
		w.Header().Set("Content-Type", "application/json")
		if *status != http.StatusCreated {
			w.WriteHeader(*status)
			_, _ = io.WriteString(w, `{"error":{"code":401,"message":"no","title":"Unauthorized"}}`)
			return
		}
		w.Header().Set("X-Subject-Token", fmt.Sprintf("token-%d", len(*bodies)))
		w.WriteHeader(http.StatusCreated)
		expires := clock.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05.000000Z")
		_, _ = io.WriteString(w, `{"token":{"expires_at":"`+expires+`","project":{"id":"p1","name":"p"},"user":{"id":"u1","name":"u"},"roles":[{"name":"admin"}]}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/identity/v3"
}

func TestLogin(t *testing.T) {
	clock := clockwork.NewFakeClock()
	status, bodies := http.StatusCreated, []string{}
	url := keystone(t, clock, &status, &bodies)
	login, err := NewLogin(Options{Name: "west", Clock: clock}, Credential{IdentityURL: url, ID: "app", Secret: "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want string) {
		t.Helper()
		got, err := login.Caller(t.Context())
		if err != nil || got != (driver.Caller{ProjectID: "p1", UserID: "u1", Role: driver.Member, Token: driver.Token(want)}) {
			t.Fatalf("%+v with token %s, %v; want %s", got, string(got.Token), err, want)
		}
	}
	ask("token-1")
	clock.Advance(44 * time.Minute)
	ask("token-1")
	clock.Advance(2 * time.Minute) // it is still valid for a while
	ask("token-2")
	login.Reject("token-1") // an old one
	ask("token-2")
	login.Reject("token-2")
	ask("token-3")
	var sent struct {
		Auth struct {
			Identity struct {
				Methods               []string
				ApplicationCredential struct{ ID, Secret string } `json:"application_credential"`
			}
			Scope any
		}
	}
	if err := json.Unmarshal([]byte(bodies[0]), &sent); err != nil || sent.Auth.Identity.ApplicationCredential.ID != "app" ||
		sent.Auth.Identity.ApplicationCredential.Secret != "hidden" || sent.Auth.Scope != nil {
		t.Errorf("sent %s", bodies[0])
	}
	status = http.StatusUnauthorized
	login.Reject("token-3")
	_, err = login.Caller(t.Context())
	if driver.KindOf(err) != driver.Unauthorized || !strings.Contains(err.Error(), "credential for its policies") || strings.Contains(err.Error(), "hidden") {
		t.Errorf("refused: %v", err)
	}
	status = http.StatusServiceUnavailable
	if _, err = login.Caller(t.Context()); driver.KindOf(err) != driver.Unavailable {
		t.Errorf("away: %v", err)
	}
}

func TestLoginOfAUser(t *testing.T) {
	clock := clockwork.NewFakeClock()
	status, bodies := http.StatusCreated, []string{}
	login, err := NewLogin(Options{Name: "west", Clock: clock}, Credential{IdentityURL: keystone(t, clock, &status, &bodies) + "/",
		Username: "u", Password: "hidden", UserDomain: "d", Project: "p", ProjectDomain: "e"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login.Caller(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"methods":["password"]`, `"name":"u"`, `"password":"hidden"`, `"domain":{"name":"d"}`, `"project":{"domain":{"name":"e"},"name":"p"}`} {
		if !strings.Contains(bodies[0], part) {
			t.Errorf("sent %s without %s", bodies[0], part)
		}
	}
}
