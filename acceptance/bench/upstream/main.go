// Upstream is a Keystone and a Cinder that answer at once, to measure the gateway's own
// cost. Every token is valid, and every backup is the same. GET …/volumes/slow sends one
// byte per second without end.
//
// Usage: upstream ADDRESS
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	project = "0123456789abcdef0123456789abcdef"
	token   = `{"token": {"expires_at": "2999-01-01T00:00:00.000000Z", "issued_at": "2026-01-01T00:00:00.000000Z",
		"methods": ["password"], "user": {"id": "u", "name": "u", "domain": {"id": "default"}},
		"project": {"id": "` + project + `", "name": "p", "domain": {"id": "default"}}, "roles": [{"id": "m", "name": "member"}], "catalog": []}}`
	versions = `{"versions": [{"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0"}]}`
	backup   = `{"backup": {"id": "b5e2f6a0-0000-4000-8000-000000000001", "status": "available", "size": 1, "object_count": 22,
		"availability_zone": "nova", "container": "volumebackups", "created_at": "2026-01-01T00:00:00.000000", "updated_at": null,
		"name": "b", "description": null, "fail_reason": null, "volume_id": "b5e2f6a0-0000-4000-8000-000000000002",
		"links": [{"rel": "self", "href": "http://127.0.0.1/v3/x"}], "is_incremental": false, "has_dependent_backups": false,
		"snapshot_id": null, "data_timestamp": "2026-01-01T00:00:00.000000", "os-backup-project-attr:project_id": "` + project + `",
		"metadata": {}, "user_id": "u", "encryption_key_id": null}}`
	volume = `{"volume": {"id": "b5e2f6a0-0000-4000-8000-000000000002", "status": "available", "size": 1, "name": "v",
		"links": [{"rel": "self", "href": "http://127.0.0.1/v3/x"}], "attachments": [], "metadata": {}}}`
)

func main() {
	server := http.Server{Addr: os.Args[1], Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch p := r.URL.Path; {
	case p == "/v3/auth/tokens" && r.Method == http.MethodPost:
		w.Header().Set("X-Subject-Token", "t")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, token)
	case p == "/v3/auth/tokens":
		_, _ = io.WriteString(w, token)
	case p == "/":
		w.WriteHeader(http.StatusMultipleChoices)
		_, _ = io.WriteString(w, versions)
	case strings.HasSuffix(p, "/volumes/slow"):
		trickle(w, r)
	case strings.Contains(p, "/volumes/"):
		_, _ = io.WriteString(w, volume)
	default:
		_, _ = io.WriteString(w, backup)
	}
}

func trickle(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for flush := http.NewResponseController(w); flush.Flush() == nil; {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 1)); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}
