package openstack

import (
	"sync"
	"time"
)

// verdict is what the end of a request says of a backend.
type verdict int

const (
	healthy verdict = iota // it answered
	unwell                 // it answered 502 to 504: the backend is down, or that resource is
	failing                // it did not answer, and may have taken long for that: likewise
	down                   // no connection: the backend is down
	nothing                // the client broke off, or the failure is the gateway's own
)

const (
	// spread is how many resources must fail before a backend is taken for down. One
	// bad resource, and one client that asks for it again and again, is not enough.
	spread = 3
	// maxFailing is how many failing resources are remembered.
	maxFailing = 1024
)

// breaker stops requests to one service of a backend that failed repeatedly: to single
// resources that had no answer, and to all once different resources fail, or none can be
// asked. Afterwards one request at a time finds out whether that is over. It is
// safe for concurrent use.
type breaker struct {
	after int // failures in a row; 0: never
	pause time.Duration
	now   func() time.Time

	mu       sync.Mutex
	service  circuit
	resource map[string]*circuit // those that fail
}

// circuit is the state of a service or a resource.
type circuit struct {
	failures int                 // in a row
	seen     map[string]struct{} // which resources failed in that row; nil for a resource
	until    time.Time           // when the pause ends; zero: closed
	probing  bool                // a request finds out whether it is over
}

// open tells how long the circuit stays open; while a probe runs, for another pause.
func (c *circuit) open(now time.Time, pause time.Duration) time.Duration {
	switch {
	case c == nil || c.until.IsZero():
		return 0
	case now.Before(c.until):
		return c.until.Sub(now)
	case c.probing:
		return pause
	}
	return 0
}

// begin asks for a request of a resource to be let through. The caller must report how
// it ended.
func (b *breaker) begin(resource string) (report func(verdict), err error) {
	if b.after == 0 {
		return func(verdict) {}, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now, one := b.now(), b.resource[resource]
	if wait := max(b.service.open(now, b.pause), one.open(now, b.pause)); wait > 0 {
		return nil, &ErrBroken{(wait + time.Second - 1).Truncate(time.Second)} // Retry-After is in seconds
	}
	var probes []*circuit
	for _, c := range []*circuit{&b.service, one} {
		if c != nil && !c.until.IsZero() {
			c.probing = true
			probes = append(probes, c)
		}
	}
	return func(v verdict) { b.end(resource, v, probes) }, nil
}

func (b *breaker) end(resource string, v verdict, probes []*circuit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range probes {
		c.probing = false
	}
	switch v {
	case nothing:
		return
	case healthy:
		b.service = circuit{}
		delete(b.resource, resource)
		return
	}
	if v != unwell { // what it answers may go on to the client
		b.fail(resource)
	}
	s := &b.service
	s.failures++
	if s.seen == nil {
		s.seen = map[string]struct{}{}
	}
	if len(s.seen) < spread {
		s.seen[resource] = struct{}{}
	}
	if s.failures >= b.after && (v == down || len(s.seen) >= min(spread, b.after)) {
		*s = circuit{failures: b.after, until: b.now().Add(b.pause)}
	}
}

// fail counts a failure of one resource. Where too many fail already, any other is
// forgotten.
func (b *breaker) fail(resource string) {
	one := b.resource[resource]
	if one == nil {
		for other := range b.resource {
			if len(b.resource) < maxFailing {
				break
			}
			delete(b.resource, other)
		}
		one = &circuit{}
		b.resource[resource] = one
	}
	one.failures++
	if one.failures >= b.after {
		one.until = b.now().Add(b.pause)
	}
}
