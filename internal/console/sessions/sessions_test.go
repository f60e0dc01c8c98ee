package sessions

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cindergate/internal/database/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *DB {
	t.Helper()
	db, err := Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// onAll runs a test on each kind of Store. Both stores have the same sessions, as two gateways see them.
func onAll(t *testing.T, test func(t *testing.T, one, two Store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { m := NewMemory(); test(t, m, m) })
	t.Run("SQLite", func(t *testing.T) { db := open(t, filepath.Join(t.TempDir(), "s.db")); test(t, db, db) })
	t.Run("PostgreSQL", func(t *testing.T) { url := pgtest.URL(t); test(t, open(t, url), open(t, url)) })
}

func hash(text string) Hash { return sha256.Sum256([]byte(text)) }

// session is one of a user that has been used a number of minutes after start, and ends a day later.
func session(name, user string, minute int) *Session {
	used := start.Add(time.Duration(minute) * time.Minute)
	return &Session{Key: hash(name), User: hash(user), Used: used, Ends: used.Add(24 * time.Hour), Sealed: []byte("sealed " + name)}
}

var limits = Limits{All: 4, PerUser: 2, Idle: time.Hour}

// names returns which of the sessions are there.
func names(t *testing.T, s Store, of ...string) (there string) {
	t.Helper()
	for _, name := range of {
		switch _, err := s.Find(t.Context(), hash(name)); {
		case err == nil:
			there += name
		case !errors.Is(err, ErrNone):
			t.Fatal(err)
		}
	}
	return there
}

// What one gateway adds, changes and removes, the other one finds.
func TestStore(t *testing.T) {
	onAll(t, func(t *testing.T, one, two Store) {
		ctx := t.Context()
		want := session("a", "ann", 0)
		must(t, one.Add(ctx, want, limits))
		got, err := two.Find(ctx, want.Key)
		must(t, err)
		if got.Key != want.Key || got.User != want.User || !got.Used.Equal(want.Used) || !got.Ends.Equal(want.Ends) || !bytes.Equal(got.Sealed, want.Sealed) {
			t.Errorf("%+v, want %+v", got, want)
		}
		must(t, two.Change(ctx, want.Key, func(s *Session) ([]byte, error) { return append(bytes.Clone(s.Sealed), '!'), nil }))
		broken := errors.New("broken")
		if err := one.Change(ctx, want.Key, func(*Session) ([]byte, error) { return []byte("lost"), broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
		later := want.Used.Add(time.Minute)
		must(t, two.Touch(ctx, want.Key, later))
		must(t, two.Touch(ctx, want.Key, want.Used)) // a clock that is behind
		got, err = one.Find(ctx, want.Key)
		must(t, err)
		if string(got.Sealed) != "sealed a!" || !got.Used.Equal(later) {
			t.Errorf("%s used at %s", got.Sealed, got.Used)
		}
		must(t, one.Remove(ctx, want.Key))
		must(t, one.Remove(ctx, want.Key))
		must(t, one.Touch(ctx, want.Key, later.Add(time.Minute)))
		if _, err := two.Find(ctx, want.Key); !errors.Is(err, ErrNone) {
			t.Errorf("after the end: %v", err)
		}
		if err := two.Change(ctx, want.Key, func(*Session) ([]byte, error) { return nil, nil }); !errors.Is(err, ErrNone) {
			t.Errorf("a change after the end: %v", err)
		}
	})
}

// One session too many ends the idlest: of the same user, else of all. Those that are over go first.
func TestLimits(t *testing.T) {
	onAll(t, func(t *testing.T, one, two Store) {
		ctx := t.Context()
		for i, s := range []*Session{session("a", "ann", 3), session("b", "bob", 0), session("c", "ann", 4), session("d", "ann", 5)} {
			must(t, []Store{one, two}[i%2].Add(ctx, s, limits))
		}
		if got := names(t, two, "a", "b", "c", "d"); got != "bcd" {
			t.Errorf("of one user too many: %s", got)
		}
		must(t, one.Touch(ctx, hash("b"), start.Add(6*time.Minute)))
		must(t, one.Add(ctx, session("e", "eve", 7), limits))
		must(t, two.Add(ctx, session("f", "fay", 8), limits))
		if got := names(t, one, "b", "c", "d", "e", "f"); got != "bdef" {
			t.Errorf("of all too many: %s", got)
		}
		short := session("g", "gus", 9)
		short.Ends = short.Used.Add(time.Minute)
		must(t, one.Add(ctx, short, limits)) // in the place of d
		must(t, two.Add(ctx, session("h", "hal", 10), limits))
		if got := names(t, one, "b", "e", "f", "g", "h"); got != "befh" {
			t.Errorf("after the end of one: %s", got)
		}
		must(t, two.Add(ctx, session("i", "ida", 10+60), limits))
		if got := names(t, one, "b", "e", "f", "h", "i"); got != "i" {
			t.Errorf("after an hour: %s", got)
		}
	})
}

// The bounds hold while many log in at both gateways at once, and no change of a session is lost.
func TestAtOnce(t *testing.T) {
	onAll(t, func(t *testing.T, one, two Store) {
		ctx := context.WithoutCancel(t.Context())
		kept := session("kept", "ann", 30)
		kept.Sealed = nil
		must(t, one.Add(ctx, kept, limits))
		var group sync.WaitGroup
		for i := range 12 {
			group.Go(func() {
				s := []Store{one, two}[i%2]
				if err := s.Add(ctx, session(string(rune('a'+i)), "bob", i), limits); err != nil {
					t.Error(err)
				}
				if err := s.Change(ctx, kept.Key, func(s *Session) ([]byte, error) { return append(bytes.Clone(s.Sealed), 'x'), nil }); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := names(t, two, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"); len(got) != limits.PerUser {
			t.Errorf("bob has %q", got)
		}
		s, err := two.Find(ctx, kept.Key)
		must(t, err)
		if len(s.Sealed) != 12 {
			t.Errorf("%d changes, want 12", len(s.Sealed))
		}
	})
}

// A row that somebody else has written is read as one with nothing in it, and a long one is not read.
func TestForeignRows(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "s.db"))
	for name, sealed := range map[string]string{"text": "no base64!", "long": string(bytes.Repeat([]byte("QUFB"), MaxSealed))} {
		s := session(name, "ann", 0)
		must(t, db.Add(t.Context(), s, limits))
		_, err := db.sql.Writer.ExecContext(t.Context(), "UPDATE console_sessions SET user_id = 'x', sealed = $1 WHERE key = $2", sealed, s.Key.text())
		must(t, err)
		got, err := db.Find(t.Context(), s.Key)
		must(t, err)
		if len(got.Sealed) != 0 || got.User != (Hash{}) {
			t.Errorf("%s: %d bytes of %x", name, len(got.Sealed), got.User)
		}
	}
}

// A server that is away is an error, and not the end of a session.
func TestAway(t *testing.T) {
	url := pgtest.URL(t)
	db, err := Open(t.Context(), url)
	must(t, err)
	s := session("a", "ann", 0)
	must(t, db.Add(t.Context(), s, limits))
	must(t, db.Close())
	if _, err := db.Find(t.Context(), s.Key); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a find: %v", err)
	}
	if err := db.Change(t.Context(), s.Key, func(*Session) ([]byte, error) { return nil, nil }); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a change: %v", err)
	}
	if got := names(t, open(t, url), "a"); got != "a" {
		t.Error("the session has ended")
	}
}
