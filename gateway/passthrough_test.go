package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/translate"
)

// forwarder serves backups itself, and records the other requests that reach it.
type forwarder struct{ backend }

func (forwarder) Forward(w http.ResponseWriter, r *http.Request, caller driver.Caller, _ string) error {
	w.Header().Set("X-Path", r.URL.EscapedPath())
	w.Header().Set("X-Project", caller.ProjectID)
	w.WriteHeader(http.StatusTeapot)
	return nil
}

// Requests that are not about backups are forwarded, with or without a project in the path,
// and with their original escapes.
func TestPassthroughPaths(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": forwarder{}} })
	for path, forwarded := range map[string]bool{
		own + "/volumes":                  true,
		own + "/volumes/detail":           true,
		own + "/volumes/x/metadata/k%3A1": true,
		own + "/volumes/x/metadata/a%2Fb": true,
		"/v3/volumes":                     true,
		"/v3/volumes/detail":              true,
		"/v3/volumes/x":                   true,
		"/v3/volumes/x/metadata/k%3A1":    true,
		"/v3/types":                       true,
		"/v3/snapshots/detail":            true,
		"/v3/os-volume-transfer/detail":   true,
		"/v3/default-types":               true,
		"/v2/" + project + "/types":       true,

		own + "/../../admin":           false, // leaves the API
		own + "/%2e%2e/%2e%2e/admin":   false,
		own + "/volumes/..%2f..%2fx":   false,
		own + "/volumes/./x":           false,
		own + "/volumes/x/metadata/..": false,

		"/v2/types":          false, // v2 requires the project
		"/v2/volumes/detail": false,
		"/v3/backups":        false, // the gateway serves it itself
		own + "/backups":     false,
	} {
		answer, _ := g.call("GET", path, "member", "")
		if (answer.StatusCode == http.StatusTeapot) != forwarded {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		if forwarded && (answer.Header.Get("X-Path") != path || answer.Header.Get("X-Project") != project) {
			t.Errorf("%s: forwarded as %s of %s", path, answer.Header.Get("X-Path"), answer.Header.Get("X-Project"))
		}
	}
}

var _ driver.Passthrough = forwarder{}

// idBackend returns a backup with the id in the path.
type idBackend struct{ backend }

func (idBackend) GetBackup(_ context.Context, _ driver.Caller, id string) (driver.Backup, error) {
	return driver.Backup{}, driver.BackupNotFound(id)
}

// Names in paths are decoded before routes match, as WSGI servers do.
func TestEncodedPaths(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": idBackend{}} })
	const undecodable = `{"badRequest":{"code":400,"message":"Error decoding your request. Either the URL or the request body ` +
		`contained characters that could not be decoded by Cinder."}}`
	for path, want := range map[string]string{
		"/backups/k%3A1":     `{"itemNotFound":{"code":404,"message":"Backup k:1 could not be found."}}`,
		"/backups/%6B":       `{"itemNotFound":{"code":404,"message":"Backup k could not be found."}}`,
		"/back%75ps/k%20%25": `{"itemNotFound":{"code":404,"message":"Backup k % could not be found."}}`,
		"/backups/a%2Fb":     notFoundDoc, // two segments
		"/backups/%D0":       undecodable,
		"/backups?name=%D0":  undecodable,
		"/backups?%ff=1":     undecodable,
		"/backups?name=" + strings.Repeat("x", 16<<10): `{"badRequest":{"code":400,"message":"The query of the URL is longer than 16384 bytes."}}`,
		"/backups/x?whatever=%ff":                      undecodable,
	} {
		if _, body := g.call("GET", own+path, "member", ""); body != want {
			t.Errorf("%s:\n got %s\nwant %s", path, body, want)
		}
	}
	if answer, _ := g.call("GET", own+"/backups?name=%D0", "", ""); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", answer.StatusCode)
	}
}

// Every route of the table answers, with the project in the path and, from v3 on, without
// it. Either the gateway serves it, or the backend receives it unchanged.
func TestEveryRouteOnAForwardingBackend(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": forwarder{}} })
	fill := strings.NewReplacer(":id", "k%3A1", ":key", "100%25")
	for _, r := range translate.Routes() {
		forwarded := !r.ServedFor(forwarder{})
		for _, prefix := range []string{"/v2/" + project, own, "/v3"} {
			path := prefix + fill.Replace(r.Path)
			answer, body := g.call(r.Method, path, "member", "", "OpenStack-API-Version", "volume 3.70")
			switch {
			case (answer.StatusCode == http.StatusTeapot) != forwarded:
				t.Errorf("%s %s: %d %s, forwarded should be %t", r.Method, path, answer.StatusCode, body, forwarded)
			case forwarded && answer.Header.Get("X-Path") != path:
				t.Errorf("%s %s is forwarded as %s", r.Method, path, answer.Header.Get("X-Path"))
			case !forwarded && body == notFoundDoc:
				t.Errorf("%s %s is no route", r.Method, path)
			}
		}
	}
	// Methods and paths that are not in the table go to the backend, too.
	for _, request := range [][2]string{
		{"PATCH", own + "/volumes/x"}, {"HEAD", own + "/volumes"}, {"PATCH", "/v3/volumes/x"}, {"DELETE", own + "/groups/x"},
		{"GET", own + "/new_resource"}, {"GET", own + "/new_resource/x/y"}, {"GET", "/v3/new_resource"}, {"GET", "/v3/new_resource/x/y"},
		{"PATCH", own + "/backups/x"},
	} {
		if answer, _ := g.call(request[0], request[1], "member", ""); answer.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d", request, answer.StatusCode)
		}
	}
	for _, request := range [][2]string{{"GET", "/v2/new_resource"}, {"POST", "/v3/"}, {"POST", "/v3"}, {"GET", "/v2/x/y"}} {
		if answer, body := g.call(request[0], request[1], "member", ""); answer.StatusCode != http.StatusNotFound || request[0] != "HEAD" && body != notFoundDoc {
			t.Errorf("%s: %d %s", request, answer.StatusCode, body)
		}
	}
}

// With a backend that the gateway serves itself, every route of the table answers: with the
// project in the path and, from v3 on, without it. Without a token, none does.
func TestEveryRouteOnAnOwnBackend(t *testing.T) {
	g := newRig(t)
	fill := strings.NewReplacer(":id", "k%3A1", ":key", "100%25")
	for _, r := range translate.Routes() {
		for _, prefix := range []string{"/v2/" + project, own, "/v3"} {
			if r.V3Only && strings.HasPrefix(prefix, "/v2") {
				continue
			}
			path := prefix + fill.Replace(r.Path)
			if answer, body := g.call(r.Method, path, "admin-of-"+project, ""); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s without a token: %d %s", r.Method, path, answer.StatusCode, body)
			}
			if _, body := g.call(r.Method, path, "padmin", ""); body == notFoundDoc {
				t.Errorf("%s %s is no route", r.Method, path)
			}
		}
		answer, body := g.call(r.Method, "/v2"+fill.Replace(r.Path), "padmin", "")
		if answer.StatusCode != http.StatusNotFound || r.Method != http.MethodHead && !strings.Contains(body, "The resource could not be found.") {
			t.Errorf("%s /v2%s is a route: %s", r.Method, r.Path, body)
		}
	}
	for _, request := range [][2]string{
		{"PATCH", own + "/volumes/x"}, {"PATCH", "/v3/volumes/x"}, {"GET", own + "/nothing"}, {"GET", "/v3/nothing"}, {"GET", "/v3/nothing/x/y"},
		{"GET", "/v3/volumes/x/y"}, {"GET", own + "/volumes/x/metadata/a/b"}, {"GET", own + "/volumes/x/metadata/a%2Fb"}, {"GET", "/v3/messages/a%2Fb"},
		{"GET", own + "/os-services/a/b"}, {"POST", "/v3/"}, {"POST", "/v3"}, {"GET", "/v4"}, {"GET", "/v3x"},
	} {
		if answer, body := g.call(request[0], request[1], "padmin", ""); answer.StatusCode != http.StatusNotFound || body != notFoundDoc {
			t.Errorf("%s: %d %s", request, answer.StatusCode, body)
		}
	}
}
