package console

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/console/sessions"
)

// cookieName is the name of the cookie that holds the id of a session, and idLength is how long that is.
const (
	cookieName = "cindergate-console"
	idLength   = 43
)

// maxBegin is the largest sealed state at the beginning, in bytes. What is left of [sessions.MaxSealed] has
// room for all messages, whose bytes may be six each in JSON.
const maxBegin = 64 << 10

// storeTime is how long the store of sessions may take for one answer.
const storeTime = 5 * time.Second

// These end a request. errAway ends no session: that the store does not answer says nothing about it.
var (
	errAway  = &fault{http.StatusServiceUnavailable, "The database of sessions does not answer. You are still logged in: try again in a moment."}
	errEnded = &fault{http.StatusUnauthorized, "The session has ended. Log in again."}
)

// registry begins, finds, changes and ends sessions. All gateways that have the same store have the same
// sessions, and nothing of them is kept here between requests but what a shelf has.
type registry struct {
	clock  clockwork.Clock
	random io.Reader
	store  sessions.Store
	log    *zap.Logger
	shelf  *shelf
}

func newRegistry(o *Options) *registry {
	r := &registry{clock: o.Clock, random: o.Random, store: o.Sessions, log: o.Log, shelf: newShelf(o.Clock)}
	if r.store == nil {
		r.store = sessions.NewMemory()
	}
	return r
}

// ask asks the store. Errors: errEnded, errAway, and what the store was told to return. The answer of a
// change is awaited even if the browser has gone.
func (r *registry) ask(ctx context.Context, what string, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	err := do(limited)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sessions.ErrNone):
		return errEnded
	}
	r.log.Warn("the sessions of the console are not available", zap.String("what", what), zap.Error(err))
	return errAway
}

// secret returns 256 random bits as text.
func (r *registry) secret() (string, error) {
	var b [32]byte
	_, err := io.ReadFull(r.random, b[:])
	return base64.RawURLEncoding.EncodeToString(b[:]), err
}

// begin begins a session that lasts until expires at most, and returns its id.
func (r *registry) begin(ctx context.Context, st kept, expires time.Time) (id string, err error) {
	if id, err = r.secret(); err != nil {
		return "", err
	}
	if st.Form, err = r.secret(); err != nil {
		return "", err
	}
	now := r.clock.Now()
	row := &sessions.Session{Key: sha256.Sum256([]byte(id)), User: sha256.Sum256([]byte(st.UserID)), Used: now, Ends: now.Add(wholeTime)}
	if expires.Before(row.Ends) {
		row.Ends = expires
	}
	sealer, err := sealerOf(id)
	if err != nil {
		return "", err
	}
	if row.Sealed, err = sealKept(sealer, row, &st); err != nil {
		return "", err
	}
	if len(row.Sealed) > maxBegin {
		return "", &fault{http.StatusBadRequest, "The token is too long: with the names of the user and the project it must have less than 65536 bytes."}
	}
	limits := sessions.Limits{All: maxSessions, PerUser: sessionsOfUser, Idle: idleTime}
	return id, r.ask(ctx, "begin", func(ctx context.Context) error { return r.store.Add(ctx, row, limits) })
}

// find returns the session of a request; nil: it has none. Errors: errAway.
func (r *registry) find(q *http.Request) (*session, error) {
	cookie, _ := q.Cookie(cookieName) // the only error is that there is none
	if cookie == nil || len(cookie.Value) != idLength {
		return nil, nil
	}
	row, err := r.row(q.Context(), sha256.Sum256([]byte(cookie.Value)))
	if row == nil || err != nil {
		return nil, err
	}
	sealer, err := sealerOf(cookie.Value)
	if err != nil {
		return nil, err
	}
	s := &session{key: row.Key, sealer: sealer, used: row.Used}
	if !r.open(s, row) {
		return nil, nil
	}
	s.held = r.shelf.of(row)
	return s, nil
}

// row returns the row of a session that goes on; nil: there is none. The row of one that is over stays until
// somebody logs in, for another gateway's clock may be behind. Errors: errAway.
func (r *registry) row(ctx context.Context, key sessions.Hash) (*sessions.Session, error) {
	var row *sessions.Session
	err := r.ask(ctx, "find", func(ctx context.Context) (err error) {
		row, err = r.store.Find(ctx, key)
		return err
	})
	switch {
	case errors.Is(err, errEnded):
		r.shelf.drop(key)
		return nil, nil
	case err != nil:
		return nil, err
	case row.Over(r.clock.Now(), idleTime):
		r.shelf.drop(key)
		return nil, nil
	}
	return row, nil
}

// open reads the state of a row into a session. It returns false if the row is not one that a gateway of
// this version has written for this id.
func (r *registry) open(s *session, row *sessions.Session) bool {
	st, err := openKept(s.sealer, row)
	if err != nil {
		r.log.Warn("a session of the console is refused: what is kept of it was not written for it", zap.Error(err))
		return false
	}
	s.kept = *st
	s.caller = driver.Caller{ProjectID: st.ProjectID, UserID: st.UserID, Role: st.Role, Token: driver.Token(st.Token)}
	return true
}

// goesOn reports whether a session has not ended since it was found. Errors: errAway.
func (r *registry) goesOn(ctx context.Context, s *session) (bool, error) {
	row, err := r.row(ctx, s.key)
	return row != nil, err
}

// touch notes that the user has asked for something, once a minute. If that fails, the session ends earlier.
func (r *registry) touch(ctx context.Context, s *session) {
	now := r.clock.Now()
	if now.Sub(s.used) < touchEvery {
		return
	}
	_ = r.ask(ctx, "touch", func(ctx context.Context) error { return r.store.Touch(ctx, s.key, now) }) // ask has logged it
}

// change changes the state of a session, at all gateways. Errors: errEnded, errAway.
func (r *registry) change(ctx context.Context, s *session, change func(*kept)) error {
	return r.ask(ctx, "change", func(ctx context.Context) error {
		return r.store.Change(ctx, s.key, func(row *sessions.Session) ([]byte, error) {
			if !r.open(s, row) {
				return nil, sessions.ErrNone
			}
			change(&s.kept)
			return sealKept(s.sealer, row, &s.kept)
		})
	})
}

// end ends a session at all gateways: streams of this one at once, those of others when they look again.
// Errors: errAway; then it may go on.
func (r *registry) end(ctx context.Context, s *session) error {
	err := r.ask(ctx, "end", func(ctx context.Context) error { return r.store.Remove(ctx, s.key) })
	if err == nil {
		r.shelf.drop(s.key)
	}
	return err
}
