package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Transport returns next, which also records its requests as parts of the exchange whose context they have.
// Other requests go to next as they are.
func Transport(next http.RoundTripper) http.RoundTripper { return &transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	p, _ := r.Context().Value(pendingKey{}).(*pending)
	if p == nil {
		return t.next.RoundTrip(r)
	}
	began := time.Now() // a duration on the network, whatever the clock of the gateway says
	resp, err := t.next.RoundTrip(r)
	u := Upstream{Took: time.Since(began), Method: r.Method, URL: rules.URL(r.URL)}
	switch {
	case err != nil:
		u.Problem = problemOf(err)
	default:
		u.Status = resp.StatusCode
		for _, name := range []string{"X-Openstack-Request-Id", "X-Compute-Request-Id", "X-Trans-Id", "X-Amz-Request-Id", "X-Request-Id"} {
			if u.RequestID = rules.Path(resp.Header.Get(name)); u.RequestID != "" {
				break
			}
		}
	}
	p.add(u, began)
	return resp, err
}

// add records a request upstream, unless the exchange has ended.
func (p *pending) add(u Upstream, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
	case len(p.upstream) >= maxUpstream:
		p.cut++
	default:
		u.After = max(0, began.Sub(p.started))
		p.upstream = append(p.upstream, u)
	}
}

// problemOf names why there was no answer. Texts of errors repeat URLs.
func problemOf(err error) string {
	var network *net.OpError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &network):
		return network.Op + " failed"
	}
	return "no answer"
}
