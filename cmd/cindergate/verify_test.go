package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/verify"
)

// verifyClouds starts a gateway and sets OS_CLIENT_CONFIG_FILE to its clouds.
func verifyClouds(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.start()
	file := filepath.Join(s.data, cloudsFile)
	poll(t, cloudsFile, func() bool { // the server writes it last
		_, err := os.Stat(file)
		return err == nil
	})
	t.Setenv("OS_CLIENT_CONFIG_FILE", file)
	return s
}

func TestVerify(t *testing.T) {
	verifyClouds(t)
	dir := t.TempDir()
	output, badge := filepath.Join(dir, "report.json"), filepath.Join(dir, "badge.svg")
	out, err := command("verify", "--cloud", "demo", "--second-cloud", "alt", "--admin-cloud", "admin", "--level", "tenant,admin", "--match", "[a-e]*", "--rate", "0",
		"--format", "json", "--output", output, "--badge", badge, "--quiet")
	if err != nil || !strings.Contains(out, "; 0 deviations\n") || strings.Contains(out, "not tested") {
		t.Fatalf("%v: %s", err, out)
	}
	content, err := os.ReadFile(output)
	must(t, err)
	var report struct {
		Summary string
		Cases   []struct{ Name, Outcome string }
	}
	must(t, json.Unmarshal(content, &report))
	if report.Summary+"\n" != out || len(report.Cases) < 50 {
		t.Errorf("%s: %d cases", report.Summary, len(report.Cases))
	}
	if svg, err := os.ReadFile(badge); err != nil || !strings.HasPrefix(string(svg), "<svg ") {
		t.Errorf("%v: %s", err, svg)
	}
	out, err = command("verify", "--cloud", "demo", "--cleanup", "--quiet")
	if err != nil || out != "0 things removed\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// A run that cannot try its cases is exit code 2, as is a wrong command line.
func TestVerifyExitCodes(t *testing.T) {
	s := verifyClouds(t)
	for _, test := range []struct {
		args []string
		env  string
		code int
		says string
	}{
		{[]string{"--cloud", "demo", "--match", "list"}, "", 0, ""},
		{[]string{"--cloud", "demo-reader", "--match", "list"}, "", 0, ""},
		{[]string{"--cloud", "demo", "--level", "tenant", "--match", "other-*"}, "", 2, "no case could be tried"},
		{[]string{"--cloud", "demo", "--match", "no-such-case"}, "", 2, "no case could be tried"},
		{[]string{"--cloud", "nowhere"}, "", 2, "nowhere"},
		{[]string{}, "", 2, "--cloud or --endpoint"},
		{[]string{"--cloud", "demo", "--endpoint", s.url}, "", 2, "--cloud or --endpoint"},
		{[]string{"--cloud", "demo", "--level", "all"}, "", 2, `--level: "all"`},
		{[]string{"--cloud", "demo", "--format", "pdf"}, "", 2, `--format: "pdf"`},
		{[]string{"--cloud", "demo", "--rate", "-1"}, "", 2, "--rate"},
		{[]string{"--cloud", "demo", "--timeout", "0s"}, "", 2, "--timeout"},
		{[]string{"--cloud", "demo", "--match", "["}, "", 2, "--match"},
		{[]string{"--cloud", "demo", "--write-volume", "cat"}, "", 2, "--write-volume and --read-volume"},
		{[]string{"--cloud", "demo", "--second-cloud", "demo-reader"}, "", 2, "--second-cloud: its project"},
		{[]string{"--endpoint", s.url}, "", 2, "OS_TOKEN"},
		{[]string{"--endpoint", "ftp://x"}, "x", 2, "--endpoint"},
		{[]string{"--endpoint", "http://user:secret@x/v3"}, "x", 2, "--endpoint: it must be a URL"},
		{[]string{"--endpoint", s.url}, "wrong-token", 2, "refuses the login"},
		{[]string{"--endpoint", s.url}, "two\nlines", 2, "newline"},
		{[]string{"--endpoint", s.url, "--token", "a", "--token-file", "b"}, "", 2, "exclude each other"},
		{[]string{"--endpoint", "http://127.0.0.1:1/v3/abc"}, "some-token", 2, "refused"},
	} {
		t.Setenv("OS_TOKEN", test.env)
		_, err := command(append([]string{"verify", "--quiet", "--rate", "0"}, test.args...)...)
		if exitCode(err) != test.code || err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%v: exit %d, %v", test.args, exitCode(err), err)
		}
	}
}

// An endpoint that answers {} to everything deviates.
func TestVerifyFindsDeviations(t *testing.T) {
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	defer odd.Close()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("a-token-in-a-file\n"), 0o600))
	out, err := command("verify", "--endpoint", odd.URL+"/v3/"+strings.Repeat("a", 32), "--token-file", file, "--rate", "0", "--quiet")
	if exitCode(err) != 1 || !strings.Contains(out, "DEVIATION list at 3.0") || strings.Contains(out, "a-token-in-a-file") {
		t.Errorf("exit %d, %v: %s", exitCode(err), err, out)
	}
}

func TestVerifyList(t *testing.T) {
	out, err := command("verify", "list")
	if err != nil || strings.Count(out, "\n") != len(verify.Cases())+1 {
		t.Errorf("%v: %d lines", err, strings.Count(out, "\n"))
	}
}
