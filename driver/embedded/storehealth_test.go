package embedded

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/marker"
)

// wantStore runs the check of a store. problem is in the error; "": it is well.
func (r *rig) wantStore(name, problem string) {
	r.t.Helper()
	err := r.StoreChecks()[name](r.t.Context())
	var shown *driver.Error
	switch {
	case problem == "" && err == nil:
	case problem == "" || !errors.As(err, &shown) || shown.Kind != driver.Unavailable || !strings.Contains(shown.Message, problem):
		r.t.Errorf("store %s: %v, want %q", name, err, problem)
	}
}

// A check of stores finds what is wrong with each, and changes nothing: a store that was never used is
// not marked, and its container is not made.
func TestStoreHealth(t *testing.T) {
	server := chunktest.NewS3(t)
	disk := filepath.Join(t.TempDir(), "disk")
	check(t, os.Mkdir(disk, 0o700))
	r := newRig(t, withS3(t, server), func(o *Options) {
		o.Stores["disk"] = BackupStore{Dir: disk}
	})
	for _, name := range []string{"archive", "disk", "local"} {
		r.wantStore(name, "")
	}
	for _, q := range server.Requests() {
		if method, _, _ := strings.Cut(q, " "); method != http.MethodHead && method != http.MethodGet {
			t.Errorf("the check of an unused store sends %s", q)
		}
	}
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	r.wantStore("archive", "")

	server.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	r.wantStore("archive", "Backup store archive refused to")
	server.Heal()
	server.Intercept(func(w http.ResponseWriter, _ *http.Request) bool { // what a store says is no format
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>Only100%d</Code></Error>"))
		return true
	})
	r.wantStore("archive", ": it answered 403 Only100%d. It takes")
	server.Heal()
	server.Set("volumebackups", marker.Name, []byte("another\n"))
	r.wantStore("archive", "is not the one that was used before")
	server.Drop("volumebackups")
	r.wantStore("archive", "it was deleted, or another store is configured")
	check(t, os.Rename(disk, disk+".away"))
	r.wantStore("disk", "The backup store disk is not there")
	r.wantStore("local", "")

	// After a start nothing has used the store, but its marker is known: a container that is missing is
	// no new store.
	check(t, os.Rename(disk+".away", disk))
	r.reopen()
	r.wantStore("archive", "it was deleted, or another store is configured")
	r.wantStore("disk", "")
}

// A store with an account for each project is as well as its login.
func TestStoreHealthOfAccounts(t *testing.T) {
	p := newPerUser(t)
	p.wantStore("own", "")
	p.keystone.Assign("gateway", "another secret", "service", "service")
	p.wantStore("own", "Backup store own could not log in")
}
