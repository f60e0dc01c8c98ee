package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/move"
	tenant "cindergate/internal/move/cloud"
	"cindergate/internal/move/content"
	"cindergate/internal/move/image"
	"cindergate/internal/move/paths"
	"cindergate/internal/sparse"
)

// moveStore is a fake of an object store, and what the gateway's config says of it.
type moveStore struct {
	*chunktest.Server
	driver string
	config string
}

func swiftStore(t *testing.T) moveStore {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(key, []byte(chunktest.SwiftKey), 0o600))
	swift := chunktest.NewSwift(t)
	return moveStore{swift.Server, "swift", "auth_url: \"" + swift.URL + "\", auth_version: 1, user: \"" + chunktest.SwiftUser + "\", key_file: \"" + key + "\""}
}

// s3Store sets AWS_SHARED_CREDENTIALS_FILE to a file with the keys of the clouds demo and alt.
func s3Store(t *testing.T) moveStore {
	t.Helper()
	s3 := chunktest.NewS3(t)
	file := filepath.Join(t.TempDir(), "credentials")
	keys := "\naws_access_key_id = " + chunktest.S3Key + "\naws_secret_access_key = " + chunktest.S3Secret + "\n"
	must(t, os.WriteFile(file, []byte("[demo]"+keys+"[alt]"+keys), 0o600))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	return moveStore{s3, "s3", "endpoint: \"" + s3.URL + "\", access_key: " + chunktest.S3Key + ", secret_key: " + chunktest.S3Secret}
}

// moveClouds starts a gateway whose backups are in a store, and a Keystone in front of it whose
// catalogue also has that store as the projects' own Swift account. It sets
// OS_CLIENT_CONFIG_FILE to a file with the clouds demo and alt.
func moveClouds(t *testing.T, store moveStore) *server {
	t.Helper()
	store.Set("volumebackups", "", nil)
	dir := t.TempDir()
	config := filepath.Join(dir, "cindergate.yaml")
	must(t, os.WriteFile(config, []byte("stores:\n  objects: {driver: "+store.driver+", "+store.driver+": {"+store.config+"}}\ndefault_store: objects\n"), 0o600))
	s := newServer(t, "CONFIG="+config)
	s.start()

	// Swift with Keystone's tokens: any token will do.
	to, err := url.Parse(store.URL)
	must(t, err)
	object := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("X-Auth-Token", "AUTH_tk0")
	}})
	t.Cleanup(object.Close)
	// The token's catalogue gets the object-store.
	gate, err := url.Parse(s.url)
	must(t, err)
	keystone := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(gate); r.Out.Host = gate.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodPost || r.StatusCode != http.StatusCreated {
				return nil
			}
			var body map[string]map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				return err
			}
			catalog, _ := body["token"]["catalog"].([]any)
			body["token"]["catalog"] = append(catalog, map[string]any{"type": "object-store", "name": "swift", "id": "o", "endpoints": []any{
				map[string]any{"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": "e", "url": object.URL + "/v1/AUTH_test"}}})
			raw, err := json.Marshal(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
			r.Header.Del("Content-Length")
			return err
		},
	})
	t.Cleanup(keystone.Close)
	var text []byte
	poll(t, cloudsFile, func() bool { // the server writes it last
		text, err = os.ReadFile(filepath.Join(s.data, cloudsFile))
		return err == nil
	})
	file := filepath.Join(dir, "clouds.yaml")
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), s.url, keystone.URL)), 0o600))
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	t.Setenv("OS_REGION_NAME", "of-another-cloud")
	t.Setenv("OS_INTERFACE", "internal")
	return s
}

// moveRun runs a command of cindergate move in this process.
func moveRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(append([]string{"move"}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// A volume and a chain of backups move by each path, through a service that has Cinder's layout
// and gives out bytes: equal bytes, names and metadata, and nothing left.
func TestMove(t *testing.T) {
	here := []string{"cindergate", "carrier"}
	for i, from := range here {
		to := here[1-i]
		t.Run(from+" to "+to, func(t *testing.T) { testMove(t, swiftStore(t), from, to) })
	}
	t.Run("all paths", func(t *testing.T) {
		read, write := paths.Names()
		for _, names := range [][]string{read, write} {
			if !slices.Equal(names, []string{"cindergate", "carrier", "ims", image.Path}) {
				t.Errorf("%q: the new path needs a test", names)
			}
		}
	})
	t.Run("carrier in S3", func(t *testing.T) {
		s3 := s3Store(t)
		testMove(t, s3, "carrier", "carrier", "--from-s3", s3.URL, "--to-s3", s3.URL+"?region=us-east-1")
	})
}

func testMove(t *testing.T, store moveStore, from, to string, options ...string) {
	s := moveClouds(t, store)
	run := func(command string, args ...string) (string, error) {
		return moveRun(t, slices.Concat([]string{command, "--from", "demo", "--to", "alt", "--read-path", from, "--write-path", to}, options, args)...)
	}
	login := func(name string) *tenant.Cloud {
		c, err := tenant.Login(t.Context(), name, clouds.WithCloudName(name))
		must(t, err)
		return c
	}
	demo, alt := login("demo"), login("alt")
	v, err := demo.EnsureVolume(t.Context(), tenant.NewVolume{Name: "source", Size: tenant.GiB})
	must(t, err)
	if _, err := demo.Dress(t.Context(), v.ID, move.Volume{Name: "source", Description: "of demo", Metadata: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	disk := func(id string) string { return volumeFile(t, s.data, id) }
	write := func(off int64, n int) {
		f, err := os.OpenFile(disk(v.ID), os.O_RDWR, 0)
		must(t, err)
		p := make([]byte, n)
		_, _ = rand.Read(p) // it never fails
		_, err = f.WriteAt(p, off)
		must(t, err)
		must(t, f.Close())
	}
	write(100<<20, 20<<20)
	state := t.TempDir()

	if out, err := run("plan", "source"); err != nil || !strings.Contains(out, "read by "+from) || !strings.Contains(out, "write by "+to) {
		t.Fatal(out, err)
	}
	if out, err := run("volume", "--state", state, "source"); err != nil {
		t.Fatal(out, err)
	}
	found, err := alt.Volumes(t.Context(), "source")
	must(t, err)
	if len(found) != 1 || found[0].Description != "of demo" || found[0].Metadata["k"] != "v" {
		t.Fatalf("the target has %+v", found)
	}
	sameFiles(t, disk(v.ID), disk(found[0].ID))
	nothingLeft(t, demo, alt)

	// A chain of two.
	full, err := demo.EnsureBackup(t.Context(), tenant.NewBackup{Name: "full", Description: "the first", VolumeID: v.ID})
	must(t, err)
	first := filepath.Join(t.TempDir(), "first")
	copyFile(t, disk(v.ID), first)
	write(500<<20, 1<<20)
	inc, err := demo.EnsureBackup(t.Context(), tenant.NewBackup{Name: "inc", VolumeID: v.ID, Incremental: true})
	must(t, err)
	if out, err := run("backup", "--state", state, inc.ID); err != nil {
		t.Fatal(out, err)
	}
	for name, want := range map[string]string{"full": first, "inc": disk(v.ID)} {
		list, err := alt.Backups(t.Context(), name, "")
		must(t, err)
		if len(list) != 1 || list[0].IsIncremental != (name == "inc") || list[0].Metadata == nil {
			t.Fatalf("the target has %+v", list)
		}
		source := map[string]time.Time{"full": full.DataTimestamp, "inc": inc.DataTimestamp}[name]
		taken := list[0].DataTimestamp
		if to == "carrier" { // the target sets its own
			taken, err = time.Parse(time.RFC3339Nano, (*list[0].Metadata)["cindergate:data_timestamp"])
			must(t, err)
		}
		if !taken.Equal(source) {
			t.Errorf("%s has the data of %s, not of %s", name, taken, source)
		}
		must(t, alt.Restore(t.Context(), list[0].ID, found[0].ID))
		sameFiles(t, want, disk(found[0].ID))
	}
	nothingLeft(t, demo, alt)

	// An object that is lost is found, and an abort removes what was made.
	for _, name := range store.Names("volumebackups") {
		if strings.Contains(name, full.ID) && strings.HasSuffix(name, "-00001") {
			store.Set("volumebackups", name, nil)
		}
	}
	out, err := run("backup", "--state", state, full.ID)
	if err == nil || !strings.Contains(out+err.Error(), "is missing") {
		t.Fatal(out, err)
	}
	ids, err := move.List(state)
	must(t, err)
	begun := len(ids) == 3 // or the plan found it
	if begun {
		if out, err := moveRun(t, "abort", "--state", state, ids[2]); err != nil || !strings.Contains(out, "aborted") {
			t.Fatal(out, err)
		}
	}
	nothingLeft(t, demo, alt)
	if out, err := moveRun(t, "status", "--state", state); err != nil || strings.Count(out, ": done") != 2 || strings.Contains(out, ": aborted") != begun {
		t.Fatal(out, err)
	}
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.Open(a)
	must(t, err)
	defer x.Close()
	y, err := os.Open(b)
	must(t, err)
	defer y.Close()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); off < tenant.GiB; off += int64(len(p)) {
		first, _ := sparse.NextData(x, off, tenant.GiB)
		second, _ := sparse.NextData(y, off, tenant.GiB)
		if off = min(first, second) / int64(len(p)) * int64(len(p)); off == tenant.GiB {
			return
		}
		if _, err := x.ReadAt(p, off); err != nil {
			t.Fatal(err)
		}
		if _, err := y.ReadAt(q, off); err != nil || !bytes.Equal(p, q) {
			t.Fatal("the files differ", err)
		}
	}
}

// copyFile copies what a volume holds; the rest of the copy is a hole.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	x, err := os.Open(from)
	must(t, err)
	defer x.Close()
	y, err := os.Create(to)
	must(t, err)
	must(t, y.Truncate(tenant.GiB))
	_, err = x.Seek(100<<20, io.SeekStart)
	must(t, err)
	_, err = io.CopyN(io.NewOffsetWriter(y, 100<<20), x, 20<<20)
	must(t, err)
	must(t, y.Close())
}

func nothingLeft(t *testing.T, all ...*tenant.Cloud) {
	t.Helper()
	for _, c := range all {
		left, err := c.Left(t.Context(), move.Prefix)
		must(t, err)
		if len(left) > 0 {
			t.Fatalf("cloud %s has %q", c.Name, left)
		}
	}
}

// A cloud without a Glance is told so, if images are asked for, and any other path is preferred.
func TestMoveByImages(t *testing.T) {
	moveClouds(t, swiftStore(t))
	demo, err := tenant.Login(t.Context(), "demo")
	must(t, err)
	_, err = demo.EnsureVolume(t.Context(), tenant.NewVolume{Name: "source", Size: tenant.GiB})
	must(t, err)
	for _, side := range []string{"--read-path", "--write-path"} {
		out, err := moveRun(t, "plan", "--from", "demo", "--to", "alt", side, image.Path, "source")
		if exitCode(err) != 1 || !strings.Contains(out, "impossible: the image service of cloud ") || !strings.Contains(out, " has no API of version 2") {
			t.Errorf("%s: %v\n%s", side, err, out)
		}
	}
	if out, err := moveRun(t, "plan", "--from", "demo", "--to", "alt", "source"); err != nil || strings.Contains(out, image.Path) {
		t.Errorf("%v\n%s", err, out)
	}
}

// The backup that a move sends shows how far the move is, and so does the one that it reads.
func TestMoveProgress(t *testing.T) {
	moveClouds(t, swiftStore(t))
	demo, err := tenant.Login(t.Context(), "demo")
	must(t, err)
	v, err := demo.EnsureVolume(t.Context(), tenant.NewVolume{Name: "source", Size: tenant.GiB})
	must(t, err)
	env := &move.Env{ID: move.NewID(), Dir: t.TempDir(), Save: func(any) error { return nil }, Status: func(string) {}}
	source, err := content.NewSource(demo, env, v.ID, "")
	must(t, err)
	target, err := content.NewTarget(demo, env, content.Options{})
	must(t, err)
	shows := func(side move.Reporter, name, text string) {
		t.Helper()
		must(t, side.Report(t.Context(), text))
		found, err := demo.Backups(t.Context(), name, "")
		must(t, err)
		if text == "" {
			if len(found) > 0 {
				t.Errorf("there is a backup %s", name)
			}
			return
		}
		if len(found) != 1 || found[0].Metadata == nil || (*found[0].Metadata)[tenant.Progress] != text {
			t.Errorf("%s: %+v", name, found)
		}
	}
	shows(source, "none", "")
	shows(target, "none", "")
	_, err = source.Freeze(t.Context(), 1)
	must(t, err)
	shows(source, env.Name("source-point-1"), "round 1: a quarter")
	v.Metadata = nil
	_, err = target.Prepare(t.Context(), move.Job{Volume: v})
	must(t, err)
	_, err = target.Write(t.Context(), move.Piece{Round: 1, Data: make([]byte, 8<<20)})
	must(t, err)
	shows(target, env.Name("target-point-1"), "round 1: half")
	must(t, target.Abort(t.Context()))
	must(t, source.Release(t.Context()))
	nothingLeft(t, demo)
}

// A command line that makes no sense is refused before any cloud is asked.
func TestMoveUsage(t *testing.T) {
	for _, args := range [][]string{
		{"volume", "--from", "a", "x"},
		{"volume", "--from", "a", "--to", "b"},
		{"volume", "--from", "a", "--to", "b", "--rounds", "0", "x"},
		{"volume", "--from", "a", "--to", "b", "--rounds", "2x", "x"},
		{"volume", "--from", "a", "--to", "b", "--threshold", "-1", "x"},
		{"volume", "--from", "a", "--to", "b", "--cutover-at", "now", "x"},
		{"volume", "--from", "a", "--to", "b", "--verify", "maybe", "x"},
		{"volume", "--from", "a", "--to", "b", "--match", "x*", "x"},
		{"volume", "--from", "a", "--to", "b", "--project", "--match", "[", "--state", t.TempDir()},
		{"cutover"},
		{"volume", "--from", "a", "--to", "b", "--from-s3", "ftp://s3", "x"},
		{"volume", "--from", "a", "--to", "b", "--to-s3", "https://s3/bucket", "x"},
		{"volume", "--from", "a", "--to", "b", "--to-s3", "https://s3?profile=x", "x"},
	} {
		if out, err := moveRun(t, args...); exitCode(err) != exitUsage {
			t.Errorf("%q: %v %s", args, err, out)
		}
	}
	for _, id := range []string{"x", "../../etc", "0123456789"} {
		if _, err := moveRun(t, "cutover", "--state", t.TempDir(), id); err == nil {
			t.Errorf("cutover of %q", id)
		}
	}
	for text, want := range map[string]int64{"0": 0, "64MiB": 64 << 20, "1G": 1 << 30, "5KB": 5 << 10, "7": 7} {
		if n, err := parseBytes(text); err != nil || n != want {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
}
