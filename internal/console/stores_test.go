package console

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"cindergate/internal/console/sessions"
	"cindergate/internal/database/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onStores runs a test of sessions in memory, and of sessions that gateways share.
func onStores(t *testing.T, test func(t *testing.T, store func(*Options))) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { test(t, func(*Options) {}) })
	onShared(t, func(t *testing.T, url string) { test(t, stored(t, url)) })
}

// onShared runs a test on a SQLite file and on a database of PostgreSQL.
func onShared(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "sessions.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

// stored gives a console a store of its own on a database.
func stored(t *testing.T, url string) func(*Options) {
	t.Helper()
	store, err := sessions.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return func(o *Options) { o.Sessions = store }
}

// begin begins a session whose token lasts so long, and returns its id.
func (r *rig) begin(user string, life time.Duration) string {
	r.t.Helper()
	id, err := r.c.sessions.begin(r.t.Context(), kept{UserID: user}, r.env.Clock.Now().Add(life))
	must(r.t, err)
	return id
}

// find returns the session with an id; nil: there is none.
func (r *rig) find(id string) *session {
	r.t.Helper()
	q := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "/ui/", nil)
	q.AddCookie(&http.Cookie{Name: cookieName, Value: id})
	s, err := r.c.sessions.find(q)
	must(r.t, err)
	return s
}
