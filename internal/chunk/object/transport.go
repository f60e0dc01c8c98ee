package object

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Connection is how a service is reached.
type Connection struct {
	CAFile         string      // PEM certificates to trust besides the system's
	Insecure       bool        // trust any certificate
	TLS            *tls.Config // replaces both; nil: they are used
	ConnectTimeout time.Duration
	AnswerTimeout  time.Duration // from the last byte of a request to the first of its answer
	Connections    int           // idle connections to keep
	// Wrap wraps the transport that sends requests: each try passes it. nil: nothing does.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Trust returns the certificates that c trusts.
func (c Connection) Trust() (*tls.Config, error) {
	if c.TLS != nil {
		return c.TLS, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure} // #nosec G402 -- if asked for
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		if t.RootCAs, err = x509.SystemCertPool(); err != nil {
			t.RootCAs = x509.NewCertPool()
		}
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %w", c.CAFile, errors.New("it has no PEM certificate"))
		}
	}
	return t, nil
}

// NewTransport returns a transport for the client of one store. It tells pauser when the
// service asks to slow down.
func NewTransport(c Connection, pauser *Pauser) (http.RoundTripper, error) {
	t, err := c.Trust()
	if err != nil {
		return nil, err
	}
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: orDefault(c.ConnectTimeout, 5*time.Second), KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       t,
		TLSHandshakeTimeout:   orDefault(c.ConnectTimeout, 5*time.Second),
		ResponseHeaderTimeout: orDefault(c.AnswerTimeout, time.Minute),
		ExpectContinueTimeout: time.Second,
		MaxIdleConnsPerHost:   orDefault(c.Connections, 32),
		IdleConnTimeout:       50 * time.Second,
		DisableCompression:    true, // the bytes are those that were stored
		ForceAttemptHTTP2:     false,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
	return &transport{pauser: pauser, next: c.Wrapped(base)}, nil
}

// Wrapped returns next as Wrap wraps it.
func (c Connection) Wrapped(next http.RoundTripper) http.RoundTripper {
	if c.Wrap == nil {
		return next
	}
	return c.Wrap(next)
}

type transport struct {
	pauser *Pauser
	next   http.RoundTripper
}

// RoundTrip sets the length of a body whose reader is of a type that net/http does not
// know. Without it, the body would be sent in chunks.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if length := r.Header.Get("Content-Length"); length != "" && r.ContentLength <= 0 && r.Body != nil {
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		if r.ContentLength = n; n == 0 {
			_ = r.Body.Close()
			r.Body = http.NoBody
		}
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		t.pauser.Note(resp)
	}
	return resp, err
}
