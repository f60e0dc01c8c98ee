package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"cindergate/driver"
	"cindergate/gateway"
)

// waiting is a backend that answers when told to, or fails when its context ends.
type waiting struct {
	backend
	entered chan struct{}
	release chan struct{}
}

func newWaiting() waiting {
	return waiting{entered: make(chan struct{}, 100), release: make(chan struct{})}
}

func (w waiting) GetBackup(ctx context.Context, _ driver.Caller, id string) (driver.Backup, error) {
	w.entered <- struct{}{}
	select {
	case <-ctx.Done():
		// Some drivers classify the error, others only report a failure.
		if id == "classified" {
			return driver.Backup{}, driver.Left(ctx.Err())
		}
		return driver.Backup{}, errors.New("interrupted")
	case <-w.release:
		return driver.Backup{ID: id}, nil
	}
}

func (w waiting) Forward(rw http.ResponseWriter, r *http.Request, _ driver.Caller, _ string) error {
	if strings.HasSuffix(r.URL.Path, "/breaks") {
		_, _ = io.WriteString(rw, "half of an ans")
		_ = http.NewResponseController(rw).Flush()
		if strings.Contains(r.URL.Path, "/left/") {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
	_, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return driver.Left(err)
	}
	return nil
}

// outcomes returns the counted requests, by status.
func (g *rig) outcomes() string {
	_, body := g.call(http.MethodGet, "/metrics", "", "")
	var out []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "cindergate_request_duration_seconds_count") && strings.Contains(line, `backend="one"`) {
			_, status, _ := strings.Cut(line, `status="`)
			out = append(out, strings.TrimSpace(strings.Replace(status, `"}`, "", 1)))
		}
	}
	return strings.Join(out, ", ")
}

// until waits for an effect that follows after the client has left. It checks again after
// each log line, because the log line is the last thing that a request does.
func (g *rig) until(what string, is func() bool) {
	g.t.Helper()
	late := time.After(30 * time.Second)
	for !is() {
		select {
		case <-g.logged:
		case <-late:
			g.t.Errorf("not in time: %s", what)
			return
		}
	}
}

func (g *rig) noErrors() {
	g.t.Helper()
	for _, entry := range g.log.All() {
		if entry.Level >= zapcore.ErrorLevel {
			g.t.Errorf("logged: %s %v", entry.Message, entry.ContextMap())
		}
	}
}

// A client that leaves causes no error log, no 503 and no failure of the backend.
func TestClientsThatLeave(t *testing.T) {
	for _, path := range []string{"/backups/classified", "/backups/other"} {
		w := newWaiting()
		g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": w} })
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+own+path, nil)
		must(t, err)
		r.Header.Set("X-Auth-Token", "member")
		go func() { <-w.entered; leave() }()
		if answer, err := http.DefaultClient.Do(r); err == nil {
			_ = answer.Body.Close()
			t.Fatal("there is an answer")
		}
		g.until(path+" is counted as 499", func() bool { return g.outcomes() == "499 1" })
		g.noErrors()
	}
}

// A body that ends early is the client's fault: 499 in the log, 400 for a client that still
// reads.
func TestBodiesThatEndEarly(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": newWaiting()} })
	for i, path := range []string{own + "/volumes", own + "/backups"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		must(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", path)
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite())
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		_ = conn.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		g.until("counted as 499", func() bool { return strings.Count(g.outcomes(), "499 1") == i+1 })
	}
	g.noErrors()
}

// An answer that is cut off counts as 502 if the backend cut it off, and as 499 if the client
// left. Only the former is logged as a failure.
func TestAnswersThatBreakOff(t *testing.T) {
	w := newWaiting()
	g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": w} })
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	get := func(path string, begun func()) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+own+path, nil)
		must(t, err)
		r.Header.Set("X-Auth-Token", "member")
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		begun()
		if _, err := io.Copy(io.Discard, answer.Body); err == nil {
			t.Error("the answer is whole")
		}
		_ = answer.Body.Close()
	}
	get("/volumes/breaks", func() {})
	g.until("counted as 502", func() bool { return g.outcomes() == "502 1" })
	if n := g.log.FilterMessage("answer broke off").Len(); n != 1 || g.log.FilterMessage("request").Len() < 1 {
		t.Errorf("%d lines", n)
	}
	get("/volumes/left/breaks", leave)
	g.until("counted as 499", func() bool { return g.outcomes() == "499 1, 502 1" })
	if n := g.log.FilterMessage("answer broke off").Len(); n != 1 {
		t.Errorf("a client that leaves makes %d lines", n-1)
	}
}

// A token without any of the roles, or without a project, may do nothing.
func TestCallersWithoutARole(t *testing.T) {
	nobody := tokens{
		"none":     {ProjectID: project, UserID: "u"},
		"unscoped": {UserID: "u", Role: driver.Admin},
	}
	for kind, d := range map[string]driver.Driver{"own": backend{}, "forwarded": forwarder{}} {
		g := newRig(t, func(o *gateway.Options) { o.Backends, o.Auth = map[string]driver.Driver{"one": d}, nobody })
		for _, x := range []struct {
			token, path string
			status      int
		}{
			{"none", own + "/backups", 403}, {"none", own + "/backups/detail", 403}, {"none", own + "/backups/b1", 403}, {"none", own + "/volumes", 403},
			{"none", "/v3/backups", 403}, {"none", "/v3/volumes", 403}, {"none", "/v2/" + project + "/backups", 403}, {"none", own + "/types", 403},
			{"none", "/v3/", 200},
			// As in Cinder, the project of the URL is compared first.
			{"unscoped", own + "/backups", 400}, {"unscoped", own + "/volumes", 400},
			{"unscoped", "/v3/backups", 403}, {"unscoped", "/v3/volumes", 403}, {"unscoped", "/v3/", 200},
		} {
			if answer, body := g.call(http.MethodGet, x.path, x.token, ""); answer.StatusCode != x.status {
				t.Errorf("%s: %s %s: %d %s", kind, x.token, x.path, answer.StatusCode, body)
			}
		}
	}
}

// The number of requests in progress is limited, in total and per project.
func TestRequestsUnderWay(t *testing.T) {
	w := newWaiting()
	g := newRig(t, func(o *gateway.Options) {
		o.Backends, o.MaxRequests, o.MaxRequestsPerProject = map[string]driver.Driver{"one": w}, 3, 2
	})
	done := make(chan int, 3)
	get := func(token, in string) {
		go func() {
			answer, _ := g.call(http.MethodGet, "/v3/"+in+"/backups/x", token, "")
			done <- answer.StatusCode
		}()
		<-w.entered
	}
	refused := func(token, in, want string) {
		t.Helper()
		answer, body := g.call(http.MethodGet, "/v3/"+in+"/backups/x", token, "")
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || !strings.Contains(body, want) {
			t.Errorf("%d %v %s", answer.StatusCode, answer.Header, body)
		}
	}
	// Requests whose body has not arrived yet do not count.
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s/backups HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", own)
		must(t, err)
	}
	get("member", project)
	get("member", project)
	refused("member", project, "of this project")
	get("alt", altProject) // another project is not limited
	refused("admin", adminProject, "Too many requests are under way.")
	close(w.release)
	for range 3 {
		if status := <-done; status != http.StatusOK {
			t.Errorf("%d", status)
		}
	}
	if answer, _ := g.call(http.MethodGet, own+"/backups/x", "member", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", answer.StatusCode)
	}
	g.noErrors()
}

// counted is a backend that counts its checks and waits for concurrent ones.
type counted struct {
	backend
	checks *atomic.Int32
	meet   chan struct{}
}

func (c counted) Check(ctx context.Context) error {
	c.checks.Add(1)
	select {
	case c.meet <- struct{}{}:
	case <-c.meet:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// /healthz checks backends concurrently and caches the result.
func TestHealthIsCachedAndParallel(t *testing.T) {
	var checks atomic.Int32
	meet := make(chan struct{})
	g := newRig(t, func(o *gateway.Options) {
		o.Backends = map[string]driver.Driver{"one": counted{backend{}, &checks, meet}, "two": counted{backend{}, &checks, meet}}
		o.Default, o.HealthTime = "one", time.Hour
	})
	for range 50 {
		if answer, body := g.call(http.MethodGet, "/healthz", "", ""); answer.StatusCode != http.StatusOK || body != `{"backends":{"one":"ok","two":"ok"}}` {
			t.Fatalf("%d %s", answer.StatusCode, body)
		}
	}
	if n := checks.Load(); n != 2 {
		t.Errorf("%d checks", n)
	}
}

// A client that does not read its answer is disconnected. For a slow client, see
// TestSlowClientsGetMoreTime.
func TestWriteTimeout(t *testing.T) {
	const size = 32 << 20 // more than the system's buffers hold
	ended := make(chan error, 1)
	server := httptest.NewServer(gateway.WriteTimeout(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, size))
		ended <- err
	}), 500*time.Millisecond, nil))
	defer server.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	if err := <-ended; err == nil {
		t.Error("a client that reads nothing has taken everything")
	}
}

// A body that stops arriving is given up. For a slow body, see
// TestBodiesThatGetOnHaveMoreTime.
func TestStreamedBodiesMustGetOn(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) {
		o.Backends, o.BodyTimeout = map[string]driver.Driver{"one": newWaiting()}, 300*time.Millisecond
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	must(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "PUT %s/volumes/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\nContent-Length: 10\r\n\r\nx", own)
	must(t, err)
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && answer.StatusCode == http.StatusOK {
		t.Error("a body that stands still was taken")
	}
}

// Idle connections make room for new ones. Connections that never had a request go first.
func TestConnectionsAreBounded(t *testing.T) {
	all := gateway.NewConnections(3)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.Listener = all.Listener(server.Listener)
	server.Config.ConnState = all.State
	server.Start()
	defer server.Close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ask := func(conn net.Conn) error {
		must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
		}
		return err
	}
	kept := dial()
	must(t, ask(kept))
	var idle []net.Conn
	for range 50 {
		idle = append(idle, dial())
	}
	for range 10 {
		must(t, ask(dial())) // a new client is served at once
	}
	if _, err := idle[0].Read(make([]byte, 1)); err == nil {
		t.Error("the oldest idle connection is still there")
	}
	others := dial()
	must(t, ask(others))
	for range 3 {
		must(t, ask(dial()))
	}
	if err := ask(kept); err == nil {
		t.Error("more connections than may be")
	}
}

func TestClientAddresses(t *testing.T) {
	proxies := gateway.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, x := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:99", nil, "192.0.2.1"},
		{"192.0.2.1:99", []string{"6.6.6.6"}, "192.0.2.1"}, // the header comes from an untrusted client
		{"10.1.1.1:99", []string{"6.6.6.6, 192.0.2.7"}, "192.0.2.7"},
		{"10.1.1.1:99", []string{"6.6.6.6", "192.0.2.7, 10.9.9.9"}, "192.0.2.7"},
		{"10.1.1.1:99", []string{"10.2.2.2"}, "10.2.2.2"},
		{"10.1.1.1:99", nil, "10.1.1.1"},
		{"[2001:db8::1]:99", []string{"2001:dead::1"}, "2001:dead::/64"},
		{"[2001:db8::1]:99", []string{"2001:dead::ffff:2:3:4"}, "2001:dead::/64"}, // the same subscriber
		{"[2001:dead:0:1::1]:99", nil, "2001:dead:0:1::/64"},
		{"10.1.1.1:99", []string{"[2001:dead::2]"}, "2001:dead::/64"}, // as some proxies write it
		{"10.1.1.1:99", []string{"[2001:dead::2]:1234, [2001:db8::1]"}, "2001:dead::/64"},
		{"[fe80::1%eth0]:99", nil, "fe80::/64"},
		{"[::ffff:192.0.2.1]:99", nil, "192.0.2.1"},
		{"@", nil, "@"}, // a Unix socket
		{"[::ffff:10.1.1.1]:99", []string{"192.0.2.7"}, "192.0.2.7"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = x.remote
		r.Header["X-Forwarded-For"] = x.forwarded
		if got := proxies.Client(r); got != x.want {
			t.Errorf("%s %v: %s", x.remote, x.forwarded, got)
		}
	}
}
