package systemd

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listen opens a socket as systemd does. receive returns the next message.
func listen(t *testing.T) (socket string, receive func() string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return socket, func() string {
		t.Helper()
		must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		message := make([]byte, 4096)
		length, err := conn.Read(message)
		must(t, err)
		return string(message[:length])
	}
}

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestStates(t *testing.T) {
	socket, receive := listen(t)
	n, err := New(t.Context(), environment("NOTIFY_SOCKET", socket), 7)
	must(t, err)
	must(t, n.Ready())
	must(t, n.Stopping())
	if first, second := receive(), receive(); first != "READY=1" || second != "STOPPING=1" {
		t.Errorf("%q, %q", first, second)
	}
	n.Watch(t.Context(), clockwork.NewFakeClock(), nil, nil) // returns: there is no watchdog
	must(t, n.Close())
}

// Without systemd nothing is sent and nothing fails.
func TestWithoutSystemd(t *testing.T) {
	n, err := New(t.Context(), environment("WATCHDOG_USEC", "1000"), 7)
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	n.Watch(t.Context(), nil, nil, nil)
	must(t, errors.Join(n.Ready(), n.Stopping(), n.Close()))
}

// The watchdog hears of the service only while it is alive, at half of the watchdog's time.
func TestWatchdog(t *testing.T) {
	socket, receive := listen(t)
	n, err := New(t.Context(), environment("NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "7"), 7)
	must(t, err)
	clock := clockwork.NewFakeClock()
	ctx, cancel := context.WithCancel(t.Context())
	results, reports, ended := make(chan error), make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		n.Watch(ctx, clock, func(ctx context.Context) error {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > 15*time.Second {
				t.Errorf("the check may take until %v", end)
			}
			return <-results
		}, func(err error) { reports <- err })
	}()
	results <- nil
	if got := receive(); got != "WATCHDOG=1" {
		t.Error(got)
	}
	ill := errors.New("it hangs")
	for _, result := range []error{ill, nil, ill} {
		must(t, clock.BlockUntilContext(t.Context(), 1))
		clock.Advance(29 * time.Second)
		select {
		case results <- result:
			t.Fatal("it is checked before half of the time")
		default:
		}
		clock.Advance(time.Second)
		results <- result
		if result != nil {
			if err := <-reports; !errors.Is(err, ill) {
				t.Error(err)
			}
			must(t, n.Ready()) // the next message, if the watchdog heard nothing
			if got := receive(); got != "READY=1" {
				t.Errorf("although the check failed: %q", got)
			}
		} else if got := receive(); got != "WATCHDOG=1" {
			t.Error(got)
		}
	}
	cancel()
	<-ended
}

// The watchdog of another process is none of ours.
func TestWatchdogOfAnotherProcess(t *testing.T) {
	socket, _ := listen(t)
	n, err := New(t.Context(), environment("NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "60000000", "WATCHDOG_PID", "8"), 7)
	must(t, err)
	n.Watch(t.Context(), nil, nil, nil)
}

func TestMistakes(t *testing.T) {
	socket, _ := listen(t)
	for want, env := range map[string][]string{
		"neither a path nor":                {"NOTIFY_SOCKET", "notify"},
		"no such file":                      {"NOTIFY_SOCKET", socket + ".missing"},
		`WATCHDOG_USEC "0" is not a number`: {"NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "0"},
		`"1s" is not a number`:              {"NOTIFY_SOCKET", socket, "WATCHDOG_USEC", "1s"},
	} {
		if n, err := New(t.Context(), environment(env...), 7); n != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, %v", env, n, err)
		}
	}
}
