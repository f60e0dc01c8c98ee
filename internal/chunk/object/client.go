// Package object makes a chunk.Store of a service that keeps objects behind HTTP, such as
// S3 or Swift: retries, waits while the service is away, sending a body again, resuming a
// download, listing in pages, and the marker.
//
// A [Client] sends one request at a time, and says what kind of error an answer is.
package object

import (
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"errors"
	"fmt"
	"io"
	"iter"
)

// Client sends single requests to a service. Its errors are or wrap [*Error]; any other
// error counts as [Transient]. It is safe for concurrent use.
type Client interface {
	// Put stores size bytes of body. If their MD5 is not sum, the service stores nothing.
	Put(ctx context.Context, container, name string, body io.Reader, size int64, sum [md5.Size]byte) error
	// Get opens an object from byte from on. If etag is not "" and the object is now
	// another one, it returns an error. size is that of the whole object.
	Get(ctx context.Context, container, name string, from int64, etag string) (r io.ReadCloser, size int64, newETag string, err error)
	// Copy copies an object within the service. An existing one of the new name is replaced.
	Copy(ctx context.Context, container, name, toContainer, toName string) error
	// Stat returns an error of the kind [NoObject] if the object does not exist.
	Stat(ctx context.Context, container, name string) error
	// Delete removes at most [DeleteBatch] objects. Missing objects are no error, unless the
	// container is missing.
	Delete(ctx context.Context, container string, names []string) error
	// List yields the names that begin with prefix and come after a name, in order.
	List(ctx context.Context, container, prefix, after string) iter.Seq2[string, error]
	// Head returns an error of the kind [NoContainer] if the container does not exist.
	Head(ctx context.Context, container string) error
	// Make creates a container. One that exists is no error.
	Make(ctx context.Context, container string) error
	// Renew fetches new credentials after an error of the kind [Expired]. It returns an
	// error if there are none to be had.
	Renew(ctx context.Context) error
}

// DeleteBatch is the largest number of objects in one delete: that of S3's DeleteObjects.
// Swift's bulk delete allows 10,000 by default.
const DeleteBatch = 1000

// Kind is what an error means for the request.
type Kind int

// The kinds of errors.
const (
	Transient   Kind = iota // the same request may succeed later: no connection, timeout, 5xx
	Throttled               // the service asks to slow down
	Expired                 // the credentials have expired
	Denied                  // the credentials are wrong or do not allow it
	NoObject                // the object does not exist
	NoContainer             // the container does not exist
	Full                    // no space or quota left
	Skewed                  // the clocks differ too much
	NoTrust                 // no trust lets the store use the account of the project; Text says why and what to do
	Changed                 // the object was replaced while it was read
	Refused                 // any other answer that stays the same when repeated
)

// Error is a service's answer. Text is for users: no secrets, no addresses.
type Error struct {
	Kind Kind
	Text string
	Err  error // for the log; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error; one that no client classified is [Transient].
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}
