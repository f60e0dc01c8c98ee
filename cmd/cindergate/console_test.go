package main

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// consoleOf returns a client that has logged in to the console with a form, and the page after that.
func consoleOf(t *testing.T, s *server, form url.Values) (*http.Client, string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := &http.Client{Jar: jar}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/ui/login", strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(r)
	must(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	must(t, err)
	if answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/ui/" {
		t.Fatalf("login: %d at %s\n%s", answer.StatusCode, answer.Request.URL, page)
	}
	return client, string(page)
}

func (s *server) page(client *http.Client, path string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	must(s.t, err)
	answer, err := client.Do(r)
	must(s.t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	must(s.t, err)
	return answer.StatusCode, string(page)
}

// The gateway on loopback has a console: its users log in, admins see disks, and a stop does not wait
// for pages that are open.
func TestConsole(t *testing.T) {
	s := newServer(t)
	s.start()
	poll(t, "the console is announced", func() bool { return strings.Contains(s.out.String(), s.url+"/ui/") })
	login := func(name string) (*http.Client, string) {
		c := s.clouds().Clouds[name].Auth
		return consoleOf(t, s, url.Values{"way": {"password"}, "user": {c.Username}, "password": {c.Password}, "project": {c.ProjectName}, "domain": {"Default"}})
	}
	_, page := login("admin")
	if !strings.Contains(page, "Space: <bdi>data directory</bdi>") || !strings.Contains(page, "<bdi>embedded</bdi>") {
		t.Errorf("the page of an admin lacks disks or backends:\n%s", page)
	}
	client, page := login("demo")
	if strings.Contains(page, "data directory") {
		t.Error("a member sees the disks of the gateway")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/ui/api/events", nil)
	must(t, err)
	stream, err := client.Do(r)
	must(t, err)
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	for line := ""; !strings.HasPrefix(line, "event: state"); {
		line, err = lines.ReadString('\n')
		must(t, err)
	}
	if code, took := s.terminate(); code != 0 || took > 5*time.Second {
		t.Errorf("with an open page, the stop took %s; exit code %d", took, code)
	}
}

// A policy is explained to whoever sees its volume.
func TestConsoleExplainsPolicies(t *testing.T) {
	s := newServer(t, "AUTH=noauth")
	s.start()
	var made struct{ Volume struct{ ID string } }
	must(t, s.api(t.Context(), http.MethodPost, "/volumes", map[string]any{"volume": map[string]any{"size": 1, "name": "photos", "metadata": map[string]string{"cindergate:backup": "daily 02:30; keep=7d"}}}, &made))
	client, _ := consoleOf(t, s, url.Values{"way": {"noauth"}, "user": {"tester"}, "project": {"abc"}})
	_, page := s.page(client, "/ui/volumes/"+made.Volume.ID+"?try="+url.QueryEscape("weekly mon 03:00; keep=4w"))
	for _, want := range []string{"daily 02:30", "Next runs", "With that policy", "weekly mon 03:00"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	_, page = s.page(client, "/ui/volumes/"+made.Volume.ID+"?try=daily+25:00")
	if !regexp.MustCompile(`role="alert"><bdi>[^<]*25:00`).MatchString(page) {
		t.Errorf("a mistake:\n%s", page)
	}
}

// Requests are recorded only where the setting says so; what the gateway asked a cloud for them is part of
// them.
func TestConsoleShowsRequests(t *testing.T) {
	off := newServer(t, "AUTH=noauth")
	off.start()
	client, _ := consoleOf(t, off, url.Values{"way": {"noauth"}, "user": {"tester"}, "project": {"abc"}})
	if status, _ := off.page(client, "/ui/wire"); status != http.StatusNotFound {
		t.Errorf("without the setting: %d", status)
	}
	cloud := newServer(t, "AUTH=noauth")
	cloud.start()
	config := filepath.Join(t.TempDir(), "c.yaml")
	must(t, os.WriteFile(config, []byte("backends: {east: {driver: cinder, cinder: {url: '"+cloud.url+"'}}}\n"), 0o600))
	s := newServer(t, "AUTH=noauth", "UI_WIRE=true", "CONFIG="+config)
	s.start()
	client, _ = consoleOf(t, s, url.Values{"way": {"noauth"}, "user": {"tester"}, "project": {"abc"}})
	var found any
	must(t, s.api(t.Context(), http.MethodGet, "/backups/detail", nil, &found))
	_, page := s.page(client, "/ui/api/wire?route=ListBackupsDetail")
	if !strings.Contains(page, `"url":"`+cloud.url+`/v3/`) {
		t.Errorf("the request has no part upstream: %s", page)
	}
}

// There is no console where the setting says so.
func TestNoConsole(t *testing.T) {
	s := newServer(t, "UI=off")
	s.start()
	if status, _ := s.page(http.DefaultClient, "/ui/"); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	if strings.Contains(s.out.String(), "The console is at") {
		t.Error("it is announced")
	}
}
