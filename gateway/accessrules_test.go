package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// The cases are those of the docstring and tests of keystonemiddleware's _path_matches.
func TestPathsOfAccessRules(t *testing.T) {
	for _, x := range []struct {
		path, pattern string
		want          bool
	}{
		{"/v3/p/backups", "/v3/p/backups", true},
		{"/v3/p/backups", "/v3/*/backups", true},
		{"/v3/p/backups", "/v3/{project_id}/backups", true},
		{"/v3/p/backups/b/restore", "/v3/**", true},
		{"/v3/p/backups/b/restore", "/v3/*/backups/{id}/restore", true},
		{"/v3/p/backups/b", "/v3/*/backups", false},
		{"/v3/p/backups", "/v3/*/backups/*", false},
		{"/v3/p/q/backups", "/v3/*/backups", false},
		{"/v3/p/backups", "/v3/*", false},
		{"/v3/p/backups", "/v3/p/backup", false},
		{"/v3/p/backups", "v3/p/backups", false},
		{"/v3//backups", "/v3/*/backups", false}, // a segment must not be empty
		{"/v3/pXbackups", "/v3/p.backups", false},
		{"/v3/p/volume-1", "/v3/p/volume-*", true},
		{"/v3/p/backups\n", "/v3/p/backups", false},
		{"/v3/p/backups", "", false},
		{"/v3/p/(", "/v3/p/(", true},
		{strings.Repeat("/x", 1000), strings.Repeat("/*", 1000), false}, // longer than any rule
	} {
		if got := pathMatches(x.path, x.pattern); got != x.want {
			t.Errorf("%.40s, %.40s: %t", x.path, x.pattern, got)
		}
	}
}

// keystoneTokens is a fake identity service with these tokens. It shows restricted
// application credentials and expired tokens only to clients that ask for them.
func keystoneTokens(t *testing.T, change func(*KeystoneOptions)) (*Keystone, *clockwork.FakeClock) {
	t.Helper()
	now := clockwork.NewFakeClock()
	stamp := func(d time.Duration) string { return now.Now().Add(d).UTC().Format("2006-01-02T15:04:05.000000Z") }
	document := func(role string, more map[string]any) map[string]any {
		d := map[string]any{
			"user": map[string]any{"id": "u1"}, "project": map[string]any{"id": "p1"}, "expires_at": stamp(time.Hour),
			"roles": []any{map[string]any{"name": role}},
		}
		for key, value := range more {
			d[key] = value
			if value == nil {
				delete(d, key)
			}
		}
		return map[string]any{"token": d}
	}
	restricted := func(rules any) map[string]any {
		return map[string]any{"application_credential": map[string]any{"id": "ac", "access_rules": rules}}
	}
	rule := func(service, path string) any {
		return []any{map[string]any{"id": "1", "service": service, "path": path, "method": "GET"}}
	}
	known := map[string]map[string]any{
		"member": document("member", nil), "service": document("service", nil),
		"restricted": document("member", restricted(rule("block-storage", "/v3/*/backups"))),
		"volumev3":   document("member", restricted(rule("volumev3", "/v3/*/backups"))),
		"compute":    document("member", restricted(rule("compute", "/v3/*/backups"))),
		"no rules":   document("member", restricted([]any{})),
		"null rules": document("member", restricted(nil)),
		"expired":    document("member", map[string]any{"expires_at": stamp(-time.Hour)}),
		"no expiry":  document("member", map[string]any{"expires_at": nil}),
		"domain":     document("admin", map[string]any{"project": nil, "domain": map[string]any{"id": "default"}}),
		"system":     document("admin", map[string]any{"project": nil, "system": map[string]any{"all": true}}),
		"empty":      {},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("X-Subject-Token", "own-token")
			w.WriteHeader(http.StatusCreated)
			writeToken(w, "service", now.Now().Add(24*time.Hour), "admin")
			return
		}
		d, ok := known[r.Header.Get("X-Subject-Token")]
		token, _ := d["token"].(map[string]any)
		credential, _ := token["application_credential"].(map[string]any)
		if rules, has := credential["access_rules"]; has && rules != nil && r.Header.Get("OpenStack-Identity-Access-Rules") != "1.0" {
			ok = false
		}
		if r.Header.Get("X-Subject-Token") == "expired" && r.URL.Query().Get("allow_expired") == "" {
			ok = false
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(d)
	}))
	t.Cleanup(server.Close)
	o := KeystoneOptions{
		URL: server.URL + "/v3", Username: "cindergate", Password: "secret", Project: "service",
		UserDomain: "default", ProjectDomain: "default", Clock: now,
	}
	if change != nil {
		change(&o)
	}
	k, err := NewKeystone(o)
	if err != nil {
		t.Fatal(err)
	}
	return k, now
}

// AuthenticateRequest makes the same checks as keystonemiddleware does for Cinder.
func TestKeystoneLooksAtTheRequest(t *testing.T) {
	k, _ := keystoneTokens(t, nil)
	for range 2 { // the second time from the cache
		for _, x := range []struct {
			token, service, method, path string
			want                         driver.Kind
		}{
			{"member", "", "GET", "/v3/p1/volumes", 0},
			{"restricted", "", "GET", "/v3/p1/backups", 0},
			{"restricted", "", "POST", "/v3/p1/backups", driver.Unauthorized},
			{"restricted", "", "GET", "/v3/p1/backups/detail", driver.Unauthorized},
			{"restricted", "", "GET", "/v3/p1/volumes", driver.Unauthorized},
			{"restricted", "", "GET", "/v3/p1/backups%2Fx", driver.Unauthorized}, // two segments for routes
			{"restricted", "service", "GET", "/v3/p1/volumes", 0},
			{"restricted", "restricted", "GET", "/v3/p1/volumes", driver.Unauthorized}, // the caller's own token is not a service's
			{"volumev3", "", "GET", "/v3/p1/backups", 0},
			{"compute", "", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"no rules", "", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"null rules", "", "GET", "/v3/p1/backups", 0},
			{"expired", "", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"expired", "service", "GET", "/v3/p1/backups", 0},
			{"expired", "member", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"expired", "expired", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"expired", "", "GET", "/v3/p1/backups", driver.Unauthorized}, // even after the service's token was accepted
			{"member", "member", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"member", "nonsense", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"no expiry", "", "GET", "/v3/p1/backups", driver.Unauthorized},
			{"empty", "", "GET", "/v3/p1/backups", driver.Unauthorized},
		} {
			r := httptest.NewRequest(x.method, x.path, nil)
			r.Header.Set("X-Auth-Token", x.token)
			if x.service != "" {
				r.Header.Set("X-Service-Token", x.service)
			}
			caller, err := k.AuthenticateRequest(r)
			switch {
			case driver.KindOf(err) != x.want:
				t.Errorf("%s, %s: %s %s: %v", x.token, x.service, x.method, x.path, err)
			case err == nil && (caller.ProjectID != "p1" || string(caller.Token) != x.token || string(caller.ServiceToken) != x.service):
				t.Errorf("%s, %s: %+v", x.token, x.service, caller)
			}
		}
		for _, token := range []string{"domain", "system"} {
			r := httptest.NewRequest(http.MethodGet, "/v3/backups", nil)
			r.Header.Set("X-Auth-Token", token)
			if caller, err := k.AuthenticateRequest(r); err != nil || caller.ProjectID != "" {
				t.Errorf("%s: %+v, %v", token, caller, err)
			}
		}
	}
}

// Service tokens without the roles can be accepted, but grant nothing more.
func TestAnyServiceToken(t *testing.T) {
	k, _ := keystoneTokens(t, func(o *KeystoneOptions) { o.AnyServiceToken = true })
	for token, want := range map[string]driver.Kind{"member": 0, "restricted": driver.Unauthorized, "expired": driver.Unauthorized} {
		r := httptest.NewRequest(http.MethodGet, "/v3/p1/volumes", nil)
		r.Header.Set("X-Auth-Token", token)
		r.Header.Set("X-Service-Token", "member")
		if _, err := k.AuthenticateRequest(r); driver.KindOf(err) != want {
			t.Errorf("%s: %v", token, err)
		}
	}
}

// A token is refused if its expiry has passed, even if the identity service accepts it.
func TestExpiryInThePast(t *testing.T) {
	fake := newFakeKeystone(t)
	k, c := newKeystone(t, fake, nil)
	fake.validate = func(w http.ResponseWriter, _ string) { writeToken(w, "p1", c.Now().Add(-time.Second), "member") }
	if _, err := k.Authenticate(t.Context(), "token"); driver.KindOf(err) != driver.Unauthorized {
		t.Error(err)
	}
}
