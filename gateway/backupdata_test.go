package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
)

// A member reads the bytes of a backup, whole and in parts, and where they are not zeroes.
func TestBackupData(t *testing.T) {
	dir := t.TempDir()
	store, err := embedded.Open(t.Context(), embedded.Options{DataDir: dir})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	g := &vbsRig{newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"embedded": store} }), store}
	volume := g.volume(1)
	file, err := os.OpenFile(filepath.Join(dir, "volumes", "volume-"+volume), os.O_RDWR, 0)
	must(t, err)
	words := strings.Repeat("not zeroes ", 10000)
	_, err = file.WriteAt([]byte(words), 100<<20)
	must(t, err)
	must(t, file.Close())
	b, err := store.CreateBackup(t.Context(), roles["member"], driver.BackupSpec{VolumeID: volume})
	must(t, err)
	path := "/v3/" + project + "/backups/" + b.ID + "/data"
	if answer, text := g.call(http.MethodGet, path, "member", ""); answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, "creating") {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	g.settle()

	answer, text := g.call(http.MethodGet, path+"?map", "member", "")
	var doc struct {
		Map struct {
			Size   int64
			ETag   string
			Ranges [][2]int64
			Next   *int64
		}
	}
	must(t, json.Unmarshal([]byte(text), &doc))
	m := doc.Map
	if answer.StatusCode != http.StatusOK || m.Size != 1<<30 || len(m.Ranges) != 1 || m.Ranges[0][0] != 100<<20 || m.Ranges[0][1] < 100<<20+int64(len(words)) || m.Next != nil {
		t.Fatalf("%d %s", answer.StatusCode, text)
	}
	if _, text := g.call(http.MethodGet, path+"?map&offset=999999999", "member", ""); !strings.Contains(text, `"ranges":[]`) {
		t.Error(text)
	}

	part := "bytes=104857601-104857700"
	answer, text = g.call(http.MethodGet, path, "member", "", "Range", part)
	if answer.StatusCode != http.StatusPartialContent || text != words[1:101] ||
		answer.Header.Get("Content-Range") != "bytes 104857601-104857700/1073741824" || answer.Header.Get("ETag") != `"`+m.ETag+`"` {
		t.Errorf("%d %v %.50q", answer.StatusCode, answer.Header, text)
	}
	for _, test := range []struct {
		path, role string
		headers    []string
		status     int
	}{
		{path, "reader", nil, http.StatusForbidden},
		{path, "", nil, http.StatusUnauthorized},
		{strings.Replace(path, b.ID, "11111111-2222-4333-8444-555555555555", 1), "member", nil, http.StatusNotFound},
		{path, "member", []string{"Range", "bytes=1073741824-"}, http.StatusRequestedRangeNotSatisfiable},
		{path, "member", []string{"Range", part, "If-Range", `"other"`}, http.StatusOK},
		{path, "member", []string{"If-None-Match", `"` + m.ETag + `"`}, http.StatusNotModified},
		{path + "?map&offset=-1", "member", nil, http.StatusBadRequest},
		{path + "?map&offset=x", "member", nil, http.StatusBadRequest},
	} {
		method := http.MethodGet
		if test.status == http.StatusOK {
			method = http.MethodHead
		}
		if answer, text := g.call(method, test.path, test.role, "", test.headers...); answer.StatusCode != test.status {
			t.Errorf("%s %s as %q %v: %d %.200s", method, test.path, test.role, test.headers, answer.StatusCode, text)
		}
	}

	// An object that is damaged: the answer is cut off, and none of its bytes come out. The
	// data is the second of three objects.
	var object string
	must(t, filepath.WalkDir(filepath.Join(dir, "backups"), func(p string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(p, "-00002") {
			object = p
		}
		return err
	}))
	must(t, os.WriteFile(object, []byte("damage"), 0o600))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+path, nil)
	must(t, err)
	request.Header.Set("X-Auth-Token", "member")
	request.Header.Set("Range", part)
	broken, err := http.DefaultClient.Do(request)
	if err == nil {
		got, readErr := io.ReadAll(broken.Body)
		_ = broken.Body.Close()
		if readErr == nil || len(got) > 0 {
			t.Errorf("%d bytes of a damaged object, %v", len(got), readErr)
		}
	}
}
