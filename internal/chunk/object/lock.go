package object

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

var _ chunk.Locker = (*Store)(nil)

// LockClient is a [Client] of a service that can keep objects from being deleted.
type LockClient interface {
	Client
	// Locks reports whether the client is configured to lock objects.
	Locks() bool
	// CheckLock returns an error of the kind [Refused] unless the service says that objects of the
	// container can be locked.
	CheckLock(ctx context.Context, container string) error
	// Lock keeps the present version of an object until a time.
	Lock(ctx context.Context, container, name string, until time.Time) error
}

// lockClient returns the client if it locks objects.
func (s *Store) lockClient() (LockClient, bool) {
	c, ok := s.client.(LockClient)
	return c, ok && c.Locks()
}

// Locks implements [chunk.Locker].
func (s *Store) Locks() bool {
	_, ok := s.lockClient()
	return ok
}

// probeLock is how long the object of a probe is locked.
const probeLock = time.Minute

// lockProbeName begins the names of objects that [Store.ProbeLock] makes. It begins with [probeName].
const lockProbeName = probeName + "lock-"

// ProbeLock implements [chunk.Locker]. Swift's s3api 2.30.1 accepts every request about locks and then
// deletes the object, so the answers are not believed.
func (s *Store) ProbeLock(ctx context.Context, container string) error {
	client, ok := s.lockClient()
	if !ok {
		return chunk.ErrNoLock
	}
	if container == "" {
		container = s.container()
	}
	no := func(format string, args ...any) error {
		return &chunk.Failure{Text: fmt.Sprintf("Backup store %s does not protect locked objects in container %s: %s.", s.o.Name, container, fmt.Sprintf(format, args...)), Err: chunk.ErrNoLock}
	}
	send := func(op string, send func(ctx context.Context) error) error {
		return s.try(ctx, op, container, func(ctx context.Context) error {
			watched, w := s.watch(ctx)
			defer w.stop()
			return w.explain(send(watched))
		})
	}
	final := func(op string, err error) error {
		if kind := KindOf(err); kind == Refused || kind == NoObject {
			return no("%s", reasonText(err))
		}
		return s.explain(op, container, err)
	}
	if err := send("lock", func(ctx context.Context) error { return client.CheckLock(ctx, container) }); err != nil {
		return final("lock", err)
	}
	s.dropLockProbes(ctx, client, container)
	name, text := lockProbeName+rand.Text(), []byte("This object tests whether a backup store protects locked objects. It is locked for a minute.\n")
	if err := send("put", func(ctx context.Context) error {
		return client.Put(ctx, container, name, bytes.NewReader(text), int64(len(text)), md5.Sum(text)) // #nosec G401 -- what the services compare
	}); err != nil {
		return s.explain("put", container, err)
	}
	if err := send("lock", func(ctx context.Context) error { return client.Lock(ctx, container, name, time.Now().Add(probeLock)) }); err != nil {
		return final("lock", err)
	}
	refused := client.Delete(ctx, container, []string{name})
	if refused == nil {
		return no("it deleted one")
	}
	if kind := KindOf(refused); kind != Denied && kind != Refused { // it did not answer the question
		return s.explain("delete", container, refused)
	}
	if err := send("get", func(ctx context.Context) error { return client.Stat(ctx, container, name) }); err != nil {
		return final("get", err)
	}
	return nil
}

func reasonText(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Text
	}
	return reasonOf(err)
}

// dropLockProbes deletes the objects of earlier probes whose locks have ended. Those that are left, for whatever
// reason, are small, and the next probe tries again.
func (s *Store) dropLockProbes(ctx context.Context, client Client, container string) {
	const most = 100
	var names []string
	for name, err := range client.List(ctx, container, lockProbeName, "") {
		if err != nil || len(names) == most {
			break
		}
		names = append(names, name)
	}
	for _, name := range names {
		_ = client.Delete(ctx, container, []string{name})
	}
}

// locksAtOnce is how many requests to lock an object are under way.
const locksAtOnce = 16

// Lock implements [chunk.Locker].
func (s *Store) Lock(ctx context.Context, prefix string, until time.Time) (int, error) {
	client, ok := s.lockClient()
	if !ok {
		return 0, chunk.ErrNoLock
	}
	container, _ := s.o.Layout.Split(prefix)
	if _, probed := s.locks.Load(container); !probed {
		if err := s.ProbeLock(ctx, container); err != nil {
			return 0, err
		}
		s.locks.Store(container, true)
	}
	var n atomic.Int64
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(locksAtOnce)
	for key, err := range s.List(gctx, prefix) {
		if err != nil {
			return 0, errors.Join(err, group.Wait())
		}
		group.Go(func() error {
			_, name, err := s.split(key)
			if err != nil {
				return err
			}
			n.Add(1)
			return s.explain("lock", container, s.try(gctx, "lock", container, func(ctx context.Context) error { return client.Lock(ctx, container, name, until) }))
		})
	}
	err := errors.Join(group.Wait(), ctx.Err())
	return int(n.Load()), err
}
