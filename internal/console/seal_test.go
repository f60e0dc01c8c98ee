package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"cindergate/internal/console/sessions"
	"cindergate/internal/database"
)

// rows returns all values of a table.
func rows(t *testing.T, db *database.DB, table string) (all []string) {
	t.Helper()
	found, err := db.Reader.QueryContext(t.Context(), "SELECT * FROM "+table)
	must(t, err)
	defer found.Close()
	columns, err := found.Columns()
	must(t, err)
	for found.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		must(t, found.Scan(into...))
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			all = append(all, fmt.Sprint(v))
		}
	}
	must(t, found.Err())
	return all
}

// spellings are the ways in which bytes may be hidden in a text.
func spellings(secret []byte) map[string]string {
	return map[string]string{
		"as it is": string(secret), "hex": hex.EncodeToString(secret), "HEX": strings.ToUpper(hex.EncodeToString(secret)),
		"base64": strings.TrimRight(base64.StdEncoding.EncodeToString(secret), "="), "base64 of URLs": base64.RawURLEncoding.EncodeToString(secret),
		"base32": strings.TrimRight(base32.StdEncoding.EncodeToString(secret), "="),
	}
}

// What the database has is of no use to whoever reads it: no token, no id of a browser, no token of forms, no
// name and no message, however they are spelled.
func TestDatabaseHasNoSecrets(t *testing.T) { onShared(t, testDatabaseHasNoSecrets) }

func testDatabaseHasNoSecrets(t *testing.T, at string) {
	r := newRig(t, stored(t, at))
	b := r.login("demo")
	v := b.volume("photos")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.post("/ui/volumes/"+v+"/backup", url.Values{"name": {"a name in a message"}}) // it waits for the next page
	r.settle()
	s := b.session()
	if len(s.kept.Flashes) != 1 {
		t.Fatalf("%+v", s.kept.Flashes)
	}
	where, err := url.Parse(b.url + "/ui/")
	must(t, err)
	id := b.client.Jar.Cookies(where)[0].Value
	secrets := map[string]string{"token": s.kept.Token, "id": id, "token of forms": s.kept.Form, "user": s.kept.UserID, "project": s.kept.ProjectID, "message": "a name in a message"}

	db, err := database.Open(at)
	must(t, err)
	defer db.Close()
	values := rows(t, db, "console_sessions")
	if sum := sha256.Sum256([]byte(id)); len(values) < 5 || values[0] != hex.EncodeToString(sum[:]) {
		t.Fatalf("the row of the session: %q", values)
	}
	values = append(values, rows(t, db, "console_head")...)
	for _, v := range values[:len(values):len(values)] { // what is spelled in base64 or hexadecimal, too
		for _, decode := range []func(string) ([]byte, error){base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString, hex.DecodeString} {
			if b, err := decode(v); err == nil {
				values = append(values, string(b))
			}
		}
	}
	for what, secret := range secrets {
		of := [][]byte{[]byte(secret)}
		if b, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
			of = append(of, b)
		}
		for _, bytesOf := range of {
			for how, spelled := range spellings(bytesOf) {
				for _, v := range values {
					if strings.Contains(v, spelled) {
						t.Errorf("the database has the %s, %s", what, how)
					}
				}
			}
		}
	}
}

// A row that was changed or that belongs to another session lets nobody in, and breaks nothing. The log says
// so without what the row has.
func TestForeignRows(t *testing.T) { onShared(t, testForeignRows) }

func testForeignRows(t *testing.T, at string) {
	core, logged := observer.New(zap.WarnLevel)
	r := newRig(t, stored(t, at), func(o *Options) { o.Log = zap.New(core) })
	db, err := database.Open(at)
	must(t, err)
	defer db.Close()
	mine, other := r.begin("ann", time.Hour), r.begin("bob", time.Hour)
	key := func(id string) string { sum := sha256.Sum256([]byte(id)); return hex.EncodeToString(sum[:]) }
	column := func(name, id string) (value string) {
		must(t, db.Reader.QueryRowContext(t.Context(), "SELECT "+name+" FROM console_sessions WHERE key = $1", key(id)).Scan(&value))
		return value
	}
	sealed := column("sealed", mine)
	raw, err := base64.StdEncoding.DecodeString(sealed)
	must(t, err)
	flipped := bytes.Clone(raw)
	flipped[len(flipped)/2] ^= 1
	for how, set := range map[string]string{
		"another user":           "user_id = '" + column("user_id", other) + "'",
		"a later end":            "ends = ends + 1",
		"what another one has":   "sealed = '" + column("sealed", other) + "'",
		"a flipped bit":          "sealed = '" + base64.StdEncoding.EncodeToString(flipped) + "'",
		"a part":                 "sealed = '" + base64.StdEncoding.EncodeToString(raw[:20]) + "'",
		"few bytes":              "sealed = 'QUFB'",
		"nothing":                "sealed = ''",
		"a text":                 "sealed = '{\"token\":\"t\"}'",
		"times beyond reason":    "ends = 9223372036854775807, used = 9223372036854775807",
		"times before all times": "ends = 9223372036854775807, used = -9223372036854775808",
	} {
		row := []any{column("user_id", mine), column("used", mine), column("ends", mine), sealed, key(mine)}
		_, err := db.Writer.ExecContext(t.Context(), "UPDATE console_sessions SET "+set+" WHERE key = $1", key(mine))
		must(t, err)
		before := logged.Len()
		if r.find(mine) != nil {
			t.Errorf("%s: the session is there", how)
		}
		if told := logged.All()[before:]; how != "times before all times" && (len(told) != 1 || strings.Contains(fmt.Sprint(told), mine)) {
			t.Errorf("%s: the log says %v", how, told)
		}
		_, err = db.Writer.ExecContext(t.Context(), "UPDATE console_sessions SET user_id = $1, used = CAST($2 AS BIGINT), ends = CAST($3 AS BIGINT), sealed = $4 WHERE key = $5", row...)
		must(t, err)
		if r.find(mine) == nil {
			t.Fatalf("%s: the session is not there again", how)
		}
	}
	if r.find(other) == nil {
		t.Error("the other session is not there")
	}
	if r.find(mine[:len(mine)-1]) != nil || r.find(strings.Repeat("A", idLength)) != nil {
		t.Error("an id that is none finds a session")
	}
}

// Messages are bounded, so that what is kept always has room, and what they say is not cut in the middle of a
// character or of a command.
func TestMessagesAreBounded(t *testing.T) {
	r := newRig(t)
	s := r.find(r.begin("ann", time.Hour))
	long := strings.Repeat("\x01", maxFlash-1) + strings.Repeat("é", maxFlash)
	for range 10 {
		must(t, r.c.sessions.change(t.Context(), s, func(st *kept) {
			st.tell([]flash{{Text: long, Command: long}, {Text: "ok", Command: strings.Repeat("\x01", maxFlash)}, {Text: "short"}})
		}))
	}
	if n := len(s.kept.Flashes); n == 0 || n > maxFlashes {
		t.Fatalf("%d messages", n)
	}
	if f := s.kept.Flashes[0]; f.Text != long[:maxFlash-1]+" …" || f.Command != "" {
		t.Errorf("%q, %d bytes", f.Text[maxFlash-3:], len(f.Command))
	}
	if _, err := r.c.sessions.begin(t.Context(), kept{Token: strings.Repeat("t", sessions.MaxSealed/4)}, start.Add(time.Hour)); !isStatus(err, http.StatusBadRequest) {
		t.Errorf("a token that is too long: %v", err)
	}
}
