package accounts

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/identity"
	"cindergate/internal/database/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onBoth runs a test on a SQLite file and on a database of PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "identity.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

type object = map[string]any

// gateway is one gateway's identity service.
type gateway struct {
	*identity.Service
	t  *testing.T
	db *DB
}

const hashOfWonder = "$2a$04$aTmyFhOpONzq3HLHBHnNOO4K0SMk6kBZAy0S8pZDh6LSTqVw4LmqK"

func secretOf(t *testing.T, password string) identity.Secret {
	t.Helper()
	hash, err := identity.HashPassword(password)
	must(t, err)
	s, err := identity.ParseHash(hash)
	must(t, err)
	return s
}

type setup struct {
	clock   *clockwork.FakeClock
	options identity.Options
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{clock: clockwork.NewFakeClockAt(time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC))}
	s.options = identity.Options{
		Users: []identity.User{
			{Name: "root", Secret: identity.Generated("root"), Projects: map[string]string{"p": "admin"}},
			{Name: "ann", Secret: secretOf(t, "ann"), Projects: map[string]string{"p": "member"}},
		},
		ApplicationCredentials: []identity.ApplicationCredential{{ID: "ci", Name: "ci", Secret: secretOf(t, "ci"), User: "ann", Project: "p", Role: "reader"}},
		Region:                 "r", TokenLifetime: time.Hour, Clock: s.clock, Base: func(*http.Request) string { return "http://here" },
		Client: func(r *http.Request) string { return r.Header.Get("From") },
	}
	return s
}

// gateway starts a gateway on a database.
func (s *setup) gateway(t *testing.T, url string) *gateway {
	t.Helper()
	db, err := Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	o := s.options
	o.Store = db
	o.Made, err = db.Load(t.Context())
	must(t, err)
	service, err := identity.New(o)
	must(t, err)
	return &gateway{service, t, db}
}

// call sends a request, and returns the status, the token of the answer and its body.
func (g *gateway) call(method, path, token, subject string, body any) (int, string, object) {
	text, _ := json.Marshal(body)
	r := httptest.NewRequestWithContext(g.t.Context(), method, "/identity/v3"+path, bytes.NewReader(text))
	r.Header.Set("X-Auth-Token", token)
	r.Header.Set("X-Subject-Token", subject)
	r.Header.Set("From", "192.0.2.1")
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	var got object
	_ = json.Unmarshal(w.Body.Bytes(), &got)
	return w.Code, w.Header().Get("X-Subject-Token"), got
}

func (g *gateway) login(name, password string) (int, string) {
	status, token, _ := g.call("POST", "/auth/tokens", "", "", object{"auth": object{
		"identity": object{"methods": []string{"password"}, "password": object{"user": object{"name": name, "password": password, "domain": object{"id": "default"}}}},
		"scope":    object{"project": object{"name": "p", "domain": object{"id": "default"}}},
	}})
	return status, token
}

func (g *gateway) mustLogin(name, password string) string {
	g.t.Helper()
	status, token := g.login(name, password)
	if status != http.StatusCreated {
		g.t.Fatalf("%s cannot log in: %d", name, status)
	}
	return token
}

func (g *gateway) credential(secret string) string {
	g.t.Helper()
	status, token, _ := g.call("POST", "/auth/tokens", "", "", object{"auth": object{
		"identity": object{"methods": []string{"application_credential"}, "application_credential": object{"id": "ci", "secret": secret}}}})
	if status != http.StatusCreated {
		g.t.Fatalf("the application credential: %d", status)
	}
	return token
}

func (g *gateway) valid(token string) bool {
	g.t.Helper()
	_, err := g.Authenticate(g.t.Context(), token)
	return err == nil
}

func (g *gateway) must(want int, method, path, token string, body any) object {
	g.t.Helper()
	status, _, got := g.call(method, path, token, "", body)
	if status != want {
		g.t.Fatalf("%s %s: %d %v", method, path, status, got)
	}
	return got
}

// member makes a user with a role in the project p, and returns its id.
func (g *gateway) member(root, name string) string {
	g.t.Helper()
	user := g.must(201, "POST", "/users", root, object{"user": object{"name": name, "password": name}})["user"].(object)["id"].(string)
	g.must(204, "PUT", grantPath(user), root, nil)
	return user
}

func grantPath(user string) string {
	return "/projects/" + identity.ID("project", "p") + "/users/" + user + "/roles/" + identity.ID("role", "member")
}

// A token is valid after a restart of the gateway, until it expires, is revoked, or what it was
// issued on changes. The database has no token, only hashes.
func TestTokensSurviveARestart(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := newSetup(t)
		g := s.gateway(t, url)
		ann, revoked, ci := g.mustLogin("ann", "ann"), g.mustLogin("ann", "ann"), g.credential("ci")
		zoe := g.member(g.mustLogin("root", "root"), "zoe")
		made, ended := g.mustLogin("zoe", "zoe"), g.mustLogin("zoe", "zoe")
		g.must(204, "POST", "/users/"+zoe+"/password", ended, object{"user": object{"original_password": "zoe", "password": "other"}})
		again := g.mustLogin("zoe", "other")
		if status, _, _ := g.call("DELETE", "/auth/tokens", revoked, revoked, nil); status != http.StatusNoContent {
			t.Fatal(status)
		}
		restart := func() {
			must(t, g.db.Close())
			g = s.gateway(t, url)
		}
		restart()
		for what, x := range map[string]struct {
			token string
			want  bool
		}{"ann": {ann, true}, "application credential": {ci, true}, "revoked": {revoked, false}, "old password": {made, false}, "new password": {again, true}} {
			if got := g.valid(x.token); got != x.want {
				t.Errorf("%s: valid %v after the restart", what, got)
			}
		}
		if caller, _ := g.Authenticate(t.Context(), ci); caller.Role != driver.Reader {
			t.Errorf("the application credential has the role %v", caller.Role)
		}
		s.options.ApplicationCredentials[0].Secret = secretOf(t, "ci") // another hash
		restart()
		if !g.valid(ann) || g.valid(ci) {
			t.Error("the token of an application credential with another secret is valid")
		}
		s.options.Users[1].Secret = secretOf(t, "ann")
		restart()
		if g.valid(ann) {
			t.Error("the token of a user with another password in the configuration is valid")
		}
		s.clock.Advance(time.Hour)
		if g.valid(again) {
			t.Error("an expired token is valid")
		}
		var n int
		must(t, g.db.sql.Reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM tokens WHERE hash IN ($1, $2, $3)", ann, ci, again).Scan(&n))
		if !g.db.Shared() {
			content, err := os.ReadFile(url)
			must(t, err)
			log, err := os.ReadFile(url + "-wal")
			must(t, err)
			if content = append(content, log...); bytes.Contains(content, []byte(ann)) || bytes.Contains(content, []byte(again)) {
				n++
			}
		}
		if n > 0 {
			t.Error("the database has a token that is not hashed")
		}
	})
}

// What ends a token at one gateway ends it at another at once, which has just used it.
func TestTokensEndEverywhere(t *testing.T) {
	s := newSetup(t)
	url := pgtest.URL(t)
	a, b := s.gateway(t, url), s.gateway(t, url)
	root := a.mustLogin("root", "root")
	n := 0
	for what, end := range map[string]func(user, zoe string){
		"revoked":          func(_, zoe string) { a.call("DELETE", "/auth/tokens", zoe, zoe, nil) },
		"revoked by admin": func(_, zoe string) { a.call("DELETE", "/auth/tokens", root, zoe, nil) },
		"password": func(user, _ string) {
			a.must(200, "PATCH", "/users/"+user, root, object{"user": object{"password": "x"}})
		},
		"disabled": func(user, _ string) {
			a.must(200, "PATCH", "/users/"+user, root, object{"user": object{"enabled": false}})
		},
		"disabled and enabled": func(user, _ string) {
			a.must(200, "PATCH", "/users/"+user, root, object{"user": object{"enabled": false}})
			a.must(200, "PATCH", "/users/"+user, root, object{"user": object{"enabled": true}})
		},
		"deleted":    func(user, _ string) { a.must(204, "DELETE", "/users/"+user, root, nil) },
		"role taken": func(user, _ string) { a.must(204, "DELETE", grantPath(user), root, nil) },
	} {
		n++
		name := fmt.Sprintf("zoe%d", n)
		user := a.member(root, name)
		zoe := b.mustLogin(name, name) // made at a a moment ago
		if !a.valid(zoe) || !b.valid(zoe) {
			t.Fatalf("%s: it is not valid before", what)
		}
		end(user, zoe)
		if b.valid(zoe) || a.valid(zoe) {
			t.Errorf("%s: the token is still valid", what)
		}
		if strings.HasPrefix(what, "password") {
			if status, _ := b.login(name, name); status != http.StatusUnauthorized {
				t.Errorf("the old password is taken: %d", status)
			}
			b.mustLogin(name, "x")
		}
	}
	if !b.valid(root) {
		t.Error("another user's token has ended, too")
	}
}

// The share of a user, and the number of all tokens, hold for all gateways together.
func TestTokenLimitsHoldEverywhere(t *testing.T) {
	s := newSetup(t)
	s.options.TokensPerUser = 3
	url := pgtest.URL(t)
	a, b := s.gateway(t, url), s.gateway(t, url)
	root := a.mustLogin("root", "root")
	var all []string
	for n := range 8 {
		s.clock.Advance(time.Second)
		g := a
		if n%2 == 0 {
			g = b
		}
		token := g.mustLogin("ann", "ann")
		all = append(all, token)
		if !a.valid(token) || !b.valid(token) {
			t.Fatal("a new token is not valid")
		}
	}
	for n, token := range all {
		if want := n >= 5; a.valid(token) != want || b.valid(token) != want {
			t.Errorf("token %d: valid %v and %v, want %v", n, a.valid(token), b.valid(token), want)
		}
	}
	if !a.valid(root) {
		t.Error("another user has lost a token")
	}
	// Many at once.
	var logins sync.WaitGroup
	for range 10 {
		logins.Go(func() { a.login("root", "root") })
		logins.Go(func() { b.login("root", "root") })
	}
	logins.Wait()
	var rows, count int
	must(t, a.db.sql.Reader.QueryRowContext(t.Context(), "SELECT COUNT(*), (SELECT count FROM identity_head) FROM tokens").Scan(&rows, &count))
	if rows != 6 || count != rows {
		t.Errorf("there are %d tokens, %d are counted, want 6", rows, count)
	}
}

// Beyond the number of all tokens, the user with most tokens loses the oldest. Expired tokens
// go in batches.
func TestTokensAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		db, err := Open(t.Context(), url)
		must(t, err)
		t.Cleanup(func() { must(t, db.Close()) })
		now := time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)
		serial := byte(0)
		save := func(user string, limits identity.TokenLimits) (identity.TokenHash, []identity.TokenHash) {
			t.Helper()
			serial++
			now = now.Add(time.Second)
			k := &identity.Token{UserID: user, Methods: []string{"password"}, IssuedAt: now, Expires: now.Add(time.Hour)}
			k.Hash[0] = serial
			ended, err := db.SaveToken(t.Context(), k, limits)
			must(t, err)
			got, err := db.Token(t.Context(), k.Hash)
			must(t, err)
			if !reflect.DeepEqual(got, k) {
				t.Fatalf("%+v is kept as %+v", k, got)
			}
			return k.Hash, ended
		}
		limits := identity.TokenLimits{PerUser: 100, All: 5}
		few, _ := save("few", limits)
		first, _ := save("many", limits)
		for range 3 {
			save("many", limits)
		}
		if _, ended := save("new", limits); len(ended) != 1 || ended[0] != first {
			t.Errorf("%v has ended, not %v", ended, first)
		}
		if got, err := db.Token(t.Context(), few); err != nil || got == nil {
			t.Errorf("the other user's token has ended: %v", err)
		}
		wide := identity.TokenLimits{PerUser: 1000, All: 1000}
		for range batch + 20 {
			save("many", wide)
		}
		now = now.Add(2 * time.Hour)
		rows := func() (n, count int) {
			must(t, db.sql.Reader.QueryRowContext(t.Context(), "SELECT COUNT(*), (SELECT count FROM identity_head) FROM tokens").Scan(&n, &count))
			return n, count
		}
		before, _ := rows()
		save("new", wide)
		if n, count := rows(); n != before-batch+1 || n != count {
			t.Errorf("of %d expired tokens %d are left, %d are counted", before, n, count)
		}
		save("new", wide)
		if n, count := rows(); n != 2 || count != 2 {
			t.Errorf("%d tokens are left, %d are counted", n, count)
		}
	})
}

// Failed logins count at all gateways together.
func TestLoginLimitsHoldEverywhere(t *testing.T) {
	s := newSetup(t)
	s.options.Logins = identity.Limits{Queue: 10, PerAddress: 10, PerUser: 10, FailuresPerUser: 4, FailuresPerAddress: 100}
	url := pgtest.URL(t)
	a, b := s.gateway(t, url), s.gateway(t, url)
	for n, g := range []*gateway{a, b, a, b} {
		if status, _ := g.login("ann", "wrong"); status != http.StatusUnauthorized {
			t.Fatalf("failure %d: %d", n, status)
		}
	}
	for _, g := range []*gateway{a, b} {
		if status, _ := g.login("ann", "ann"); status != http.StatusTooManyRequests {
			t.Errorf("after four failures: %d", status)
		}
	}
	a.mustLogin("root", "root") // somebody else
	s.clock.Advance(15 * time.Second)
	b.mustLogin("ann", "ann") // a quarter of a minute allows one more
	if status, _ := a.login("ann", "wrong"); status != http.StatusUnauthorized {
		t.Error(status)
	}
	if status, _ := b.login("ann", "ann"); status != http.StatusTooManyRequests {
		t.Error(status)
	}
	s.clock.Advance(3 * time.Minute)
	if status, _ := a.login("eve", "wrong"); status != http.StatusUnauthorized { // removes what is forgotten
		t.Error(status)
	}
	b.mustLogin("ann", "ann")
}

// Gateways that change accounts at the same time lose no change, and do not break a rule
// together.
func TestChangesAtTwoGateways(t *testing.T) {
	s := newSetup(t)
	url := pgtest.URL(t)
	a, b := s.gateway(t, url), s.gateway(t, url)
	root := a.mustLogin("root", "root")
	var all sync.WaitGroup
	var mu sync.Mutex
	// Both check the name before one of them stores it.
	turn, err := a.db.sql.Writer.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = turn.ExecContext(t.Context(), "SELECT 1 FROM identity_head FOR UPDATE")
	must(t, err)
	twice := make(chan int, 2)
	for _, g := range []*gateway{a, b} {
		go func() {
			status, _, _ := g.call("POST", "/users", root, "", object{"user": object{"name": "twice"}})
			twice <- status
		}()
	}
	for waiting := 0; waiting < 2; {
		must(t, a.db.sql.Reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting))
	}
	must(t, turn.Commit())
	if one, other := <-twice, <-twice; one+other != http.StatusCreated+http.StatusConflict {
		t.Errorf("two users of one name at once: %d and %d", one, other)
	}
	statuses := map[int]int{}
	for n := range 12 {
		for _, g := range []*gateway{a, b} {
			all.Go(func() {
				status, _, _ := g.call("POST", "/users", root, "", object{"user": object{"name": fmt.Sprint("user", n)}})
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
	}
	all.Wait()
	if statuses[201] != 12 || statuses[409] != 12 {
		t.Errorf("the answers are %v", statuses)
	}
	for _, g := range []*gateway{a, b} {
		if users := g.must(200, "GET", "/users", root, nil)["users"].([]any); len(users) != 15 {
			t.Errorf("there are %d users", len(users))
		}
	}
}

// A gateway whose database is away answers 503, and recovers.
func TestDatabaseAway(t *testing.T) {
	s := newSetup(t)
	pgtest.URL(t) // skips the test if there is no server
	// Not below t.TempDir, where the user that runs the server may not go.
	dir, err := os.MkdirTemp("", "pgtest") //nolint:usetesting // as above
	must(t, err)
	server, err := pgtest.Start(dir, "-c", "fsync=off")
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	a := s.gateway(t, server.URL("postgres"))
	root := a.mustLogin("root", "root")
	must(t, server.Down())
	if status, _, _ := a.call("GET", "/users", root, "", nil); status != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", status)
	}
	if status, _ := a.login("root", "root"); status != http.StatusServiceUnavailable {
		t.Errorf("a login without a database: %d", status)
	}
	must(t, server.Up())
	if !a.valid(root) {
		t.Error("the token is not valid after the database has come back")
	}
}

// A database of the version before tokens were kept opens, in the order of creation.
func TestOlderDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.db")
	old, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	_, err = old.ExecContext(t.Context(), `
		CREATE TABLE projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, enabled INTEGER NOT NULL, tags TEXT NOT NULL, extra TEXT NOT NULL);
		CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, password_hash TEXT NOT NULL, default_project TEXT NOT NULL, enabled INTEGER NOT NULL, extra TEXT NOT NULL);
		CREATE TABLE grants (user_id TEXT NOT NULL, project_id TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (user_id, project_id, role));
		INSERT INTO projects VALUES ('9', 'first', '', 1, '[]', '{}'), ('1', 'second', '', 0, '[]', '{}');
		INSERT INTO users VALUES ('8', 'zoe', '`+hashOfWonder+`', '', 1, '{}');
		INSERT INTO grants VALUES ('8', '9', 'member');
		PRAGMA user_version = 1`)
	must(t, err)
	must(t, old.Close())
	s := newSetup(t)
	for range 2 {
		g := s.gateway(t, path)
		got, err := g.db.Load(t.Context())
		must(t, err)
		if len(got.Projects) < 2 || got.Projects[0].ID != "9" || !got.Projects[0].Enabled || got.Projects[1].ID != "1" || got.Projects[1].Enabled ||
			len(got.Users) != 1 || len(got.Grants) != 1 {
			t.Fatalf("%+v", got)
		}
		root := g.mustLogin("root", "root")
		name := fmt.Sprint("another", len(got.Projects))
		g.must(201, "POST", "/projects", root, object{"project": object{"name": name}})
		if got, err = g.db.Load(t.Context()); err != nil || got.Projects[len(got.Projects)-1].Name != name {
			t.Fatalf("%+v %v", got.Projects, err)
		}
		must(t, g.db.Close())
	}
}
