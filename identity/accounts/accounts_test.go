package accounts

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"cindergate/identity"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

// What is saved is there after the database has been opened again; what is deleted is not.
func TestKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?#%.db")
	db, err := Open(t.Context(), path)
	must(t, err)
	ctx := t.Context()
	red := identity.Project{ID: "1", Name: "red", Description: "d", Enabled: true, Tags: []string{"a"}, Extra: map[string]any{"n": 1.5}}
	blue := identity.Project{ID: "2", Name: "blue", Tags: []string{}, Extra: map[string]any{}}
	ann := identity.Account{ID: "3", Name: "ann", PasswordHash: "h", DefaultProject: "1", Enabled: true, Extra: map[string]any{"email": "a@b"}}
	bob := identity.Account{ID: "4", Name: "bob", Extra: map[string]any{}}
	for _, p := range []identity.Project{red, blue} {
		must(t, db.At("").SaveProject(ctx, p))
	}
	for _, u := range []identity.Account{ann, bob} {
		must(t, db.At("").SaveUser(ctx, u))
	}
	kept, gone, alsoGone := identity.Grant{UserID: "3", ProjectID: "1", Role: "member"}, identity.Grant{UserID: "3", ProjectID: "1", Role: "admin"},
		identity.Grant{UserID: "4", ProjectID: "1", Role: "member"}
	third := identity.Grant{UserID: "3", ProjectID: "2", Role: "member"}
	for _, g := range []identity.Grant{kept, gone, alsoGone, third, kept} {
		must(t, db.At("").SaveGrant(ctx, g))
	}
	red.Name, ann.Enabled = "crimson", false
	must(t, db.At("").SaveProject(ctx, red))
	must(t, db.At("").SaveUser(ctx, ann))
	must(t, db.At("").DeleteGrant(ctx, gone))
	must(t, db.At("").DeleteUser(ctx, bob.ID))
	must(t, db.At("").DeleteProject(ctx, blue.ID))
	must(t, db.Close())
	got, err := open(t, path).Load(ctx)
	must(t, err)
	want := identity.Accounts{Projects: []identity.Project{red}, Users: []identity.Account{ann}, Grants: []identity.Grant{kept}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// A second process, and an older program, are refused.
func TestOneProcessOfTheRightVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "identity.db")
	db, err := Open(t.Context(), path)
	must(t, err)
	if second, err := Open(t.Context(), path); err == nil {
		t.Errorf("it was opened twice: %v", second.Close())
	}
	_, err = db.sql.Writer.ExecContext(context.Background(), "PRAGMA user_version = 99")
	must(t, err)
	must(t, db.Close())
	if newer, err := Open(t.Context(), path); err == nil {
		t.Errorf("a newer schema was opened: %v", newer.Close())
	}
}
