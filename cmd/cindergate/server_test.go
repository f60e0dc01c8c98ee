package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asServer makes the test binary run the real main, in a process of its own that can be
// killed.
const asServer = "CINDERGATE_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		_ = os.Unsetenv(asServer) // not a setting of the server
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is the maximum time for any step on a busy machine.
const patience = 2 * time.Minute

// server is a cindergate on a data directory. Tests can restart it.
type server struct {
	t    testing.TB
	data string
	url  string
	env  []string

	cmd  *exec.Cmd
	out  *lockedBuffer
	done chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newServer prepares a server without starting it. env are settings, such as "AUTH=noauth".
func newServer(t testing.TB, env ...string) *server {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	s := &server{t: t, data: t.TempDir(), url: "http://" + address, env: append(os.Environ(), asServer+"=1")}
	for _, e := range append([]string{"LISTEN=" + address, "LOG_FORMAT=json"}, env...) {
		s.env = append(s.env, "CINDERGATE_"+e)
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
	})
	return s
}

// start starts the server and waits until it serves.
func (s *server) start() {
	s.t.Helper()
	binary, err := os.Executable()
	must(s.t, err)
	s.cmd = exec.Command(binary, "serve", "--data", s.data) // killed by its pid
	s.cmd.Env = s.env
	s.out = &lockedBuffer{}
	s.cmd.Stdout = s.out
	log, err := s.cmd.StderrPipe()
	must(s.t, err)
	must(s.t, s.cmd.Start())
	serving := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(log)
		for announced := false; ; {
			line, err := lines.ReadString('\n')
			_, _ = s.out.Write([]byte(line))
			if !announced && strings.Contains(line, `"msg":"serving"`) {
				announced = true
				close(serving)
			}
			if err != nil {
				return
			}
		}
	}()
	done := make(chan error, 1)
	s.done = done
	go func() { <-read; done <- s.cmd.Wait() }()
	select {
	case <-serving:
	case err := <-done:
		s.cmd = nil
		s.t.Fatalf("the server ended: %v\n%s", err, s.out)
	case <-time.After(patience):
		s.t.Fatalf("the server does not serve:\n%s", s.out)
	}
}

// kill ends the server abruptly, with SIGKILL.
func (s *server) kill() {
	s.t.Helper()
	must(s.t, s.cmd.Process.Kill())
	<-s.done
	s.cmd = nil
}

// terminate asks the server to end, and returns its exit code and the time that took.
func (s *server) terminate() (code int, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	must(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.done:
		s.cmd = nil
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), time.Since(began)
		}
		must(s.t, err)
		return 0, time.Since(began)
	case <-time.After(patience):
		s.t.Fatalf("the server does not end:\n%s", s.out)
		return 0, 0
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errDown means that the server was not running, or ended during the request.
var errDown = errors.New("the server is down")

// refusal is an answer with a status of 400 or more.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.body) }

// api sends a request of user "tester" in project "abc". With noauth, the user is an admin.
func (s *server) api(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/v3/abc"+path, content)
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", "tester:abc")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return errors.Join(errDown, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return errors.Join(errDown, err)
	case answer.StatusCode >= http.StatusBadRequest:
		return &refusal{answer.StatusCode, string(text)}
	case into != nil:
		return json.Unmarshal(text, into)
	}
	return nil
}

// refused reports whether err is an answer with one of the statuses.
func refused(err error, statuses ...int) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return false
	}
	for _, status := range statuses {
		if r.status == status {
			return true
		}
	}
	return false
}

// poll calls done until it returns true. It fails after patience.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}
