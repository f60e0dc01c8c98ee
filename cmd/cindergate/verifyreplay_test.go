package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
)

// recordedSession uses a gateway as a tenant does, and returns the transcript that the console saves of it.
func recordedSession(t *testing.T) string {
	t.Helper()
	s := newServer(t, "UI_WIRE=true")
	s.start()
	client, err := s.login("demo")
	must(t, err)
	client.Microversion = "3.60"
	ctx := t.Context()
	refused := func(err error, status int) {
		t.Helper()
		if !gophercloud.ResponseCodeIs(err, status) {
			t.Fatalf("%v, want %d", err, status)
		}
	}
	await := func(id, status string) {
		t.Helper()
		poll(t, status, func() bool {
			v, err := volumes.Get(ctx, client, id).Extract()
			return err == nil && v.Status == status
		})
	}
	volume, err := volumes.Create(ctx, client, volumes.CreateOpts{Size: 1, Name: "photos"}, nil).Extract()
	must(t, err)
	await(volume.ID, "available")
	backup, err := backups.Create(ctx, client, backups.CreateOpts{VolumeID: volume.ID, Name: "first"}).Extract()
	must(t, err)
	poll(t, "available", func() bool {
		b, err := backups.Get(ctx, client, backup.ID).Extract()
		return err == nil && b.Status == "available"
	})
	restored, err := backups.RestoreFromBackup(ctx, client, backup.ID, backups.RestoreOpts{Name: "again"}).Extract()
	must(t, err)
	await(restored.VolumeID, "available")
	for _, list := range []func() error{
		func() error { _, err := backups.List(client, backups.ListOpts{}).AllPages(ctx); return err },
		func() error { _, err := backups.ListDetail(client, backups.ListDetailOpts{}).AllPages(ctx); return err },
		func() error { _, err := volumes.List(client, volumes.ListOpts{Limit: 1}).AllPages(ctx); return err },
	} {
		must(t, list())
	}
	_, err = backups.Get(ctx, client, "5d0c9a52-5d0c-4d0c-8d0c-5d0c9a525d0c").Extract()
	refused(err, http.StatusNotFound)
	_, err = backups.Create(ctx, client, backups.CreateOpts{VolumeID: "no-uuid"}).Extract()
	refused(err, http.StatusBadRequest)
	_, err = volumes.Create(ctx, client, volumes.CreateOpts{Size: 100_000}, nil).Extract()
	refused(err, http.StatusRequestEntityTooLarge)
	must(t, backups.Delete(ctx, client, backup.ID).ExtractErr())
	poll(t, "deleted", func() bool {
		_, err := backups.Get(ctx, client, backup.ID).Extract()
		return gophercloud.ResponseCodeIs(err, http.StatusNotFound)
	})
	admin := s.clouds().Clouds["admin"].Auth
	browser, _ := consoleOf(t, s, url.Values{"way": {"password"}, "user": {admin.Username}, "password": {admin.Password}, "project": {admin.ProjectName}, "domain": {"Default"}})
	status, text := s.page(browser, "/ui/wire.jsonl")
	if status != http.StatusOK || strings.Count(text, "\n") < 12 {
		t.Fatalf("%d: %s", status, text)
	}
	file := filepath.Join(t.TempDir(), "transcript.jsonl")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	s.kill()
	return file
}

// What a client said to one gateway is answered alike by another one, and what is changed on the way is
// found, and nothing else.
func TestReplay(t *testing.T) {
	file := recordedSession(t)
	s := verifyClouds(t)
	client, err := s.login("demo")
	must(t, err)
	_, err = volumes.Create(t.Context(), client, volumes.CreateOpts{Size: 1, Name: "another"}, nil).Extract()
	must(t, err)
	out, err := command("verify", "replay", file, "--cloud", "demo", "--write", "--rate", "0", "--quiet")
	if err != nil || !strings.Contains(out, " answers are the same; 2 made and still there\n") || strings.Contains(out, "DIFFERS") {
		t.Fatalf("%v: %s", err, out)
	}

	// A proxy that changes one status, one member and one header.
	target, err := url.Parse(s.url)
	must(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			switch asked := r.Request; {
			case strings.HasSuffix(asked.URL.Path, "/5d0c9a52-5d0c-4d0c-8d0c-5d0c9a525d0c"):
				r.StatusCode = http.StatusGone
			case asked.Method == http.MethodPost && strings.HasSuffix(asked.URL.Path, "/restore"):
				body, err := io.ReadAll(r.Body)
				body = bytes.Replace(body, []byte(`"again"`), []byte(`"never"`), 1)
				r.Body = io.NopCloser(bytes.NewReader(body))
				return err
			case asked.Method == http.MethodPost && strings.HasSuffix(asked.URL.Path, "/backups") && r.StatusCode == http.StatusAccepted:
				r.Header.Set("Vary", "*")
			}
			return nil
		},
	})
	defer proxy.Close()
	token := client.Token()
	t.Setenv("OS_TOKEN", token)
	report := filepath.Join(t.TempDir(), "report.json")
	line, err := command("verify", "replay", file, "--endpoint", proxy.URL+strings.TrimPrefix(strings.TrimRight(client.Endpoint, "/"), s.url), "--write", "--rate", "0", "--quiet", "--format", "json", "--output", report)
	content, bad := os.ReadFile(report)
	must(t, bad)
	if exitCode(err) != 1 || !strings.Contains(line, "; 3 DIFFER;") || bytes.Contains(content, []byte(token)) {
		t.Errorf("%v: %s\n%s", err, line, content)
	}
	var got struct {
		Exchanges []struct {
			Method, Path, Verdict string
			Differences           []struct {
				Path           string
				Recorded, Here any
			}
		}
	}
	must(t, json.Unmarshal(content, &got))
	want := map[string]string{"/status": "404 410", "/body/restore/volume_name": "again never", "/headers/Vary": "OpenStack-API-Version *"}
	for _, x := range got.Exchanges {
		for _, d := range x.Differences {
			if len(x.Differences) != 1 || strings.Trim(jsonOf(t, d.Recorded), `"`)+" "+strings.Trim(jsonOf(t, d.Here), `"`) != want[d.Path] {
				t.Errorf("%s %s: %+v", x.Method, x.Path, x.Differences)
			}
			delete(want, d.Path)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

// A wrong file or command line is exit code 2, and nothing is sent.
func TestReplayRefuses(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	t.Setenv("OS_TOKEN", "some-token")
	dir := t.TempDir()
	write := func(name, text string) string {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		return filepath.Join(dir, name)
	}
	line := func(path, headers string) string {
		return `{"role": "member", "req": {"method": "GET", "path": "` + path + `", "headers": {` + headers + `}}, "resp": {"status": 200, "body": "{}"}}` + "\n"
	}
	good := write("good", line("/v3/backups", ""))
	for want, args := range map[string][]string{
		"empty: it has no exchange":                          {write("empty", "")},
		"text:1: it must be a JSON object":                   {write("text", "hello\n")},
		"host:2: req.path: it must be an absolute path":      {write("host", line("/v3", "")+line("http://other.example/v3", ""))},
		"header:1: req.headers: only these are repeated":     {write("header", line("/v3", `"X-Auth-Token": "x"`))},
		"both:1: req.path":                                   {good, write("both", line("//x", ""))},
		"no such file":                                       {filepath.Join(dir, "none")},
		"-: it has no exchange":                              {"-"},
		`--format: "html" is none of har, json, junit, text`: {good, "--format", "html"},
		"--rate":                       {good, "--rate", "-1"},
		"--timeout: it must be":        {good, "--timeout", "0s"},
		"--settle-timeout: it must be": {good, "--settle-timeout", "48h"},
		"--id":                         {good, "--id", "a=b"},
		"requires at least 1 arg(s)":   {},
		"accepts between 1 and 16 arg(s), received 17": strings.Fields(strings.Repeat("- ", 17)),
	} {
		if want == "requires at least 1 arg(s)" {
			want = "accepts between 1 and 16 arg(s), received 0"
		}
		_, err := command(append([]string{"verify", "replay", "--quiet", "--endpoint", server.URL + "/v3/" + strings.Repeat("a", 32)}, args...)...)
		if exitCode(err) != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: exit %d, %v, want %s", args, exitCode(err), err, want)
		}
	}
	if _, err := command("verify", "replay", good); exitCode(err) != 2 || !strings.Contains(err.Error(), "--cloud or --endpoint") {
		t.Error(err)
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
