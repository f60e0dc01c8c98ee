// faults LISTEN UPSTREAM MODEFILE: a TCP proxy between a gateway and a store that breaks
// connections as the first line of MODEFILE says. When the file changes, it closes all
// connections, and then writes the new line to MODEFILE.done.
//
//	pass           everything
//	refuse         closes each connection at once
//	down BYTES     cuts a connection after that many bytes of answers
//	up BYTES       cuts it after that many bytes of requests
//	stall BYTES    lets no more bytes through after that many bytes of answers
//	slow BYTES     passes that many bytes a second, of requests and of answers
//	throttle N     answers 503 with Retry-After: 1 to the next N connections
//
// BYTES of cuts and stalls vary from connection to connection, or the same byte would be cut
// again and again.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: faults LISTEN UPSTREAM MODEFILE")
		os.Exit(2)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go watch()
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(c.(*net.TCPConn))
	}
}

// state is the current mode and what it concerns.
var state struct {
	sync.Mutex
	text      string
	name      string
	n         int64
	throttled int64 // connections since the mode was set
	open      map[net.Conn]bool
}

// watch applies a new mode.
func watch() {
	state.open = map[net.Conn]bool{}
	for {
		text, err := os.ReadFile(os.Args[3]) // #nosec G703 -- the caller names it
		state.Lock()
		if err == nil && string(text) != state.text {
			state.text, state.name, state.n, state.throttled = string(text), "", 0, 0
			_, _ = fmt.Sscan(state.text, &state.name, &state.n)
			for c := range state.open {
				_ = c.Close()
			}
			_ = os.WriteFile(os.Args[3]+".done", text, 0o600) // #nosec G703 -- the caller names it
		}
		state.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

// enter registers a connection, and returns the mode that it is subject to.
func enter(c net.Conn) (name string, n, throttled int64) {
	state.Lock()
	defer state.Unlock()
	state.open[c] = true
	state.throttled++
	return state.name, state.n, state.throttled
}

func leave(c net.Conn) {
	state.Lock()
	defer state.Unlock()
	delete(state.open, c)
}

func serve(client *net.TCPConn) {
	defer client.Close()
	name, n, throttled := enter(client)
	defer leave(client)
	switch name {
	case "refuse":
		_ = client.SetLinger(0)
		return
	case "throttle":
		if throttled <= n {
			_, _ = client.Read(make([]byte, 1<<16))
			_, _ = io.WriteString(client, "HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", os.Args[2]) // #nosec G704 -- the caller names it
	if err != nil {
		return
	}
	defer server.Close()
	limit := n/2 + rand.Int64N(n+1) // #nosec G404 -- only spreads the faults
	done := make(chan struct{}, 2)
	go func() { pipe(server, client, name == "up", false, name == "slow", limit, n); done <- struct{}{} }()
	go func() {
		pipe(client, server, name == "down", name == "stall", name == "slow", limit, n)
		done <- struct{}{}
	}()
	<-done
}

// pipe copies bytes until the fault strikes or a side ends.
func pipe(to io.Writer, from io.Reader, cut, stall, slow bool, limit, rate int64) {
	buf := make([]byte, 32<<10)
	passed := int64(0)
	for {
		n, err := from.Read(buf)
		passed += int64(n)
		if passed > limit && stall {
			_, _ = io.Copy(io.Discard, from) // until the other side gives up
			return
		}
		if passed > limit && cut {
			return
		}
		if _, werr := to.Write(buf[:n]); werr != nil || err != nil {
			return
		}
		if slow {
			time.Sleep(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
		}
	}
}
