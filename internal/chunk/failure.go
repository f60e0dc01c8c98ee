package chunk

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Failure says why a store could not do what it was asked for. Text is a sentence for
// users that names the store. It holds no secret and no path of this machine. Err is for
// the log.
type Failure struct {
	Text string
	Err  error
}

func (e *Failure) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + " (" + e.Err.Error() + ")"
}

func (e *Failure) Unwrap() error { return e.Err }

// ErrNoContainer is the cause of a [Failure] whose container does not exist.
var ErrNoContainer = errors.New("the container does not exist")

// Lagging is implemented by stores whose List may lag behind Put and Delete: it may miss
// new objects, and still name deleted ones.
type Lagging interface {
	// ListingLag returns how long to wait before listing again.
	ListingLag() time.Duration
}

// Exists reports whether an object exists, whatever a listing says. Unlike a listing, it
// is right as soon as Put or Delete has returned.
func Exists(ctx context.Context, s Store, key string) (bool, error) {
	if e, ok := s.(interface {
		Exists(ctx context.Context, key string) (bool, error)
	}); ok {
		return e.Exists(ctx, key)
	}
	r, err := s.Get(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// Remote is a store on the network. It may be away when it is opened, so its methods find
// out what is there when they are called.
type Remote interface {
	Store
	// Claim returns the id in the store's marker. If the store has no marker, Claim makes
	// the container and writes a marker with the new id.
	Claim(ctx context.Context, newID string) (id string, err error)
	// Prepare makes a container that a user named, if it does not exist. The container of
	// the marker is never made again.
	Prepare(ctx context.Context, container string) error
	// Expect makes Check return an error unless the store's marker names the id.
	Expect(id string)
	// Probe writes, reads, lists and deletes an object, and returns what it found, one
	// sentence each. The error says everything that is missing.
	Probe(ctx context.Context) (findings []string, err error)
}

// patienceKey is the key of [WithPatience].
type patienceKey struct{}

// WithPatience bounds how long a store repeats one request that fails, for callers that
// cannot wait as long as the store is configured to.
func WithPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// Patience returns the bound of [WithPatience], or the store's own if that is less.
func Patience(ctx context.Context, own time.Duration) time.Duration {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return min(d, own)
	}
	return own
}
