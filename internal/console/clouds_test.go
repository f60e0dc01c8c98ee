package console

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cindergate/internal/harness"
)

// An identity service elsewhere is asked over HTTP.
func TestIdentityElsewhere(t *testing.T) {
	r := newRig(t, func(o *Options) {
		identity := httptest.NewServer(o.API)
		t.Cleanup(identity.Close)
		o.IdentityURL, o.IdentityTransport = identity.URL+"/identity/v3", http.DefaultTransport
	})
	b := r.login("demo")
	token := string(b.session().caller.Token)
	b.get("/ui/")
	b.post("/ui/logout", url.Values{})
	if _, err := r.caller(t.Context(), token); err == nil {
		t.Error("the token is still valid")
	}
}

// An identity service that does not answer is no reason to let anybody in, and its address is not shown.
func TestIdentityIsAway(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.IdentityURL, o.IdentityTransport = "http://secret.invalid/v3", http.NewFileTransport(http.Dir(t.TempDir()))
	})
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {harness.Password}, "project": {"demo"}})
	if b.status == http.StatusOK || strings.Contains(b.page, "secret.invalid") || b.header.Get("Set-Cookie") != "" {
		t.Errorf("%d\n%s", b.status, b.page)
	}
}

// A login with a domain or an application credential asks Keystone for just that
// (keystone/auth/schema.py).
func TestLoginBodies(t *testing.T) {
	var bodies []string
	keystone := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var body struct{ Auth any }
		_ = json.Unmarshal(text, &body)
		text, _ = json.Marshal(body.Auth)
		bodies = append(bodies, r.Method+" "+r.URL.RequestURI()+" "+string(text))
		w.WriteHeader(http.StatusUnauthorized)
	})
	r := newRig(t, func(o *Options) {
		o.IdentityURL, o.IdentityTransport = "http://keystone.invalid/v3", inProcess{keystone}
	})
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"olga"}, "password": {" p "}, "project": {"shop"}, "domain": {"corp"}})
	b.post("/ui/login", url.Values{"way": {"credential"}, "credential": {"5d1f"}, "secret": {"s"}})
	want := []string{
		`POST /v3/auth/tokens?nocatalog=1 {"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"corp"},"name":"olga","password":" p "}}},"scope":{"project":{"domain":{"name":"corp"},"name":"shop"}}}`,
		`POST /v3/auth/tokens?nocatalog=1 {"identity":{"application_credential":{"id":"5d1f","secret":"s"},"methods":["application_credential"]}}`,
	}
	if strings.Join(bodies, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(bodies, "\n"), strings.Join(want, "\n"))
	}
}

// A cloud with older microversions is asked with those that it has.
func TestOlderCloud(t *testing.T) {
	var versions []string
	r := newRig(t, func(o *Options) {
		api := o.API
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if version := r.Header.Get("OpenStack-API-Version"); strings.HasPrefix(r.URL.Path, "/v3/") {
				if versions = append(versions, version); version != "volume 3.0" {
					w.WriteHeader(http.StatusNotAcceptable)
					return
				}
			}
			api.ServeHTTP(w, r)
		})
	})
	b := r.login("admin")
	v := b.volume("photos")
	b.backUp(v, url.Values{"name": {"monday"}})
	for _, path := range allPages(v) {
		checkPage(t, path, b.get(path))
	}
	if page := b.get("/ui/backups"); !strings.Contains(page, "monday") {
		t.Errorf("the table:\n%s", page)
	}
	if strings.Join(versions[:4], ",") != "volume 3.70,volume 3.45,volume 3.0,volume 3.0" {
		t.Errorf("%q", versions[:4])
	}
}
