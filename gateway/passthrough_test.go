package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/gateway"
)

// forwarder has backups of its own, and tells what reached it of the rest.
type forwarder struct{ backend }

func (forwarder) Forward(w http.ResponseWriter, r *http.Request, who driver.Caller, _ string) error {
	w.Header().Set("X-Path", r.URL.EscapedPath())
	w.Header().Set("X-Project", who.ProjectID)
	w.WriteHeader(http.StatusTeapot)
	return nil
}

// What is not about backups goes on, with and without a project in the path, and with
// the escapes that it came with.
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

		own + "/../../admin":           false, // out of the API
		own + "/%2e%2e/%2e%2e/admin":   false,
		own + "/volumes/..%2f..%2fx":   false,
		own + "/volumes/./x":           false,
		own + "/volumes/x/metadata/..": false,

		"/v2/types":          false, // v2 wants the project
		"/v2/volumes/detail": false,
		"/v3/backups":        false, // the gateway's own
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

// idBackend shows a backup by the id in the path.
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
