package embedded

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// another returns the workers of a second process that uses the same database and the same
// directory, as on a shared file system.
func (r *rig) another() *jobs.Runner {
	runner := jobs.NewRunner(r.core, r.o.jobs())
	vs := volumes.New(r.core, runner, r.o.Quotas)
	backups.New(r.core, runner, vs, backups.Format{Compression: "zstd"}, backups.ScrubSchedule{}, time.Hour, backups.Copying{}, backups.Deletes{Rebases: r.o.DeleteParents})
	return runner
}

// expireLease ends the lease of the running restore. Its worker does not notice, as if it were
// paused: the clock that its heartbeat looks at stands still.
func (r *rig) expireLease() {
	r.t.Helper()
	check(r.t, r.core.Write(r.t.Context(), func(tx *meta.Tx) error {
		all, err := tx.Jobs()
		check(r.t, err)
		for _, j := range all {
			if j.Kind == volumes.RestoreJob && j.State == meta.Running {
				j.LeaseUntil = tx.Now.Add(-time.Second)
				return tx.PutJob(j)
			}
		}
		r.t.Fatal("no restore runs")
		return nil
	}))
}

func settleWith(t *testing.T, runner *jobs.Runner) {
	t.Helper()
	for {
		ran, err := runner.RunOne(context.WithoutCancel(t.Context()))
		check(t, err)
		if !ran {
			return
		}
	}
}

// filesOf returns the names of the files of a volume.
func (r *rig) filesOf(volumeID string) []string {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, core.VolumesDir, core.VolumePrefix+volumeID+"*"))
	check(r.t, err)
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// oneFile checks that nothing but the file in use is there.
func (r *rig) oneFile(volumeID string) {
	r.t.Helper()
	if files := r.filesOf(volumeID); len(files) != 1 || files[0] != filepath.Base(r.file(volumeID)) {
		r.t.Fatalf("the files are %s, the row has %s", files, r.file(volumeID))
	}
}

// A worker that restores is paused beyond its lease. Another one restores the backup, and a
// user writes to the volume. Then the first worker goes on. The user's bytes stay.
func TestPausedRestore(t *testing.T) {
	for name, existing := range map[string]bool{"to the volume": true, "to a new volume": false} {
		for part, at := range map[string]chunktest.Fault{
			"beginning": {Op: chunktest.Check}, "descriptions": {Op: chunktest.Get, Key: "_metadata"}, "data": {Op: chunktest.Get, Key: "-00001"},
		} {
			t.Run(name+", at the "+part, func(t *testing.T) {
				r := newRig(t)
				v := r.volume(alpha, 1)
				r.fill(v.ID, 1)
				b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
				r.settle()
				backedUp := r.digest(v.ID)
				r.fill(v.ID, 2)
				to := driver.RestoreTarget{}
				if existing {
					to = driver.ToVolume(v.ID)
				}
				other := r.another()
				target, written := "", ""
				fault := at
				fault.Do = func() {
					r.expireLease()
					settleWith(t, other)
					r.wantVolume(target, core.Available)
					if r.digest(target) != backedUp {
						t.Error("the second attempt restored other bytes")
					}
					r.fill(target, 3) // the user
					written = r.digest(target)
				}
				r.store.Inject(fault)
				restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, to)
				check(t, err)
				target = restore.VolumeID
				r.settle()
				if written == "" {
					t.Fatal("the worker was not paused")
				}
				r.wantVolume(target, core.Available)
				r.wantBackup(b.ID, driver.BackupAvailable)
				if r.digest(target) != written {
					t.Fatal("the paused worker has changed the volume")
				}
				r.oneFile(target)
			})
		}
	}
}

// A restore that fails leaves the volume's bytes, whenever it fails, and says so.
func TestFailedRestoreKeepsTheVolume(t *testing.T) {
	last := func(r *rig) string { // the last object that has data
		newest := ""
		for key, data := range r.store.Objects() {
			if strings.Contains(key, "-0") && len(data) > 1000 && !strings.Contains(key, "_sha256file") && !strings.Contains(key, "_metadata") {
				newest = max(newest, key)
			}
		}
		return newest
	}
	for name, damage := range map[string]func(r *rig, key string){
		"last object damaged": func(r *rig, key string) {
			data := bytes.Clone(r.store.Objects()[key])
			data[len(data)/2] ^= 1
			r.store.Set(key, data)
		},
		"last object cut short": func(r *rig, key string) { r.store.Set(key, r.store.Objects()[key][:1]) },
		"read error": func(r *rig, key string) {
			r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: key, Err: os.ErrPermission})
		},
		"died too often": func(r *rig, _ string) {
			check(r.t, r.core.Write(r.t.Context(), func(tx *meta.Tx) error {
				all, err := tx.Jobs()
				check(r.t, err)
				all[0].Attempts = r.o.MaxAttempts
				for n := 1; n <= all[0].Attempts; n++ {
					check(r.t, os.WriteFile(r.core.Files.Path(core.VolumeOutput(all[0], false).File(n)), []byte("half"), 0o600))
				}
				return tx.PutJob(all[0])
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.ChunkSize, o.BlockSize = 1<<20, 32<<10 })
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			r.fill(v.ID, 2)
			before := r.digest(v.ID)
			_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
			check(t, err)
			damage(r, last(r))
			r.settle()
			r.wantVolume(v.ID, core.ErrorRestoring)
			r.wantBackup(b.ID, driver.BackupAvailable)
			if r.digest(v.ID) != before {
				t.Fatal("the restore has changed the volume")
			}
			r.oneFile(v.ID)
			page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
			check(t, err)
			if len(page.Items) != 1 || !strings.HasPrefix(page.Items[0].UserMessage, "restore backup:") ||
				!strings.HasSuffix(page.Items[0].UserMessage, " The volume has the data that it had before.") {
				t.Fatalf("%+v", page.Items)
			}
			check(t, r.ActOnVolume(t.Context(), admin, v.ID, driver.ResetVolumeStatus{Status: core.Available}))
			r.reopen()
			r.wantVolume(v.ID, core.Available)
			if r.digest(v.ID) != before {
				t.Fatal("the volume's bytes are others after a restart")
			}
		})
	}
}

// A restore to a new volume that fails leaves no file that could be taken for data.
func TestFailedRestoreToNewVolumeLeavesNoFile(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
	check(t, err)
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: "-00001", Err: os.ErrPermission})
	r.settle()
	r.wantVolume(restore.VolumeID, core.ErrorRestoring)
	if files := r.filesOf(restore.VolumeID); len(files) > 0 {
		t.Fatal(files)
	}
	page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
	check(t, err)
	if len(page.Items) != 1 || strings.Contains(page.Items[0].UserMessage, "The volume has the data") {
		t.Fatalf("%+v", page.Items)
	}
}

// What lies beyond the backup's size stays, as in Cinder.
func TestRestoreKeepsTheRestOfALargerVolume(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	backedUp := r.digest(v.ID)
	check(t, r.ActOnVolume(t.Context(), alpha, v.ID, driver.ExtendVolume{Size: 2}))
	r.fill(v.ID, 2)
	write := func(text string, off int64) {
		f, err := os.OpenFile(r.file(v.ID), os.O_WRONLY, 0)
		check(t, err)
		_, err = f.WriteAt([]byte(text), off)
		check(t, err)
		check(t, f.Close())
	}
	write("inside", small-6)
	write("tail", small)
	write("end", 2*small-3)
	_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	r.settle()
	r.wantVolume(v.ID, core.Available)
	if r.digest(v.ID) != backedUp {
		t.Fatal("restored bytes differ")
	}
	got, err := os.ReadFile(r.file(v.ID))
	check(t, err)
	want := make([]byte, small)
	copy(want, "tail")
	copy(want[small-3:], "end")
	if len(got) != 2*small || !bytes.Equal(got[small:], want) || !bytes.Equal(got[small-6:small], make([]byte, 6)) {
		t.Fatal("the bytes around the backup's end differ")
	}
	r.oneFile(v.ID)
}

// A kill at each step of a restore to a volume. After the restart, the volume has either the
// old data or the restored data, and no other file remains.
func TestRestartDuringRestore(t *testing.T) {
	for _, step := range []string{"claimed", "half written", "written", "committed"} {
		for _, cancelled := range []bool{false, true} {
			if cancelled && step == "committed" {
				continue
			}
			t.Run(step+map[bool]string{true: ", then cancelled"}[cancelled], func(t *testing.T) {
				r := newRig(t)
				v := r.volume(alpha, 1)
				r.fill(v.ID, 1)
				b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
				r.settle()
				backedUp := r.digest(v.ID)
				r.fill(v.ID, 2)
				before := r.digest(v.ID)
				_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
				check(t, err)
				if step == "committed" { // the removal of the old file was queued, and did not run
					ran, err := r.RunOne(t.Context())
					check(t, err)
					if !ran || len(r.filesOf(v.ID)) != 2 {
						t.Fatal(r.filesOf(v.ID))
					}
				} else {
					var j *meta.Job
					check(t, r.core.Write(t.Context(), func(tx *meta.Tx) (err error) {
						j, err = tx.Claim("", "", time.Hour)
						return err
					}))
					attempt := r.core.Files.Path(core.VolumeOutput(j, false).File(1))
					if step != "claimed" {
						check(t, r.core.Files.CreateBlank(attempt, small))
					}
					if step == "written" {
						check(t, os.WriteFile(attempt, []byte("data"), 0o600))
					}
					r.reopen()
					if r.digest(v.ID) != before {
						t.Fatal("the volume has changed before the job has ended")
					}
				}
				if cancelled {
					check(t, r.ForceDeleteBackup(t.Context(), admin, b.ID))
				}
				r.reopen()
				r.settle()
				want := backedUp
				if cancelled {
					want = before
					r.wantVolume(v.ID, core.StatusError)
				} else {
					r.wantVolume(v.ID, core.Available)
				}
				if r.digest(v.ID) != want {
					t.Fatal("the volume has other bytes")
				}
				r.oneFile(v.ID)
				if _, err := os.Stat(filepath.Join(r.dir, core.LostFound)); err == nil {
					t.Fatal("a file was moved to lost+found")
				}
				check(t, r.DeleteVolume(t.Context(), admin, v.ID, driver.VolumeDelete{Force: true}))
				r.settle()
				if files := r.filesOf(v.ID); len(files) > 0 {
					t.Fatalf("left: %s", files)
				}
			})
		}
	}
}

// A file that no row and no job names is not removed. The database may be older than it.
func TestFileOfALaterAttemptIsSetAside(t *testing.T) {
	r := newRig(t, onDisk)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	check(t, r.Close())
	old, err := os.ReadFile(filepath.Join(r.dir, databaseFile))
	check(t, err)
	r.open()
	r.fill(v.ID, 2)
	_, err = r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
	check(t, err)
	r.settle()
	digest, name := r.digest(v.ID), filepath.Base(r.file(v.ID))
	if name == core.VolumePrefix+v.ID {
		t.Fatal("the restore wrote in place")
	}
	check(t, r.Close())
	check(t, os.WriteFile(filepath.Join(r.dir, databaseFile), old, 0o600))
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(r.dir, databaseFile+suffix))
	}
	r.open()
	r.wantVolume(v.ID, core.StatusError) // its own file was removed after the restore
	if !core.IsFile(filepath.Join(r.dir, core.LostFound, name)) {
		t.Fatalf("%s is not in lost+found", name)
	}
	// The operator removes the row and adopts the file.
	check(t, r.DeleteVolume(t.Context(), admin, v.ID, driver.VolumeDelete{}))
	r.settle()
	r.opts.Adopt = &Adoption{ProjectID: "alpha"}
	r.reopen()
	r.wantVolume(v.ID, core.Available)
	if r.digest(v.ID) != digest {
		t.Fatal("other bytes were adopted")
	}
}

// The database is lost. A volume that was restored is adopted. One with two files, of which
// only the database knew the right one, is reported, and nothing is lost.
func TestAdoptRestoredVolumes(t *testing.T) {
	r := newRig(t, onDisk)
	restored, twofold := r.volume(alpha, 1), r.volume(alpha, 1)
	digests := map[string]string{}
	for i, v := range []driver.Volume{restored, twofold} {
		r.fill(v.ID, uint64(i))
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		r.settle()
		_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
		check(t, err)
		r.settle()
		digests[v.ID] = r.digest(v.ID)
	}
	name := filepath.Base(r.file(twofold.ID))
	check(t, os.WriteFile(filepath.Join(r.dir, core.VolumesDir, core.VolumePrefix+twofold.ID), []byte("old"), 0o600))
	r.removeDatabase()
	var reports []Adopted
	r.opts.Adopt = &Adoption{ProjectID: "beta", Report: func(a Adopted) { reports = append(reports, a) }}
	r.open()
	r.wantVolume(restored.ID, core.Available)
	if r.digest(restored.ID) != digests[restored.ID] {
		t.Fatal("other bytes were adopted")
	}
	if _, err := r.GetVolume(t.Context(), admin, twofold.ID); driver.KindOf(err) != driver.NotFound {
		t.Fatal(err)
	}
	found := false
	for _, a := range reports {
		found = found || a.ID == twofold.ID && a.Status == "" && strings.Contains(a.Reason, name)
	}
	if !found {
		t.Fatalf("%+v", reports)
	}
	lost := filepath.Join(r.dir, core.LostFound)
	check(t, os.Rename(filepath.Join(lost, core.VolumePrefix+twofold.ID), filepath.Join(lost, "old")))
	r.reopen()
	r.wantVolume(twofold.ID, core.Available)
	if r.digest(twofold.ID) != digests[twofold.ID] {
		t.Fatal("other bytes were adopted")
	}
}

// A volume that somebody has open gets no other file, even if an admin has made it
// available.
func TestNoOtherFileForAnAttachedVolume(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(ctx, alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	r.settle()
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	check(t, r.ActOnVolume(ctx, alpha, v.ID, driver.AttachVolume{ServerID: "s", Device: "/dev/vdb"}))
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	if driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	check(t, r.ActOnVolume(ctx, admin, v.ID, driver.ResetVolumeStatus{Status: core.Available}))
	text := "Invalid volume: Volume " + v.ID + " must not be attached, but it has 1 attachments."
	_, err = r.RestoreBackup(ctx, alpha, b.ID, driver.ToVolume(v.ID))
	refused(t, err, driver.InvalidState, text)
	err = r.ActOnVolume(ctx, alpha, v.ID, driver.RevertVolume{SnapshotID: s.ID})
	refused(t, err, driver.InvalidState, text)
}
