package console

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// Bounds of sessions. A session also ends with its token.
const (
	maxSessions    = 1024 // one more ends the one that is idle longest
	sessionsOfUser = 16   // likewise: nobody ends the sessions of others by logging in again and again
	idleTime       = time.Hour
	wholeTime      = 12 * time.Hour
	maxFlashes     = 20
)

// cookieName is the name of the cookie that holds the id of a session.
const cookieName = "cindergate-console"

// session is that of one login. The browser knows its id and the token of its forms, and nothing else.
type session struct {
	caller                driver.Caller // with the token
	User, Project, Domain string        // names
	owned                 bool          // the console has made the token, and may revoke it
	form                  string        // token of forms
	began, expires        time.Time
	version               atomic.Int32  // of microversions
	ended                 chan struct{} // closed when it ends

	mu      sync.Mutex
	used    time.Time
	narrow  bool // an admin looks at one project only
	flashes []flash
	cache   map[string]cached
	streams int
}

// flash is a message that the next page shows.
type flash struct {
	Bad     bool   `json:"bad"`
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // that does the same
}

type cached struct {
	value any
	until time.Time
}

// sessions are all sessions, by the SHA-256 of their ids.
type sessions struct {
	clock  clockwork.Clock
	random io.Reader
	mu     sync.Mutex
	all    map[[sha256.Size]byte]*session
}

func newSessions(clock clockwork.Clock, random io.Reader) *sessions {
	return &sessions{clock: clock, random: random, all: map[[sha256.Size]byte]*session{}}
}

// secret returns 256 random bits as text.
func (ss *sessions) secret() (string, error) {
	var b [32]byte
	_, err := io.ReadFull(ss.random, b[:])
	return base64.RawURLEncoding.EncodeToString(b[:]), err
}

// add begins a session and returns its id.
func (ss *sessions) add(s *session) (id string, err error) {
	if id, err = ss.secret(); err != nil {
		return "", err
	}
	if s.form, err = ss.secret(); err != nil {
		return "", err
	}
	now := ss.clock.Now()
	s.began, s.used, s.ended, s.cache = now, now, make(chan struct{}), map[string]cached{}
	ss.mu.Lock()
	defer ss.mu.Unlock()
	var idlest, own [sha256.Size]byte
	oldest, oldestOwn, mine := now, now, 0
	for key, other := range ss.all {
		used := other.lastUse()
		if other.over(now) {
			ss.end(key)
			continue
		}
		if !used.After(oldest) {
			idlest, oldest = key, used
		}
		if other.caller.UserID == s.caller.UserID {
			if mine++; !used.After(oldestOwn) {
				own, oldestOwn = key, used
			}
		}
	}
	switch {
	case mine >= sessionsOfUser:
		ss.end(own)
	case len(ss.all) >= maxSessions:
		ss.end(idlest)
	}
	ss.all[sha256.Sum256([]byte(id))] = s
	return id, nil
}

// find returns the session of a request; nil: it has none.
func (ss *sessions) find(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	key := sha256.Sum256([]byte(cookie.Value))
	now := ss.clock.Now()
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.all[key]
	switch {
	case s == nil:
		return nil
	case s.over(now):
		ss.end(key)
		return nil
	}
	return s
}

// remove ends a session.
func (ss *sessions) remove(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for key, other := range ss.all {
		if other == s {
			ss.end(key)
		}
	}
}

// end ends a session. The caller holds ss.mu.
func (ss *sessions) end(key [sha256.Size]byte) {
	if s := ss.all[key]; s != nil {
		delete(ss.all, key)
		close(s.ended)
	}
}

// over reports whether the session has ended by itself.
func (s *session) over(now time.Time) bool {
	return !now.Before(s.expires) || now.Sub(s.began) >= wholeTime || now.Sub(s.lastUse()) >= idleTime
}

func (s *session) lastUse() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// touch records that the user has asked for something.
func (s *session) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = now
}

// forget drops what was read a short time ago.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache = map[string]cached{}
}

// tell has the next page show a message.
func (s *session) tell(f flash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache = map[string]cached{}; len(s.flashes) < maxFlashes {
		s.flashes = append(s.flashes, f)
	}
}

func (s *session) takeFlashes() []flash {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.flashes
	s.flashes = nil
	return told
}

// IsAdmin reports whether the session may use what only admins may.
func (s *session) IsAdmin() bool { return s.caller.IsAdmin() }

// allProjects reports whether the session looks at all projects.
func (s *session) allProjects(mode Mode) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caller.IsAdmin() && mode != Tenant && !s.narrow
}

// keep returns what get returned a short time ago, or now.
func keep[T any](s *session, clock clockwork.Clock, key string, life time.Duration, get func() (T, error)) (T, error) {
	now := clock.Now()
	s.mu.Lock()
	known, ok := s.cache[key]
	s.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.value.(T), nil
	}
	v, err := get()
	if err != nil {
		return v, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cache) < 16 {
		s.cache[key] = cached{v, clock.Now().Add(life)}
	} else {
		s.cache = map[string]cached{key: {v, clock.Now().Add(life)}}
	}
	return v, nil
}
