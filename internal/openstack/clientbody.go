package openstack

import (
	"errors"
	"io"
	"sync"
)

// ErrClientBody is the error for a request whose body could not be read from the client.
type ErrClientBody struct{ Err error }

func (e *ErrClientBody) Error() string { return "read the request's body: " + e.Err.Error() }
func (e *ErrClientBody) Unwrap() error { return e.Err }

// clientBody is the body of a request to the backend. It separates the client's failures
// from the backend's.
type clientBody struct {
	io.ReadCloser
	mu   sync.Mutex
	err  error
	done bool
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if errors.Is(err, io.EOF) {
			b.done = true
		} else {
			b.err = err
		}
	}
	return n, err
}

// outcome returns the client's failure, and whether the whole body was read. A nil body
// counts as read.
func (b *clientBody) outcome() (failed error, read bool) {
	if b == nil {
		return nil, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err, b.done
}
