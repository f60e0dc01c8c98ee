// Package sessions keeps the sessions of the console, which it cannot read: in memory, or in a database
// that several gateways share.
package sessions

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"
)

// Hash names something without telling it: it is a SHA-256.
type Hash [sha256.Size]byte

// Session is a session as it is kept. Times are to the microsecond.
type Session struct {
	Key    Hash      // of the id that the browser has
	User   Hash      // of the user's id
	Used   time.Time // when the user has asked for something last
	Ends   time.Time // when it ends, whether it is used or not
	Sealed []byte    // everything else, at most MaxSealed bytes
}

// MaxSealed is the largest Sealed, in bytes.
const MaxSealed = 256 << 10

// Over reports whether a session has ended by itself: idle is how long it may be without use.
func (s *Session) Over(now time.Time, idle time.Duration) bool {
	return !now.Before(s.Ends) || now.Sub(s.Used) >= idle
}

// Limits bound what a Store keeps.
type Limits struct {
	All, PerUser int           // sessions
	Idle         time.Duration // how long a session may be without use
}

// ErrNone says that there is no such session, or none any more. Any other error of a Store says that it
// cannot tell now: that ends no session.
var ErrNone = errors.New("there is no such session")

// Store keeps sessions. It is safe for concurrent use.
//
// Times are those of the callers' clocks. Where gateways share a Store and one clock is some seconds ahead,
// sessions end that much earlier there, and no harm comes of it: what counts is the difference to Used,
// which may also lie in the future of the caller.
type Store interface {
	// Add adds a session. Used is now: those that are over by then are removed first, and if there are as
	// many as may be, the one that is idle longest, of the same user if it has PerUser of them.
	Add(ctx context.Context, s *Session, limits Limits) error
	// Find returns a session, which may be over. Errors: ErrNone.
	Find(ctx context.Context, key Hash) (*Session, error)
	// Change replaces what a session has sealed. Changes of one session take turns, at all gateways. An
	// error of change is returned, and nothing is changed then; it may be called more than once. Errors:
	// ErrNone.
	Change(ctx context.Context, key Hash, change func(*Session) (sealed []byte, err error)) error
	// Touch notes a use, unless a later one is known. A session that is not there stays so.
	Touch(ctx context.Context, key Hash, used time.Time) error
	// Remove ends a session, if it is there.
	Remove(ctx context.Context, key Hash) error
}
