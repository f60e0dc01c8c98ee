package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// startHarness starts the real command and returns its environment by name.
func startHarness(t *testing.T, args ...string) (cmd *exec.Cmd, env map[string]string) {
	t.Helper()
	binary, err := os.Executable()
	must(t, err)
	read, write, err := os.Pipe()
	must(t, err)
	cmd = exec.Command(binary, append([]string{"harness", "--ready-fd", "3"}, args...)...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // by its pid; it has usually ended
	must(t, write.Close())
	text, err := io.ReadAll(read) // until the command closes it
	must(t, err)
	env = map[string]string{}
	for _, pair := range regexp.MustCompile(`\b([A-Z_]+)=(\S+)`).FindAllStringSubmatch(string(text), -1) {
		env[pair[1]] = pair[2]
	}
	return cmd, env
}

func exchange(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(text)
}

// The real command says where it serves, does what it is told, and leaves nothing behind.
func TestHarness(t *testing.T) {
	dir := t.TempDir()
	cmd, env := startHarness(t, "--dir", dir, "--now", "2026-01-01T00:00:00Z", "--seed", "5")
	if env["OS_USERNAME"] != "demo" || env["OS_AUTH_URL"] == "" || env["HARNESS_URL"] == "" {
		t.Fatalf("%v", env)
	}
	if status, text := exchange(t, "POST", env["HARNESS_URL"]+"/clock/advance", `{"by":"36h"}`); status != 200 || !strings.Contains(text, `"now":"2026-01-02T12:00:00Z"`) {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := exchange(t, "GET", strings.TrimSuffix(env["OS_AUTH_URL"], "/identity/v3")+"/harness/v1/clock", ""); status != 404 {
		t.Errorf("the cloud's own address serves the harness: %d", status)
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	must(t, cmd.Wait())
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestHarnessIsLocal(t *testing.T) {
	for _, args := range []string{"--listen 0.0.0.0:0", "--control 192.0.2.1:0", "--control :0", "--now yesterday", "--log-level loud", "--seed 99999999999999999"} {
		_, err := command(append([]string{"harness"}, strings.Fields(args)...)...)
		if exitCode(err) != exitUsage {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := command("fake", "otc", "--listen", "127.0.0.1:0", "--harness", "0.0.0.0:0"); exitCode(err) != exitUsage {
		t.Errorf("fake: %v", err)
	}
}

// The stand-in for a cloud is controlled alike. After a reset it has the ids that it has printed.
func TestFakeHarness(t *testing.T) {
	binary, err := os.Executable()
	must(t, err)
	cmd := exec.Command(binary, "fake", "otc", "--listen", "127.0.0.1:0", "--harness", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asServer+"=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // by its pid; it has usually ended
	usage := readUsage(t, out)
	found := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(usage)
		if m == nil {
			t.Fatalf("it does not print %s:\n%s", pattern, usage)
		}
		return m[1]
	}
	control, url := found(`HARNESS_URL=(\S+)`), found(`serves (http://\S+)`)
	project, token, volume := found(`project (\w{32}),`), found(`a token of it (\S+)`), found(`volume (\S+) \(data\)`)
	show := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/evs/v2/"+project+"/volumes/"+volume, nil)
		must(t, err)
		r.Header.Set("X-Auth-Token", token)
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		must(t, answer.Body.Close())
		return answer.StatusCode
	}
	set := func(method, path, body string, want int) {
		t.Helper()
		if status, text := exchange(t, method, control+path, body); status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, text)
		}
	}
	if status := show(); status != 200 {
		t.Fatal(status)
	}
	set("POST", "/faults", `[{"match": {"route": "/evs/v2/{project_id}/volumes/{id}"}, "answer": {"status": 503}}]`, 200)
	if status := show(); status != 503 {
		t.Errorf("with a fault: %d", status)
	}
	set("PUT", "/clock", `{"mode": "manual"}`, 200)
	set("POST", "/clock/advance", `{"by": "25h"}`, 200)
	if status := show(); status != 401 {
		t.Errorf("after the token's lifetime: %d", status)
	}
	set("POST", "/reset", "", 204)
	if status := show(); status != 200 {
		t.Errorf("after a reset: %d", status)
	}
	if _, text := exchange(t, "GET", control+"/requests", ""); strings.Contains(text, token) || strings.Count(text, `"seq"`) != 1 {
		t.Errorf("requests: %s", text)
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	_, err = io.Copy(io.Discard, out)
	must(t, err)
	must(t, cmd.Wait())
}
