package gateway

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Connections bounds the connections of clients. Where there are too many, a new one takes
// the place of the oldest that never had a request, or else of the one that has been
// without a request for longest; if all have one, it waits. It is safe for concurrent use.
type Connections struct {
	most int

	mu     sync.Mutex
	open   int
	fresh  *list.List // of *connection: those that never had a request, oldest first
	idle   *list.List // of *connection: those between two requests, longest first
	closed bool
	room   chan struct{} // has an element when there may be room
}

// NewConnections bounds connections to most; 0 does not.
func NewConnections(most int) *Connections {
	return &Connections{most: most, fresh: list.New(), idle: list.New(), room: make(chan struct{}, 1)}
}

// connection is one of them.
type connection struct {
	net.Conn
	all *Connections
	in  *list.List    // all.fresh or all.idle; nil: it has a request, or is closed
	at  *list.Element // in that
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

// busy takes it out of those without a request. all.mu is held.
func (c *connection) busy() {
	if c.in != nil {
		c.in.Remove(c.at)
		c.in, c.at = nil, nil
	}
}

// rest puts it into a list of those without. all.mu is held.
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

// Listener bounds the connections that l accepts.
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

// admit makes room for a connection. It returns false if the listener is closed first.
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
			_ = oldest.Value.(*connection).Close() // its client may try again
		default:
			c.mu.Unlock()
			<-c.room
		}
	}
}

// State is for [http.Server.ConnState].
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
