package gateway_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
)

// A client sends the content of a backup in pieces, commits it, and reads it back.
func TestUpload(t *testing.T) {
	store, err := embedded.Open(t.Context(), embedded.Options{DataDir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	g := &vbsRig{newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"embedded": store} }), store}
	base := "/v3/" + project + "/backups/"
	call := func(method, path, body string, headers ...string) (int, string) {
		answer, text := g.call(method, base+path, "member", body, headers...)
		return answer.StatusCode, text
	}
	want := func(status int, part, method, path, body string, headers ...string) {
		t.Helper()
		if code, text := call(method, path, body, headers...); code != status || !strings.Contains(text, part) {
			t.Errorf("%s %s %.60s %v: %d %.300s, want %d with %s", method, path, body, headers, code, text, status, part)
		}
	}
	code, text := call(http.MethodPost, "upload", `{"upload": {"size": 1, "name": "sent", "metadata": {"a": "b"}, "data_timestamp": "2026-01-02T03:04:05Z",
		"volume": {"name": "db", "bootable": true, "volume_image_metadata": {"os": "x"}}}}`)
	var made struct {
		Backup struct{ ID, Name string }
		Upload struct {
			Size, Granularity int64
			MaxPiece          int64 `json:"max_piece"`
		}
	}
	must(t, json.Unmarshal([]byte(text), &made))
	id := made.Backup.ID
	if code != http.StatusAccepted || made.Backup.Name != "sent" || made.Upload.Size != 1<<30 || made.Upload.Granularity != 4096 || made.Upload.MaxPiece != 256<<20 {
		t.Fatalf("%d %s", code, text)
	}

	piece := strings.Repeat("0123456789abcdef", 4096)
	sum := sha256.Sum256([]byte(piece))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	at := "bytes 1048576-1114111/1073741824"
	want(http.StatusNoContent, "", http.MethodPut, id+"/data", piece, "Content-Range", at, "Content-Digest", "sha-512=:AAAA:, "+digest)
	want(http.StatusNoContent, "", http.MethodPut, id+"/data", piece, "Content-Range", at)
	want(http.StatusNoContent, "", http.MethodPut, id+"/data?zeroes", "", "Content-Range", "bytes 0-32767/*")
	want(http.StatusConflict, "were sent before", http.MethodPut, id+"/data", strings.ToUpper(piece), "Content-Range", at)
	for _, headers := range [][]string{
		nil, {"Content-Range", ""}, {"Content-Range", "bytes 5-1/*"}, {"Content-Range", "bytes -1/*"}, {"Content-Range", "bytes 0-65535"}, {"Content-Range", "items 0-65535/*"},
		{"Content-Range", "bytes 0-99999999999999999999/*"}, {"Content-Range", "bytes 0-9223372036854775807/*"}, {"Content-Range", "bytes +0-65535/*"},
		{"Content-Range", "bytes 65536-131071/x"}, {"Content-Range", "bytes 65536-131070/*"}, {"Content-Range", "bytes 65536-163839/*"}, {"Content-Range", "bytes 65536-98303/*"},
		{"Content-Range", "bytes 65536-131071/*", "Content-Digest", "sha-256=:AAAA:"}, {"Content-Range", "bytes 65536-131071/*", "Content-Digest", "sha-256=" + digest[9:52]},
		{"Content-Range", "bytes 65536-131071/*", "Content-Digest", "sha-256=:" + strings.Repeat("A", 43) + "=:"},
	} {
		want(http.StatusBadRequest, "Invalid input received: ", http.MethodPut, id+"/data", piece, headers...)
	}
	want(http.StatusBadRequest, "has no body", http.MethodPut, id+"/data?zeroes", piece, "Content-Range", "bytes 65536-131071/*")
	want(http.StatusBadRequest, "the body is empty", http.MethodPut, id+"/data", "", "Content-Range", "bytes 65536-131071/*")

	want(http.StatusOK, `"received":98304`, http.MethodGet, id+"/upload", "")
	want(http.StatusOK, `"ranges":[[0,32768],[1048576,1114112]]`, http.MethodGet, id+"/upload", "")
	want(http.StatusOK, `"ranges":[[1048580,1114112]]`, http.MethodGet, id+"/upload?offset=1048580", "")
	for body, part := range map[string]string{
		"": "A request body is required", `{"commit": {}}`: "received", `{"commit": {"received": "98304"}}`: "received", `{"commit": {"received": -1}}`: "received",
		`{"commit": {"received": 1.5}}`: "received", `{"commit": {"received": 99999999999999999999}}`: "received", `{"commit": {"received": 1}}`: "has received 98304 bytes",
	} {
		want(http.StatusBadRequest, part, http.MethodPost, id+"/upload", body)
	}
	for _, role := range []string{"reader", ""} {
		for _, r := range []struct{ method, path, body string }{
			{http.MethodPost, "upload", `{"upload": {"size": 1}}`}, {http.MethodPut, id + "/data", piece}, {http.MethodGet, id + "/upload", ""},
			{http.MethodPost, id + "/upload", `{"commit": {"received": 98304}}`}, {http.MethodDelete, id + "/upload", ""},
		} {
			status := map[string]int{"reader": http.StatusForbidden, "": http.StatusUnauthorized}[role]
			if answer, text := g.call(r.method, base+r.path, role, r.body, "Content-Range", "bytes 65536-131071/*"); answer.StatusCode != status {
				t.Errorf("%s %s as %q: %d %.200s", r.method, r.path, role, answer.StatusCode, text)
			}
		}
	}
	want(http.StatusAccepted, "", http.MethodPost, id+"/upload", `{"commit": {"received": 98304}}`)
	g.settle()
	want(http.StatusNotFound, "has no upload", http.MethodGet, id+"/upload", "")
	want(http.StatusOK, `"status":"available"`, http.MethodGet, id, "")
	want(http.StatusOK, `"parent_id":null,"block_size":32768`, http.MethodGet, id+"/data?map", "")
	block := sha256.Sum256([]byte(piece[:32768]))
	want(http.StatusPartialContent, string(block[5:])+string(block[:7]), http.MethodGet, id+"/data?digests", "", "Range", "bytes=1029-1062") // blocks 32 and 33
	want(http.StatusBadRequest, "exclude each other", http.MethodGet, id+"/data?digests&map", "")
	want(http.StatusPartialContent, piece, http.MethodGet, id+"/data", "", "Range", "bytes=1048576-1114111")

	for body, part := range map[string]string{
		`{"upload": {}}`: "size or parent_id is required", `{"upload": {"size": 0}}`: "size", `{"upload": {"size": 1, "data_timestamp": "yesterday"}}`: "data_timestamp",
		`{"upload": {"size": 1, "data_timestamp": "2999-01-01"}}`: "data_timestamp", `{"upload": {"size": 1, "volume_id": "x"}}`: "volume_id",
		`{"upload": {"size": 1, "volume": {"bootable": "maybe"}}}`: "bootable", fmt.Sprintf(`{"upload": {"parent_id": %q, "size": 2}}`, id): "has 1 GiB",
	} {
		want(http.StatusBadRequest, part, http.MethodPost, "upload", body)
	}
	code, text = call(http.MethodPost, "upload", fmt.Sprintf(`{"upload": {"parent_id": %q}}`, id))
	must(t, json.Unmarshal([]byte(text), &made))
	if code != http.StatusAccepted {
		t.Fatalf("%d %s", code, text)
	}
	want(http.StatusAccepted, "", http.MethodDelete, made.Backup.ID+"/upload", "")
	want(http.StatusNotFound, "could not be found", http.MethodGet, made.Backup.ID, "")
}
