package main

import (
	"context"
	"io"
	"net"
	"sync"
)

// The modes of a proxy.
const (
	pass    = iota // connections reach the target
	silence        // bytes vanish in both directions, and nobody is told
	refuse         // connections are reset
)

// proxy forwards TCP connections to a target, until a fault is set. It stands for the network
// between two processes.
type proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	mode  int
	conns map[net.Conn]bool // both ends of all connections
}

func newProxy(ctx context.Context, listen, target string) (*proxy, error) {
	var listener net.ListenConfig
	l, err := listener.Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, err
	}
	p := &proxy{target: target, listener: l, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			go p.serve(ctx, c)
		}
	}()
	return p, nil
}

// set changes the mode. Every open connection is reset, unless bytes are to vanish: a
// connection that has lost bytes cannot go on afterwards.
func (p *proxy) set(mode int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode == silence {
		return
	}
	for c := range p.conns {
		reset(c)
		delete(p.conns, c)
	}
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.set(refuse)
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // it is closed anyhow
	}
	_ = c.Close()
}

// keep records a connection, and returns the mode.
func (p *proxy) keep(c net.Conn) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode != refuse {
		p.conns[c] = true
	}
	return p.mode
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
		reset(c)
	}
}

// vanishes reports whether bytes vanish now.
func (p *proxy) vanishes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode == silence
}

func (p *proxy) serve(ctx context.Context, client net.Conn) {
	switch p.keep(client) {
	case refuse:
		reset(client)
		return
	case silence:
		_, _ = io.Copy(io.Discard, client) // until set resets the connection
		p.drop(client)
		return
	}
	var dialer net.Dialer
	server, err := dialer.DialContext(ctx, "tcp", p.target)
	if err != nil {
		p.drop(client)
		return
	}
	if p.keep(server) == refuse {
		p.drop(client, server)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.forward(server, client) })
	both.Go(func() { p.forward(client, server) })
	both.Wait()
	p.drop(client, server)
}

// forward copies bytes until one end is closed, and then closes the other one. While bytes
// vanish, the other end does not learn of it.
func (p *proxy) forward(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.vanishes() {
			if _, err := to.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	if !p.vanishes() {
		p.drop(to, from)
	}
}
