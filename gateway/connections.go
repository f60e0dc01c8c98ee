package gateway

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Connections limits the number of client connections. At the limit, a new connection
// replaces the oldest one that never sent a request, or else the one that has been idle for
// longest. If every connection has a request, the new one waits. It is safe for concurrent
// use.
type Connections struct {
	most int

	mu     sync.Mutex
	open   int
	fresh  *list.List // of *connection: those that never sent a request, oldest first
	idle   *list.List // of *connection: those between two requests, idle for longest first
	closed bool
	room   chan struct{} // has an element when a new connection may fit
}

// NewConnections limits connections to most; 0: no limit.
func NewConnections(most int) *Connections {
	return &Connections{most: most, fresh: list.New(), idle: list.New(), room: make(chan struct{}, 1)}
}

// connection is a client's connection.
type connection struct {
	net.Conn
	all *Connections
	in  *list.List    // all.fresh or all.idle; nil: it has a request, or is closed
	at  *list.Element // its place in that list
	end sync.Once
}

// Close implements net.Conn.
func (c *connection) Close() error {
	err := c.Conn.Close()
	c.end.Do(func() {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		c.all.open--
		c.busy()
		c.all.signal()
	})
	return err
}

// busy removes the connection from its list. The caller holds all.mu.
func (c *connection) busy() {
	if c.in != nil {
		c.in.Remove(c.at)
		c.in, c.at = nil, nil
	}
}

// rest adds the connection to a list of those without a request. The caller holds all.mu.
func (c *connection) rest(in *list.List) {
	c.busy()
	c.in, c.at = in, in.PushBack(c)
}

func (c *Connections) signal() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// Listener limits the connections that l accepts.
func (c *Connections) Listener(l net.Listener) net.Listener {
	if c.most == 0 {
		return l
	}
	return &boundedListener{l, c}
}

type boundedListener struct {
	net.Listener
	all *Connections
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: raw, all: l.all}
	if !l.all.admit(c) {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	return c, nil
}

// Close implements net.Listener.
func (l *boundedListener) Close() error {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	l.all.closed = true
	l.all.signal()
	return l.Listener.Close()
}

// admit waits until there is room for a connection. It returns false if the listener is
// closed first.
func (c *Connections) admit(added *connection) bool {
	for {
		c.mu.Lock()
		oldest := c.fresh.Front()
		if oldest == nil {
			oldest = c.idle.Front()
		}
		switch {
		case c.closed:
			c.mu.Unlock()
			return false
		case c.open < c.most:
			c.open++
			added.rest(c.fresh)
			c.mu.Unlock()
			return true
		case oldest != nil:
			c.mu.Unlock()
			_ = oldest.Value.(*connection).Close() // its client may retry
		default:
			c.mu.Unlock()
			<-c.room
		}
	}
}

// State tracks which connections have requests. It is for [http.Server.ConnState].
func (c *Connections) State(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	of, ok := conn.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateActive:
		of.busy()
	case http.StateIdle:
		of.rest(c.idle)
		c.signal()
	}
}
