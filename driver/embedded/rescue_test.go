package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
)

// A new data directory knows every backup of a store again: their owners, names and chains,
// and their bytes.
func TestRescue(t *testing.T) {
	disk := t.TempDir()
	stores := func(o *Options) {
		o.Stores = map[string]BackupStore{"archive": {Dir: disk}}
		o.DefaultStore = "archive"
	}
	lost := newRig(t, stores)
	owners := []driver.Caller{
		{ProjectID: "11111111111111111111111111111111", UserID: "u1", Role: driver.Member},
		{ProjectID: "22222222222222222222222222222222", UserID: "u2", Role: driver.Member},
	}
	type made struct {
		driver.Backup
		digest string
	}
	var all []made
	for i, who := range owners {
		v := lost.volume(who, 1)
		for n := range 3 {
			lost.fill(v.ID, uint64(10*i+n))
			name := fmt.Sprintf("b%d of %s", n, who.UserID)
			b := lost.backup(who, driver.BackupSpec{VolumeID: v.ID, Name: &name, Incremental: n > 0})
			lost.settle()
			all = append(all, made{lost.wantBackup(b.ID, driver.BackupAvailable), lost.digest(v.ID)})
		}
	}
	spoiled := all[len(all)-1]
	metadata, err := filepath.Glob(filepath.Join(disk, "*", "*", "*", "*"+spoiled.ID+"_sha256file"))
	check(t, err)
	if len(metadata) != 1 {
		t.Fatal(metadata)
	}
	check(t, os.WriteFile(metadata[0], []byte("{}"), 0o600))

	found := anotherRig(t, stores)
	if err := found.Rescue(t.Context(), Rescue{Store: "other"}); err == nil {
		t.Error("a store that is not configured")
	}
	got := map[string]Adopted{}
	check(t, found.Rescue(t.Context(), Rescue{Store: "archive", Report: func(a Adopted) { got[a.ID] = a }}))
	for _, b := range all[:len(all)-1] {
		after := found.wantBackup(b.ID, driver.BackupAvailable)
		if got[b.ID].Status != "available" || *after.Name != *b.Name || after.ProjectID != b.ProjectID || after.ParentID != b.ParentID ||
			after.Size != b.Size || after.VolumeID != b.VolumeID || !after.CreatedAt.Equal(b.CreatedAt) {
			t.Errorf("%+v\n%+v\n%+v", got[b.ID], after, b)
		}
		who := driver.Caller{ProjectID: b.ProjectID, UserID: "u", Role: driver.Member}
		restore, err := found.RestoreBackup(t.Context(), who, b.ID, driver.RestoreTarget{})
		check(t, err)
		found.settle()
		found.wantVolume(restore.VolumeID, core.Available)
		if found.digest(restore.VolumeID) != b.digest {
			t.Error("other bytes")
		}
	}
	count := 0
	check(t, found.Rescue(t.Context(), Rescue{Store: "archive", Report: func(a Adopted) {
		count++
		if a.Status != "" || a.Reason == "" {
			t.Errorf("%+v", a)
		}
	}}))
	if count != 1 {
		t.Errorf("%d", count)
	}
}

// A project that is named becomes the owner of all.
func TestRescueForOneProject(t *testing.T) {
	disk := t.TempDir()
	stores := func(o *Options) {
		o.Stores = map[string]BackupStore{"archive": {Dir: disk}}
		o.DefaultStore = "archive"
	}
	lost := newRig(t, stores)
	v := lost.volume(alpha, 1) // not an id of the API
	b := lost.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	lost.settle()
	found := anotherRig(t, stores)
	check(t, found.Rescue(t.Context(), Rescue{Store: "archive", Report: func(a Adopted) {
		if a.Status != "" || a.Reason != "Its metadata does not say which project it belongs to. Name a project." {
			t.Errorf("%+v", a)
		}
	}}))
	check(t, found.Rescue(t.Context(), Rescue{Store: "archive", ProjectID: "abc"}))
	if got := found.wantBackup(b.ID, driver.BackupAvailable); got.ProjectID != "abc" {
		t.Error(got.ProjectID)
	}
}

// A store that is away is no empty store.
func TestRescueFromAStoreThatIsAway(t *testing.T) {
	r := newRig(t)
	r.store.Inject(chunktest.Fault{Op: chunktest.Check, Err: os.ErrNotExist})
	if err := r.Rescue(t.Context(), Rescue{Store: LocalStore}); err == nil {
		t.Error("no error")
	}
	r.store.Inject(chunktest.Fault{Op: chunktest.List, Err: os.ErrDeadlineExceeded})
	if err := r.Rescue(t.Context(), Rescue{Store: LocalStore}); err == nil {
		t.Error("no error")
	}
}
