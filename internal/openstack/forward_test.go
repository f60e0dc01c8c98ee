package openstack

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"cindergate/driver"
)

// forward sends a request through a gateway to an upstream, and returns the answer.
func forward(t *testing.T, upstream http.HandlerFunc, headers map[string]string) (*httptest.ResponseRecorder, error) {
	t.Helper()
	server := httptest.NewServer(upstream)
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := NewTransport(Options{Name: "east", Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/v3/p/volumes", nil)
	for name, value := range headers {
		r.Header[name] = []string{value}
	}
	w := httptest.NewRecorder()
	return w, transport.Forward(w, r, Forwarding{Upstream: at, Version: "3", Service: "volume", Project: "p", Base: "http://gateway", RequestID: "req-1"})
}

// A backend gets only the headers that it needs. Of those that identify the caller it gets
// only the token, in any spelling.
func TestHeadersThatStayHere(t *testing.T) {
	var got http.Header
	_, err := forward(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }, map[string]string{
		"X-Auth-Token": "t", "X-Service-Token": "s", "Openstack-Api-Version": "volume 3.70", "Accept": "application/json", "User-Agent": "client",
		"X-Roles": "admin", "X_roles": "admin", "X-Role": "admin", "X-Project-Id": "other", "X-Tenant-Id": "other", "X-User-Id": "u",
		"X-Service-Roles": "service", "X-Identity-Status": "Confirmed", "X-Is-Admin-Project": "True", "Openstack-System-Scope": "all",
		"X-Service-Catalog": "[]", "Cookie": "a=b", "Authorization": "Basic eA==", "X-Real-Ip": "6.6.6.6", "X-Forwarded-For": "6.6.6.6",
		"X-Forwarded-Host": "evil", "X-Forwarded-Prefix": "/x", "Forwarded": "for=x", "X-Subject-Token": "x", "X-Auth-User": "admin",
		"Remote-User": "admin", "X-Remote-User": "admin", "Accept-Encoding": "gzip", "Te": "trailers", "Connection": "Upgrade", "Upgrade": "foo",
		"X-Openstack-Request-Id": "req-of-the-client", "X-Http-Method-Override": "DELETE",
		"Content-Range": "bytes 0-1/*", "Content-Digest": "sha-256=:AA==:", "Range": "bytes=0-1", "If-Range": `"e"`, // the content of backups has them (docs/api.md)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"X-Auth-Token": "t", "X-Service-Token": "s", "Openstack-Api-Version": "volume 3.70", "Accept": "application/json", "User-Agent": "client",
		"X-Openstack-Request-Id": "req-1", "Content-Range": "bytes 0-1/*", "Content-Digest": "sha-256=:AA==:", "Range": "bytes=0-1", "If-Range": `"e"`,
	}
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %q", name, got.Get(name))
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %q went on", name, values)
		}
	}
}

func TestAnswersHeaders(t *testing.T) {
	w, err := forward(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("X-Subject-Token", "x")
		w.Header().Set("X-Other", "1")
	}, nil)
	if err != nil || w.Header().Get("Set-Cookie") != "" || w.Header().Get("X-Subject-Token") != "" || w.Header().Get("X-Other") != "1" {
		t.Errorf("%v %v", err, w.Header())
	}
}

// Links in a compressed answer could not be replaced.
func TestPackedAnswersAreRefused(t *testing.T) {
	w, err := forward(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("\x1f\x8b"))
	}, map[string]string{"Accept-Encoding": "gzip"})
	if driver.KindOf(err) != driver.Unavailable || !strings.Contains(err.Error(), "encoding") || w.Body.Len() > 0 {
		t.Errorf("%v %q", err, w.Body)
	}
}
