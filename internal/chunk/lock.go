package chunk

import (
	"context"
	"errors"
	"time"
)

// Locker is a store that can keep objects from being deleted by anyone, the gateway included.
type Locker interface {
	Store

	// Locks reports whether the store is configured to do so. Otherwise the other methods fail.
	Locks() bool

	// ProbeLock locks an object for a minute and tries to delete it. If that succeeds, or the store does not
	// know locks, errors.Is(err, ErrNoLock) holds: nothing would be protected. container "" is the default one.
	ProbeLock(ctx context.Context, container string) error

	// Lock locks all objects whose key begins with prefix until a time, and returns how many there are. It
	// probes the container once. A lock is made longer, and never shorter: that is an error.
	Lock(ctx context.Context, prefix string, until time.Time) (objects int, err error)
}

// ErrNoLock says that a store does not protect what it is told to lock.
var ErrNoLock = errors.New("the store does not protect locked objects")
