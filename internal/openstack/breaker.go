package openstack

import (
	"sync"
	"time"
)

// verdict is what the end of a request says about the backend.
type verdict int

const (
	healthy verdict = iota // the backend answered
	unwell                 // it answered 502 to 504: the backend or this resource is down
	failing                // no answer or a timeout: the backend or this resource is down
	down                   // no connection: the backend is down
	nothing                // the client left, or the gateway itself failed
)

const (
	// spread is the number of different resources that must fail before all requests stop.
	// One bad resource is not enough, even if a client asks for it repeatedly.
	spread = 3
	// maxFailing is the largest number of failing resources kept.
	maxFailing = 1024
)

// breaker is the circuit breaker for one service of a backend. It stops requests to single
// resources that gave no answer repeatedly. It stops all requests to the service once
// different resources fail in a row or no connection is possible. After the pause, one
// request at a time probes whether the failure is over. It is safe for concurrent use.
type breaker struct {
	after int // failures in a row; 0 disables the breaker
	pause time.Duration
	now   func() time.Time

	mu       sync.Mutex
	service  circuit
	resource map[string]*circuit // the failing ones
}

// circuit is the state of a service or a resource.
type circuit struct {
	failures int                 // in a row
	seen     map[string]struct{} // the resources that failed in that row; nil for a resource
	until    time.Time           // end of the pause; zero if closed
	probing  bool                // a request is probing
}

// open returns how long the circuit stays open. While a probe runs, that is another pause.
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

// begin lets a request for a resource through or returns ErrBroken. The caller must report
// how the request ended.
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
	if v != unwell { // the client may get this answer, so the resource stays usable
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

// fail counts a failure of one resource. Beyond maxFailing resources it drops arbitrary
// others.
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
