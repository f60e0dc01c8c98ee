package console

import (
	"crypto/cipher"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/console/sessions"
)

// Bounds of sessions, at all gateways together. A session also ends with its token.
const (
	maxSessions    = 1024 // one more ends the one that is idle longest
	sessionsOfUser = 16   // likewise: nobody ends the sessions of others by logging in again and again
	idleTime       = time.Hour
	wholeTime      = 12 * time.Hour
	touchEvery     = time.Minute // how exactly the time of the last use is known
)

// Bounds of the messages that wait for the next page. What comes after them is not shown.
const (
	maxFlashes = 20
	maxFlash   = 4 << 10  // bytes of a text, and of a command
	allFlashes = 32 << 10 // bytes of all
)

// session is that of one login, as one request sees it. The browser knows its id and the token of its forms,
// and nothing else.
type session struct {
	key    sessions.Hash
	sealer cipher.AEAD
	used   time.Time // as it was known before the request
	kept   kept
	caller driver.Caller // with the token
	held   *held
}

// flash is a message that the next page shows.
type flash struct {
	Bad     bool   `json:"bad"`
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // that does the same
}

// User and Project are names, for pages.
func (s *session) User() string    { return s.kept.User }
func (s *session) Project() string { return s.kept.Project }

// IsAdmin reports whether the session may use what only admins may.
func (s *session) IsAdmin() bool { return s.caller.IsAdmin() }

// allProjects reports whether the session looks at all projects.
func (s *session) allProjects(mode Mode) bool {
	return s.caller.IsAdmin() && mode != Tenant && !s.kept.Narrow
}

// tell has the next page show messages. What was read before is old then.
func (st *kept) tell(told []flash) {
	st.Actions++
	size := 0
	for _, f := range st.Flashes {
		size += len(f.Text) + len(f.Command)
	}
	for _, f := range told {
		if len(f.Text) > maxFlash {
			f.Text = strings.ToValidUTF8(f.Text[:maxFlash], "") + " …"
		}
		if len(f.Command) > maxFlash {
			f.Command = "" // a part of it would do something else
		}
		if size += len(f.Text) + len(f.Command); len(st.Flashes) < maxFlashes && size <= allFlashes {
			st.Flashes = append(st.Flashes, f)
		}
	}
}
