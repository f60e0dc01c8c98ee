package main

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The process tells systemd when it accepts connections, that it works, and that it stops. Its
// metrics are on a listener of their own.
func TestNotifiesSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	receive := func() string {
		t.Helper()
		must(t, conn.SetReadDeadline(time.Now().Add(patience)))
		message := make([]byte, 4096)
		length, err := conn.Read(message)
		must(t, err)
		return string(message[:length])
	}
	s := newServer(t, "AUTH=noauth", "METRICS_LISTEN=127.0.0.1:0")
	s.env = append(s.env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=2000000")
	s.start()
	if got := receive(); got != "READY=1" {
		t.Fatalf("first of all: %q", got)
	}
	get := func(url string) (int, string) {
		t.Helper()
		answer, err := http.Get(url)
		must(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		must(t, err)
		return answer.StatusCode, string(body)
	}
	if status, _ := get(s.url + "/v3/abc/backups"); status != http.StatusUnauthorized {
		t.Errorf("%d", status)
	}
	for range 2 {
		if got := receive(); got != "WATCHDOG=1" {
			t.Fatalf("%q", got)
		}
	}
	_, rest, _ := strings.Cut(s.out.String(), `"serving metrics and health","address":"`)
	address, _, _ := strings.Cut(rest, `"`)
	if status, body := get("http://" + address + "/metrics"); status != http.StatusOK || !strings.Contains(body, "cindergate_request_duration_seconds_count") {
		t.Errorf("metrics: %d %.300s", status, body)
	}
	if status, body := get("http://" + address + "/healthcheck"); status != http.StatusOK {
		t.Errorf("healthcheck: %d %s", status, body)
	}
	if status, _ := get(s.url + "/metrics"); status != http.StatusNotFound {
		t.Errorf("metrics on the public listener: %d", status)
	}
	if code, _ := s.terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for got := receive(); got != "STOPPING=1"; got = receive() {
		if got != "WATCHDOG=1" {
			t.Fatalf("%q", got)
		}
	}
}
