package embedded

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
)

// onDisk uses the default store instead of one in memory.
func onDisk(o *Options) { o.Store = nil }

// removeDatabase removes the database as a mistaken operator would.
func (r *rig) removeDatabase() {
	r.t.Helper()
	check(r.t, r.Close())
	names, err := filepath.Glob(filepath.Join(r.dir, databaseFile+"*"))
	check(r.t, err)
	for _, name := range names {
		check(r.t, os.Remove(name))
	}
}

// refusedToOpen opens the data directory, and expects an error with the text.
func (r *rig) refusedToOpen(text string) {
	r.t.Helper()
	d, err := Open(r.t.Context(), r.opts)
	if err == nil {
		_ = d.Close()
		r.t.Fatal("it was opened")
	}
	if !strings.Contains(err.Error(), text) {
		r.t.Fatalf("%v does not say %q", err, text)
	}
}

// tree returns the content of the directories of volumes, snapshots and backups.
func (r *rig) tree() string {
	r.t.Helper()
	var all []string
	for _, sub := range []string{core.VolumesDir, core.SnapshotsDir, backupsDir, core.LostFound} {
		_ = filepath.WalkDir(filepath.Join(r.dir, sub), func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				all = append(all, strings.TrimPrefix(path, r.dir+"/"))
			}
			return nil
		})
	}
	return strings.Join(all, "\n")
}

// A lost or empty database does not become a new installation. Nothing is changed, and the
// error explains how to recover.
func TestLostDatabaseIsRefused(t *testing.T) {
	for name, empty := range map[string]bool{"missing": false, "empty": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, onDisk)
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			before, digest := r.tree(), r.digest(v.ID)
			r.removeDatabase()
			if empty {
				check(t, os.WriteFile(filepath.Join(r.dir, databaseFile), nil, 0o600))
			}
			r.refusedToOpen("cindergate adopt --data")
			r.refusedToOpen("serve --adopt")
			if r.tree() != before || r.digest(v.ID) != digest {
				t.Fatal("something has changed")
			}
			if st, err := os.Stat(filepath.Join(r.dir, databaseFile)); err == nil && st.Size() > 0 {
				t.Fatal("a database was made")
			}
		})
	}
	t.Run("without files", func(t *testing.T) {
		r := newRig(t, onDisk)
		r.removeDatabase()
		r.refusedToOpen("the marker of the installation")
	})
	t.Run("of a version without markers", func(t *testing.T) {
		r := newRig(t, onDisk)
		v := r.volume(alpha, 1)
		r.removeDatabase()
		removeMarkers(t, r.dir)
		r.refusedToOpen("1 in volumes/")
		if !core.IsFile(r.file(v.ID)) {
			t.Fatal("the volume is gone")
		}
	})
}

func removeMarkers(t *testing.T, dir string) {
	t.Helper()
	for _, sub := range []string{"", core.VolumesDir, core.SnapshotsDir, backupsDir} {
		if err := os.Remove(filepath.Join(dir, sub, marker.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

// Files that an older database does not know are moved to lost+found unchanged, and can be
// adopted.
func TestFilesWithoutRows(t *testing.T) {
	counted := &strays{}
	r := newRig(t, onDisk, func(o *Options) { o.Observer = counted })
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	r.fill(v.ID, 1)
	digest := r.digest(v.ID)
	forget(t, r, v.ID, s.ID)
	r.reopen()
	if _, err := r.GetVolume(t.Context(), admin, v.ID); driver.KindOf(err) != driver.NotFound {
		t.Fatal(err)
	}
	lost := filepath.Join(r.dir, core.LostFound)
	if !core.IsFile(filepath.Join(lost, "volume-"+v.ID)) || !core.IsFile(filepath.Join(lost, "snapshot-"+s.ID)) {
		t.Fatalf("not in lost+found:\n%s", r.tree())
	}
	if *counted != (strays{1, 1}) {
		t.Fatalf("counted %+v", *counted)
	}

	var adopted []Adopted
	r.opts.Adopt = &Adoption{ProjectID: "beta", Report: func(a Adopted) { adopted = append(adopted, a) }}
	r.reopen()
	got := r.wantVolume(v.ID, core.Available)
	if got.ProjectID != "beta" || got.Size != 1 || r.digest(v.ID) != digest {
		t.Fatalf("%+v", got)
	}
	if len(adopted) != 2 || adopted[0].ID != v.ID || adopted[1].ID != s.ID || adopted[1].Status != "" || adopted[1].Reason == "" {
		t.Fatalf("%+v", adopted)
	}
}

type strays struct{ volumes, snapshots int }

func (s *strays) JobDone(string, string, int64, time.Duration) {}
func (s *strays) Scrubbed(string, int64)                       {}
func (s *strays) PolicyRun(string)                             {}

func (s *strays) StrayFile(kind string) {
	if kind == "volume" {
		s.volumes++
	} else {
		s.snapshots++
	}
}

// forget removes rows that an older copy of the database would not have.
func forget(t *testing.T, r *rig, volumeID, snapshotID string) {
	t.Helper()
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
		return errors.Join(tx.RemoveSnapshot(snapshotID), tx.RemoveVolume(volumeID))
	}))
}

// forgetInstallation turns a closed database into one of a version without markers.
func forgetInstallation(t *testing.T, r *rig) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(r.dir, databaseFile))
	check(t, err)
	_, err = db.ExecContext(t.Context(), "DELETE FROM installation")
	check(t, errors.Join(err, db.Close()))
}

// An existing file in lost+found is never replaced.
func TestLostFoundReplacesNothing(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		check(t, os.WriteFile(r.file("stray"), []byte{byte(i)}, 0o600))
		r.reopen()
	}
	for i, name := range []string{"volume-stray", "volume-stray.1", "volume-stray.2"} {
		got, err := os.ReadFile(filepath.Join(r.dir, core.LostFound, name))
		if err != nil || len(got) != 1 || got[0] != byte(i) {
			t.Fatalf("%s: %v %v", name, got, err)
		}
	}
}

// The rows of a lost database are recreated from the files: volumes, and backups with their
// chain.
func TestAdopt(t *testing.T) {
	r := newRig(t, onDisk)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	name := "monday"
	full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Name: &name})
	r.settle()
	r.fill(v.ID, 2)
	inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true, Container: "own/place"})
	r.settle()
	damaged := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	row := r.row(damaged.ID)
	check(t, os.Remove(filepath.Join(r.dir, backupsDir, r.container(row), row.ServiceMetadata+"-00001")))
	digest := r.digest(v.ID)
	check(t, os.Truncate(r.file(v.ID), small-5))
	r.removeDatabase()
	r.opts.Adopt = &Adoption{ProjectID: "beta"}
	r.open()
	r.wantVolume(v.ID, core.Available)
	if st, err := os.Stat(r.file(v.ID)); err != nil || st.Size() != small {
		t.Fatal(st, err)
	}
	r.opts.Adopt = nil
	r.reopen() // the marker matches the new database
	got := r.wantBackup(full.ID, driver.BackupAvailable)
	if got.ProjectID != "beta" || *got.Name != name || got.VolumeID != v.ID || got.Size != 1 || !got.HasDependents ||
		got.CreatedAt.Unix() != full.CreatedAt.Unix() || got.ObjectCount == 0 {
		t.Fatalf("%+v", got)
	}
	if got := r.wantBackup(damaged.ID, driver.BackupError); !strings.Contains(got.FailReason, "is missing") {
		t.Fatal(got.FailReason)
	}
	if got := r.wantBackup(inc.ID, driver.BackupAvailable); got.ParentID != full.ID || got.Container != "own/place" {
		t.Fatalf("%+v", got)
	}
	restore, err := r.RestoreBackup(t.Context(), admin, inc.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	if r.wantVolume(restore.VolumeID, core.Available); r.digest(restore.VolumeID) != digest {
		t.Fatal("restored bytes differ")
	}
}

// A volume that has a row but no file is not available.
func TestRowsWithoutFiles(t *testing.T) {
	r := newRig(t)
	v, other := r.volume(alpha, 1), r.volume(alpha, 1)
	check(t, os.Remove(r.file(v.ID)))
	r.reopen()
	r.wantVolume(v.ID, core.StatusError)
	r.wantVolume(other.ID, core.Available)
	page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || !strings.Contains(page.Items[0].UserMessage, core.MissingFile) {
		t.Fatalf("%+v", page.Items)
	}
}

// A directory that is not mounted is an error, and is not created again.
func TestUnmountedDirectoriesAreRefused(t *testing.T) {
	for _, sub := range []string{core.VolumesDir, core.SnapshotsDir, backupsDir} {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, mount point: %v", sub, there), func(t *testing.T) {
				r := newRig(t, onDisk)
				r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
				r.settle()
				check(t, r.Close())
				dir, away := filepath.Join(r.dir, sub), filepath.Join(t.TempDir(), "away")
				check(t, os.Rename(dir, away))
				if there { // an empty mount point
					check(t, os.Mkdir(dir, 0o750))
				}
				before := r.tree()
				r.refusedToOpen("is it mounted?")
				if r.tree() != before {
					t.Fatalf("made anew:\n%s", r.tree())
				}
				_ = os.Remove(dir)
				check(t, os.Rename(away, dir))
				r.open()
				check(t, r.Check(t.Context()))
			})
		}
	}
	t.Run("another installation's", func(t *testing.T) {
		r := newRig(t, onDisk)
		check(t, r.Close())
		check(t, os.WriteFile(filepath.Join(r.dir, backupsDir, marker.Name), []byte("other\n"), 0o600))
		r.refusedToOpen("belongs to the installation other")
		check(t, os.WriteFile(filepath.Join(r.dir, backupsDir, marker.Name), []byte(r.core.Files.ID+"\n"), 0o600))
		r.open()
	})
	t.Run("the configured installation", func(t *testing.T) {
		r := newRig(t, onDisk)
		id := r.core.Files.ID
		check(t, r.Close())
		r.opts.Installation = "another"
		r.refusedToOpen("not to another")
		r.opts.Installation = id
		r.opts.DataDir = t.TempDir()
		r.refusedToOpen("is the directory mounted?")
		r.opts.DataDir = filepath.Join(t.TempDir(), "none")
		r.refusedToOpen("no such file")
		r.opts.DataDir = r.dir
		r.open()
	})
}

// An installation of a version without markers gets markers, unless its data is missing.
func TestUpgradeMarks(t *testing.T) {
	r := newRig(t, onDisk)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
	r.settle()
	check(t, r.Close())
	forgetInstallation(t, r)
	removeMarkers(t, r.dir)
	dir, away := filepath.Join(r.dir, backupsDir), filepath.Join(t.TempDir(), "away")
	check(t, os.Rename(dir, away))
	r.refusedToOpen("in backups/, which is empty")
	check(t, os.Rename(away, dir))
	r.open()
	check(t, r.Check(t.Context()))
	r.wantBackup(b.ID, driver.BackupAvailable)
	for _, sub := range []string{"", core.VolumesDir, core.SnapshotsDir, backupsDir} {
		check(t, marker.Check(filepath.Join(r.dir, sub), r.core.Files.ID))
	}
}

// While the store is not mounted, no row is deleted, and nothing is written in its place.
func TestStoreAwayWhileRunning(t *testing.T) {
	r := newRig(t, onDisk)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	dir, away := filepath.Join(r.dir, backupsDir), filepath.Join(t.TempDir(), "away")
	check(t, os.Rename(dir, away))
	check(t, os.Mkdir(dir, 0o750))
	if err := r.Check(t.Context()); driver.KindOf(err) != driver.Unavailable {
		t.Fatal(err)
	}
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	other := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	if got := r.wantBackup(b.ID, driver.BackupError); !strings.Contains(got.FailReason, "not there") {
		t.Fatal(got.FailReason)
	}
	r.wantBackup(other.ID, driver.BackupError)
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Fatalf("written beside the store: %v", left)
	}
	check(t, os.Remove(dir))
	check(t, os.Rename(away, dir))
	check(t, r.Check(t.Context()))
	check(t, r.Ready(t.Context()))
	restore, err := r.RestoreBackup(t.Context(), admin, b.ID, driver.RestoreTarget{})
	if err == nil {
		t.Fatal(restore, "a backup in error was restored")
	}
	check(t, r.ResetBackupStatus(t.Context(), admin, b.ID, driver.BackupAvailable)) // its data is complete
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	check(t, r.DeleteBackup(t.Context(), alpha, other.ID))
	r.settle()
	if left, _ := os.ReadDir(dir); len(left) != 1 { // only the marker
		t.Fatalf("left: %v", left)
	}
}

// While the volumes' directory is not mounted, no volume is created or considered deleted.
func TestVolumesAwayWhileRunning(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	dir, away := filepath.Join(r.dir, core.VolumesDir), filepath.Join(t.TempDir(), "away")
	check(t, os.Rename(dir, away))
	check(t, os.Mkdir(dir, 0o750))
	for _, err := range []error{r.Check(t.Context()), r.Ready(t.Context())} {
		if driver.KindOf(err) != driver.Unavailable {
			t.Fatal(err)
		}
	}
	made := r.volume(alpha, 1)
	r.wantVolume(made.ID, core.StatusError)
	check(t, r.DeleteVolume(t.Context(), alpha, v.ID, driver.VolumeDelete{}))
	r.settle()
	r.wantVolume(v.ID, core.ErrorDeleting)
	check(t, os.Remove(dir)) // the directory must be empty
	check(t, os.Rename(away, dir))
	check(t, r.DeleteVolume(t.Context(), admin, v.ID, driver.VolumeDelete{Force: true}))
	r.settle()
	if core.IsFile(r.file(v.ID)) {
		t.Fatal("the file is left")
	}
}

// A container name that no file system accepts has no objects, so its backup can be
// deleted.
func TestContainerTooLong(t *testing.T) {
	r := newRig(t, onDisk)
	v := r.volume(alpha, 1)
	for _, name := range []string{strings.Repeat("é", 200), strings.Repeat("d/", 120) + "x" + strings.Repeat("y", 300)} {
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Container: name})
		r.settle()
		got := r.wantBackup(b.ID, driver.BackupError)
		if !strings.Contains(got.FailReason, "longer than the backup store allows") {
			t.Fatal(got.FailReason)
		}
		check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
		r.settle()
		if _, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
			t.Fatal(err)
		}
		r.wantVolume(v.ID, core.Available)
	}
}

// Only the owner can read the database and SQLite's other files.
func TestDatabaseMode(t *testing.T) {
	r := newRig(t)
	r.volume(alpha, 1)
	names, err := filepath.Glob(filepath.Join(r.dir, databaseFile+"*"))
	check(t, err)
	if len(names) != 3 {
		t.Fatal(names)
	}
	for _, name := range names {
		st, err := os.Stat(name)
		check(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v", name, st.Mode())
		}
	}
}

// A store whose check fails is not considered empty.
func TestStoreCheckFails(t *testing.T) {
	r := newRig(t)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
	r.settle()
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.store.Inject(chunktest.Fault{Op: chunktest.Check, Err: errors.New("away")})
	before := len(r.store.Objects())
	r.settle()
	r.wantBackup(b.ID, driver.BackupError)
	if len(r.store.Objects()) != before {
		t.Fatal("objects were deleted")
	}
}
