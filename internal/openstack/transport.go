// Package openstack holds what the drivers for OpenStack clouds share: connections, retries
// of reads, a circuit breaker, clients with the caller's token, and error kinds.
package openstack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/jonboulle/clockwork"
	"golang.org/x/time/rate"
)

// Options configure the connections to one backend.
type Options struct {
	// Name is the backend's name in messages.
	Name string
	// CAFile is a PEM file of certificates that are trusted in addition to the system's.
	// Insecure disables the verification of certificates.
	CAFile   string
	Insecure bool
	// ConnectTimeout bounds a dial. AnswerTimeout bounds the wait for an answer's headers,
	// and separately the wait for its body. 0 means 5 s and 60 s.
	ConnectTimeout, AnswerTimeout time.Duration
	// MaxAnswer is the largest answer that is read, in bytes; 0 means 32 MiB. Streamed
	// answers have no limit.
	MaxAnswer int64
	// Retries is the largest number of retries of a read; 0 means 2, negative none.
	Retries int
	// RetryWait is the wait before the first retry. It doubles before each further one, up
	// to 20 times RetryWait; 0 means 100 ms.
	RetryWait time.Duration
	// RetryBudget is the number of retries per second for all requests together, with
	// bursts of twice as many; 0 means 10, negative none.
	RetryBudget float64
	// Unprocessed reports whether a response means that the backend rejected the request
	// without processing it; only then is a write retried. It leaves the body readable.
	// nil: writes are sent once.
	Unprocessed func(*http.Response) bool
	// After BreakAfter failures in a row, requests to a service or a resource of it stop
	// for BreakFor. 0 means 10 and 5 s; a negative value disables the breaker.
	BreakAfter int
	BreakFor   time.Duration
	// Wrap wraps the transport that sends requests: each try passes it. nil: nothing does.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Clock is used for pauses, timeouts and caches; nil means the system's.
	Clock clockwork.Clock
}

func (o Options) withDefaults() Options {
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.AnswerTimeout == 0 {
		o.AnswerTimeout = time.Minute
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 32 << 20
	}
	if o.Retries == 0 {
		o.Retries = 2
	}
	if o.RetryWait == 0 {
		o.RetryWait = 100 * time.Millisecond
	}
	if o.RetryBudget == 0 {
		o.RetryBudget = 10
	}
	if o.BreakAfter == 0 {
		o.BreakAfter = 10
	}
	if o.BreakFor == 0 {
		o.BreakFor = 5 * time.Second
	}
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.BreakFor < 0 {
		o.BreakAfter = 0
	}
	o.RetryBudget, o.BreakAfter = max(0, o.RetryBudget), max(0, o.BreakAfter)
	return o
}

// Transport sends requests to one backend. It is safe for concurrent use.
type Transport struct {
	name       string
	clock      clockwork.Clock
	base       http.RoundTripper
	maxAnswer  int64
	answerTime time.Duration
	breakAfter int
	breakFor   time.Duration
	reads      *retryablehttp.Client
	writes     *retryablehttp.Client // nil: writes are sent once
	buffers    buffers

	mu       sync.Mutex
	breakers map[string]*breaker // by service
}

// ErrBroken is the error while the circuit breaker is open.
type ErrBroken struct{ RetryAfter time.Duration }

func (e *ErrBroken) Error() string {
	return "the backend failed repeatedly and is not asked for a while"
}

// NewTransport makes a Transport.
func NewTransport(o Options) (*Transport, error) {
	o = o.withDefaults()
	trust, err := tlsConfig(o)
	if err != nil {
		return nil, err
	}
	t := &Transport{name: o.Name, clock: o.Clock, maxAnswer: o.MaxAnswer, answerTime: o.AnswerTimeout, breakers: map[string]*breaker{}, base: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer(o).DialContext,
		TLSHandshakeTimeout:   o.ConnectTimeout,
		TLSClientConfig:       trust,
		ResponseHeaderTimeout: o.AnswerTimeout,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true,     // answers pass through unchanged
		ReadBufferSize:        16 << 10, // per connection; some clouds close each after one answer
	}}
	if o.Wrap != nil {
		t.base = o.Wrap(t.base)
	}
	t.breakAfter, t.breakFor = o.BreakAfter, o.BreakFor
	burst := 0
	if o.RetryBudget > 0 {
		burst = max(1, int(2*o.RetryBudget))
	}
	budget := rate.NewLimiter(rate.Limit(o.RetryBudget), burst)
	t.reads = t.retrying(o, budget, passing)
	if o.Unprocessed != nil {
		t.writes = t.retrying(o, budget, func(resp *http.Response, _ error) bool { return resp != nil && o.Unprocessed(resp) })
	}
	return t, nil
}

// retrying returns a client that retries where again reports true, within the budget.
func (t *Transport) retrying(o Options, budget *rate.Limiter, again func(*http.Response, error) bool) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.HTTPClient = &http.Client{Transport: roundTripper(t.further), CheckRedirect: noRedirect}
	c.RetryMax = max(0, o.Retries)
	c.RetryWaitMin, c.RetryWaitMax = o.RetryWait, 20*o.RetryWait
	c.Backoff = func(least, most time.Duration, try int, resp *http.Response) time.Duration {
		wait := retryablehttp.DefaultBackoff(least, most, try, resp)
		return wait + rand.N(wait/2+1) // #nosec G404 -- gateways must not come back all at once
	}
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if resp != nil && RetryAfter(resp.Header, t.clock.Now()) > c.RetryWaitMax {
			return false, nil // the client gets the Retry-After instead of a long wait
		}
		return ctx.Err() == nil && again(resp, err) && budget.Allow(), nil
	}
	return c
}

// dialer probes idle connections at the system's interval. Each further keep-alive setting
// would cost a system call per connection.
func dialer(o Options) *net.Dialer {
	return &net.Dialer{Timeout: o.ConnectTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: -1, Count: -1,
	}}
}

func tlsConfig(o Options) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure} // #nosec G402 -- the operator's choice
	if o.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, err
	}
	if c.RootCAs, err = x509.SystemCertPool(); err != nil {
		c.RootCAs = x509.NewCertPool()
	}
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", o.CAFile)
	}
	return c, nil
}

// passing reports whether a retry may succeed.
func passing(resp *http.Response, err error) bool {
	if err != nil {
		var certificate *tls.CertificateVerificationError
		var broken *ErrBroken
		return !errors.As(err, &certificate) && !errors.As(err, &broken)
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return true
	}
	return false
}

// RoundTrip implements http.RoundTripper. It retries reads. It retries a write only if
// Options.Unprocessed reports that the backend rejected it unprocessed. It streams bodies
// that cannot be read twice.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	empty := r.Body == nil || r.Body == http.NoBody
	switch {
	case empty && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		resp, err := t.once(r)
		if !passing(resp, err) {
			return resp, err
		}
		r = r.WithContext(context.WithValue(r.Context(), firstTry{}, &outcome{resp: resp, err: err}))
		r.RequestURI = "" // set on proxied requests; http.Client refuses it
		return t.reads.Do(&retryablehttp.Request{Request: r})
	case t.writes != nil && r.RequestURI == "" && (empty || r.GetBody != nil):
		again, err := retryablehttp.FromRequest(r)
		if err != nil {
			return nil, err
		}
		return t.writes.Do(again)
	}
	return t.once(r)
}

// outcome is the result of the first try of a read. The retrying client starts with it, so
// a read that succeeds at once, as nearly all do, does not go through that client.
type outcome struct {
	resp *http.Response
	err  error
	told bool
}

type firstTry struct{}

// further returns the result of the first try, then sends the request again.
func (t *Transport) further(r *http.Request) (*http.Response, error) {
	if o, tried := r.Context().Value(firstTry{}).(*outcome); tried && !o.told {
		o.told = true
		return o.resp, o.err
	}
	return t.once(r)
}

// Clock returns the clock for the backend's pauses, timeouts and caches.
func (t *Transport) Clock() clockwork.Clock { return t.clock }

// breaker returns the circuit breaker of a service.
func (t *Transport) breaker(service string) *breaker {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.breakers[service]
	if b == nil {
		b = &breaker{after: t.breakAfter, pause: t.breakFor, now: t.clock.Now, resource: map[string]*circuit{}}
		t.breakers[service] = b
	}
	return b
}

// once sends a request through the circuit breaker of its service.
func (t *Transport) once(r *http.Request) (*http.Response, error) {
	to := targetOf(r)
	report, err := t.breaker(to.service).begin(to.resource(r))
	if err != nil {
		return nil, err
	}
	says := nothing
	defer func() { report(says) }()
	var body *clientBody
	ctx, cancel := context.WithCancel(r.Context())
	out := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		body = &clientBody{ReadCloser: r.Body}
		out.Body = body
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		cancel()
		if failed, _ := body.outcome(); failed != nil {
			return nil, &ErrClientBody{failed}
		}
		says = blame(r.Context(), body, err)
		return nil, err
	}
	switch says = healthy; resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		says = unwell
	}
	t.bound(resp, to.streamed, cancel)
	return resp, nil
}

// blame returns the verdict on a request that got no answer.
func blame(ctx context.Context, body *clientBody, err error) verdict {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return nothing
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return nothing // the gateway has no descriptors or ports left
	case errors.As(err, &network) && network.Op == "dial", errors.As(err, &certificate), errors.As(err, &record):
		return down
	}
	if _, read := body.outcome(); !read {
		return nothing // servers close the connection on bodies that they refuse
	}
	return failing
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// noRedirect returns redirects to the caller.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
