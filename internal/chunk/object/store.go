package object

import (
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/layout"
	"cindergate/internal/marker"
)

// Options configure a [Store]. Zero values have defaults.
type Options struct {
	Name   string // in errors
	Layout layout.Layout
	Log    *zap.Logger

	// Uploads is how many objects are sent at once; 0: 16.
	Uploads int
	// Patience is how long one request that fails is repeated; 0: 5 minutes.
	Patience time.Duration
	// Pause is the wait before the first repetition. It doubles up to MaxPause.
	Pause, MaxPause time.Duration // 0: 500 ms, 30 s
	// Budget is how many repetitions a second all requests together may cause; 0: 10.
	Budget float64
	// Stall ends a request if no byte moves for so long; 0: 60 s.
	Stall time.Duration
	// Lag is how long listings may lag; 0: 1 s.
	Lag time.Duration
	// Permissions names what an operation needs, for errors: put, get, list, delete, head,
	// make.
	Permissions map[string]string
}

// Store is a chunk.Store of a [Client].
type Store struct {
	o       Options
	client  Client
	uploads chan struct{}
	budget  *rate.Limiter
	pauser  *Pauser
	id      atomic.Pointer[string] // in the marker; nil: not known yet
	locks   sync.Map               // containers that protect locked objects, as a probe has found
}

var (
	_ chunk.Remote  = (*Store)(nil)
	_ chunk.Lagging = (*Store)(nil)
)

// New returns a Store. It sends no request. pauser is that of the client's transport.
func New(client Client, pauser *Pauser, o Options) *Store {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Uploads = orDefault(o.Uploads, 16)
	o.Patience = orDefault(o.Patience, 5*time.Minute)
	o.Pause = orDefault(o.Pause, 500*time.Millisecond)
	o.MaxPause = orDefault(o.MaxPause, 30*time.Second)
	o.Budget = orDefault(o.Budget, 10)
	o.Stall = orDefault(o.Stall, time.Minute)
	o.Lag = orDefault(o.Lag, time.Second)
	return &Store{o: o, client: client, uploads: make(chan struct{}, o.Uploads), pauser: pauser,
		budget: rate.NewLimiter(rate.Limit(o.Budget), max(1, int(o.Budget)))}
}

// With returns a store of another client, such as one for another account. It has the same
// bounds and the same retry budget, and both wait if the service asks to slow down.
func (s *Store) With(client Client) *Store {
	return &Store{o: s.o, client: client, uploads: s.uploads, budget: s.budget, pauser: s.pauser}
}

func orDefault[T int | float64 | time.Duration](value, other T) T {
	if value <= 0 {
		return other
	}
	return value
}

// Layout returns the layout of the Cinder driver for this service.
func (s *Store) Layout() layout.Layout { return s.o.Layout }

// ListingLag implements [chunk.Lagging].
func (s *Store) ListingLag() time.Duration { return s.o.Lag }

// container returns the default container, which has the marker.
func (s *Store) container() string { return s.o.Layout.Container(layout.Backup{}) }

// split splits a key into container and name. It refuses keys that are not plain paths.
func (s *Store) split(key string) (container, name string, err error) {
	if !fs.ValidPath(key) || strings.Contains(key, "\x00") {
		return "", "", fmt.Errorf("object: %q is no object key", key)
	}
	container, name = s.o.Layout.Split(key)
	if err := s.o.Layout.CheckContainer(container); err != nil {
		return "", "", fmt.Errorf("object: the container of the key %q: %w", key, err)
	}
	if reserved(path.Base(name)) {
		return "", "", fmt.Errorf("object: the name of object %q is reserved", key)
	}
	return container, name, nil
}

// reserved reports whether the name is that of a marker or probe.
func reserved(name string) bool {
	return strings.HasPrefix(name, marker.Name) || strings.HasPrefix(name, probeName)
}

// Put stores an object in one request. It reads the body once for its MD5, and once more
// each time it sends it.
func (s *Store) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	container, name, err := s.split(key)
	if err := errors.Join(ctx.Err(), err); err != nil {
		return err
	}
	if name == "" {
		return fmt.Errorf("object: the key %q has no container", key)
	}
	if size > maxObject {
		return fmt.Errorf("object: %d bytes are more than one request can store: %w", size, errTooLarge)
	}
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	case <-ctx.Done():
		return ctx.Err()
	}
	sum, err := digest(ctx, body, size)
	if err != nil {
		return err
	}
	return s.put(ctx, container, name, body, size, sum)
}

// maxObject is the largest object in bytes that S3 and Swift store without multipart
// uploads or segments, which no cinder-backup could read.
const maxObject = 5 << 30

var errTooLarge = errors.New("object too large")

func (s *Store) put(ctx context.Context, container, name string, body chunk.Body, size int64, sum [md5.Size]byte) error {
	return s.explain("put", container, s.try(ctx, "put", container, func(ctx context.Context) error {
		watched, watch := s.watch(ctx)
		defer watch.stop()
		b := &sending{open: body, progress: watch.progress}
		err := s.client.Put(watched, container, name, b, size, sum)
		if own := b.end(); own != nil {
			return permanent{own}
		}
		return watch.explain(err)
	}))
}

// Get opens an object. The reader opens it again where it was if the connection breaks.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	container, name, err := s.split(key)
	if err := errors.Join(ctx.Err(), err); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, fmt.Errorf("object %q: %w", key, fs.ErrNotExist)
	}
	r := &reader{store: s, ctx: ctx, container: container, name: name}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// Exists asks for the object itself, not for a listing.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	container, name, err := s.split(key)
	if err != nil {
		return false, err
	}
	err = s.try(ctx, "get", container, func(ctx context.Context) error { return s.client.Stat(ctx, container, name) })
	if err != nil && KindOf(err) == NoObject {
		return false, nil
	}
	return err == nil, s.explain("get", container, err)
}

// Delete removes objects in batches. If a container is missing, it returns an error: what
// is not there may come back.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	names := map[string][]string{} // by container
	for _, key := range keys {
		container, name, err := s.split(key)
		if err := errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		if name != "" {
			names[container] = append(names[container], name)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for container, names := range names {
		for len(names) > 0 {
			batch := names[:min(len(names), DeleteBatch)]
			names = names[len(batch):]
			group.Go(func() error {
				return s.explain("delete", container, s.try(ctx, "delete", container, func(ctx context.Context) error {
					return s.client.Delete(ctx, container, batch)
				}))
			})
		}
	}
	return group.Wait()
}

// List yields the keys that begin with prefix, in order. If prefix names no container, it
// lists the default one: others belong to the store as well, but nobody knows all of them.
// If the connection breaks, List goes on after the last name.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		container, within := s.container(), ""
		if strings.Contains(prefix, "/") {
			container, within = s.o.Layout.Split(prefix)
		} else if !strings.HasPrefix(container, prefix) {
			return
		}
		if err := s.o.Layout.CheckContainer(container); err != nil {
			yield("", fmt.Errorf("object: the container of the prefix %q: %w", prefix, err))
			return
		}
		after, stopped := "", false
		for !stopped {
			from := after
			err := s.try(ctx, "list", container, func(ctx context.Context) error {
				for name, err := range s.client.List(ctx, container, within, after) {
					if err != nil {
						return err
					}
					after = name
					if strings.HasPrefix(name, within) && !reserved(path.Base(name)) && !yield(container+"/"+name, nil) {
						stopped = true
						return nil
					}
				}
				stopped = true
				return nil
			})
			// Names came before it failed: the patience of the next page begins anew.
			if err != nil && (after == from || ctx.Err() != nil || !repeatable(err)) {
				yield("", s.explain("list", container, err))
				return
			}
		}
	}
}

// permanent is an error that is not the service's, such as one of a body's reader. It is
// returned as it is.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Explain returns the error for users of a request that is about no container, such as a
// login. verb says what the store was asked for. The error is a [chunk.Failure], unless ctx
// has ended.
func (s *Store) Explain(verb string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: Transient, Text: reasonOf(err), Err: err}
	}
	text := fmt.Sprintf("Backup store %s could not %s: %s.", s.o.Name, verb, e.Text)
	if e.Kind == NoTrust {
		text = fmt.Sprintf("Backup store %s: %s.", s.o.Name, e.Text)
	}
	return &chunk.Failure{Text: text, Err: err}
}

// explain turns an error into one for users that names the store and the permission.
func (s *Store) explain(op, container string, err error) error {
	var own permanent
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own.error
	case !errors.As(err, &e):
		return err // the context has ended
	}
	place := fmt.Sprintf("Backup store %s", s.o.Name)
	var text string
	switch e.Kind {
	case NoObject:
		return fmt.Errorf("object: %w: %w", fs.ErrNotExist, err)
	case NoTrust:
		text = fmt.Sprintf("%s: %s.", place, e.Text)
	case NoContainer:
		text = fmt.Sprintf("%s has no container %s: it was deleted, or another store is configured.", place, container)
		err = errors.Join(err, chunk.ErrNoContainer)
	case Denied, Expired:
		text = fmt.Sprintf("%s refused to %s in container %s: %s. It takes the permission %s.", place, verbs[op], container, e.Text, s.permission(op))
	case Full:
		text = fmt.Sprintf("%s is full, or its quota is used up: %s.", place, e.Text)
		err = errors.Join(err, errFull)
	case Skewed:
		text = fmt.Sprintf("%s refused the request: its clock and this machine's differ too much.", place)
	case Throttled:
		text = fmt.Sprintf("%s asked to slow down for too long: %s.", place, e.Text)
	case Transient:
		// A timeout of the connection is not that of the caller's context.
		err = errors.New(err.Error())
		text = fmt.Sprintf("%s did not answer a request to %s in container %s: %s.", place, verbs[op], container, e.Text)
	default:
		text = fmt.Sprintf("%s refused to %s in container %s: %s.", place, verbs[op], container, e.Text)
	}
	return &chunk.Failure{Text: text, Err: err}
}

var verbs = map[string]string{"put": "write", "get": "read", "list": "list", "delete": "delete", "lock": "lock objects", "head": "look", "make": "create the container"}

func (s *Store) permission(op string) string {
	if p := s.o.Permissions[op]; p != "" {
		return p
	}
	return "to " + verbs[op]
}
