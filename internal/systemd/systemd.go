// Package systemd tells systemd about the state of the service: that it has started, that it
// stops, and that it still works (sd_notify(3), sd_watchdog_enabled(3)).
package systemd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jonboulle/clockwork"
)

// Notifier sends the state of the service to systemd. A nil Notifier does nothing.
type Notifier struct {
	conn     net.Conn
	watchdog time.Duration // 0: systemd has no watchdog for this process
}

// New returns a Notifier for the environment that systemd gave this process, or nil if systemd
// waits for nothing. getenv is os.Getenv, and pid the process's own.
func New(ctx context.Context, getenv func(string) string, pid int) (*Notifier, error) {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil, nil
	}
	if socket[0] != '/' && socket[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET %q is neither a path nor an abstract socket", socket)
	}
	n := &Notifier{}
	// A process that inherits the environment is not the one that systemd watches.
	if of := getenv("WATCHDOG_PID"); of == "" || of == strconv.Itoa(pid) {
		if text := getenv("WATCHDOG_USEC"); text != "" {
			micros, err := strconv.ParseUint(text, 10, 32)
			if err != nil || micros == 0 {
				return nil, fmt.Errorf("WATCHDOG_USEC %q is not a number of microseconds", text)
			}
			n.watchdog = time.Duration(micros) * time.Microsecond
		}
	}
	var err error
	n.conn, err = (&net.Dialer{}).DialContext(ctx, "unixgram", socket)
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return n, nil
}

// Close closes the socket.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// Ready says that the service has started: clients can connect.
func (n *Notifier) Ready() error { return n.send("READY=1") }

// Stopping says that the service stops.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Watch tells the watchdog that the service works, twice in its time, as long as alive returns no
// error. alive gets a quarter of that time. Failures go to report; after them systemd restarts
// the service. Watch returns when ctx ends, or at once if there is no watchdog.
func (n *Notifier) Watch(ctx context.Context, clock clockwork.Clock, alive func(context.Context) error, report func(error)) {
	if n == nil || n.watchdog == 0 {
		return
	}
	tick := clock.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		if err := n.beat(ctx, alive); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.Chan():
		}
	}
}

func (n *Notifier) beat(ctx context.Context, alive func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, n.watchdog/4)
	defer cancel()
	if err := alive(ctx); err != nil {
		return err
	}
	return n.send("WATCHDOG=1")
}

func (n *Notifier) send(state string) error {
	if n == nil {
		return nil
	}
	// A systemd that does not read its socket must not stop the service.
	if err := n.conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err := n.conn.Write([]byte(state))
	return err
}
