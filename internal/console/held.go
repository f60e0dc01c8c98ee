package console

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/internal/console/sessions"
)

// held is what this gateway alone has of a session: what it has read a short time ago, and open streams.
type held struct {
	user    sessions.Hash
	ended   chan struct{} // closed when it is known here that the session has ended
	version atomic.Int32  // of microversions

	mu      sync.Mutex
	used    time.Time // by any request here
	cache   map[string]cached
	streams int
}

type cached struct {
	value   any
	until   time.Time
	actions int // of the session, when it was read
}

// shelf has what this gateway has of sessions. It is dropped when it is seen that a session has ended, and
// when nobody has used it here for an hour.
type shelf struct {
	clock clockwork.Clock
	mu    sync.Mutex
	all   map[sessions.Hash]*held
}

func newShelf(clock clockwork.Clock) *shelf {
	return &shelf{clock: clock, all: map[sessions.Hash]*held{}}
}

// of returns what is held of a session.
func (sh *shelf) of(row *sessions.Session) *held {
	now := sh.clock.Now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	h := sh.all[row.Key]
	if h == nil {
		sh.makeRoom(now)
		h = &held{user: row.User, ended: make(chan struct{}), cache: map[string]cached{}}
		sh.all[row.Key] = h
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.used = now
	return h
}

// makeRoom drops what nobody uses, and the idlest if there is too much. The caller holds sh.mu.
func (sh *shelf) makeRoom(now time.Time) {
	var idlest sessions.Hash
	oldest, found := now, false
	for key, h := range sh.all {
		h.mu.Lock()
		used, streams := h.used, h.streams
		h.mu.Unlock()
		switch {
		case streams > 0:
		case now.Sub(used) >= idleTime:
			sh.end(key)
		case !found || used.Before(oldest):
			idlest, oldest, found = key, used, true
		}
	}
	if found && len(sh.all) >= maxSessions {
		sh.end(idlest)
	}
}

// drop ends the streams of a session, and forgets what was read for it.
func (sh *shelf) drop(key sessions.Hash) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.end(key)
}

// end is drop for a caller that holds sh.mu.
func (sh *shelf) end(key sessions.Hash) {
	if h := sh.all[key]; h != nil {
		delete(sh.all, key)
		close(h.ended)
	}
}

// mayStream reports whether a user has fewer streams here than a user may have.
func (sh *shelf) mayStream(user sessions.Hash) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for _, h := range sh.all {
		if h.user == user {
			h.mu.Lock()
			n += h.streams
			h.mu.Unlock()
		}
	}
	return n < streamsOfUser
}

// stream counts an open stream, or its end. It returns false if there are too many.
func (h *held) stream(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams+n > streamsOfSession {
		return false
	}
	h.streams += n
	return true
}

// forget drops what was read a short time ago.
func (h *held) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cache = map[string]cached{}
}

// keep returns what get returned a short time ago, or now. What was read before the session's last action
// does not count, at whichever gateway that was.
func keep[T any](s *session, clock clockwork.Clock, key string, life time.Duration, get func() (T, error)) (T, error) {
	h, now, actions := s.held, clock.Now(), s.kept.Actions
	h.mu.Lock()
	known, ok := h.cache[key]
	h.mu.Unlock()
	if ok && known.actions == actions && now.Before(known.until) {
		return known.value.(T), nil
	}
	v, err := get()
	if err != nil {
		return v, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.cache) >= 16 {
		h.cache = map[string]cached{}
	}
	h.cache[key] = cached{v, clock.Now().Add(life), actions}
	return v, nil
}
