package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// fakeCopier is a copier to the backends west and north.
type fakeCopier struct {
	ids     int
	begin   bool  // whether an attempt makes something before it ends
	fail    error // of the next attempts
	abort   error
	during  func(driver.Copy)
	copies  []driver.Copy
	aborted []string
	forgot  []string
}

func (c *fakeCopier) Check(backend string) error {
	if backend == "west" || backend == "north" {
		return nil
	}
	return driver.Errorf(driver.InvalidInput, "there is no backend %s", backend)
}

func (c *fakeCopier) NewID() string { c.ids++; return fmt.Sprintf("%010x", c.ids) }

func (c *fakeCopier) Copy(ctx context.Context, job driver.Copy) (driver.Copied, error) {
	if err := c.Check(job.To); err != nil {
		return driver.Copied{}, err
	}
	c.copies = append(c.copies, job)
	if c.begin || c.fail == nil {
		if err := job.Begin(ctx); err != nil {
			return driver.Copied{}, err
		}
	}
	if c.during != nil {
		c.during(job)
	}
	if err := errors.Join(c.fail, ctx.Err()); err != nil {
		return driver.Copied{}, err
	}
	return driver.Copied{ID: "copy-" + job.ID}, nil
}

func (c *fakeCopier) Abort(_ context.Context, id, _ string) error {
	c.aborted = append(c.aborted, id)
	return c.abort
}

func (c *fakeCopier) Forget(id string) { c.forgot = append(c.forgot, id) }

func copyRig(t *testing.T) (*rig, *fakeCopier) {
	c := &fakeCopier{}
	return newRig(t, func(o *Options) { o.Copier, o.CopyAttempts, o.CopyPause = c, 3, time.Minute }), c
}

func (r *rig) copyRows() (rows []*meta.Copy) {
	r.t.Helper()
	check(r.t, r.core.Read(r.t.Context(), func(tx *meta.Tx) (err error) {
		rows, err = tx.CopiesIn(meta.CopyQueued, meta.CopyCopying, meta.CopyAvailable, meta.CopyError, meta.CopyRemoving)
		return err
	}))
	return rows
}

// wantCopy checks what the metadata of a backup says about its copy.
func (r *rig) wantCopy(id, status, failure string) map[string]string {
	r.t.Helper()
	m := r.getBackup(id).Metadata
	if m[driver.CopyStatus] != status || m[driver.CopyError] != failure {
		r.t.Fatalf("the metadata is %v; want the status %q and the error %q", m, status, failure)
	}
	return m
}

func (r *rig) setMetadata(id string, metadata map[string]string) {
	r.t.Helper()
	_, err := r.UpdateBackup(r.t.Context(), alpha, id, driver.BackupPatch{Metadata: driver.Some(metadata)})
	check(r.t, err)
}

func (r *rig) backupTo(volumeID, backend string) driver.Backup {
	return r.backup(alpha, driver.BackupSpec{VolumeID: volumeID, Metadata: map[string]string{driver.CopyTo: backend}})
}

// A backend that cannot be reached is tried again with pauses that grow, a bounded number of
// times; another failure is final at once. What was made is removed then.
func TestCopyFails(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	c.fail, c.begin = driver.Wrap(driver.Unavailable, errors.New("secret detail"), "The backend west is away."), true
	b := r.backupTo(v.ID, "west")
	r.wantCopy(b.ID, "queued", "")
	r.settle()
	for tries, pause := range []time.Duration{time.Minute, 2 * time.Minute} {
		r.wantCopy(b.ID, "queued", "The backend west is away.")
		r.clock.Add(pause - time.Second)
		r.settle()
		if len(c.copies) != tries+1 {
			t.Fatalf("%d attempts after %d and a pause that has not passed", len(c.copies), tries+1)
		}
		r.clock.Add(time.Second)
		r.settle()
	}
	r.wantCopy(b.ID, "error", "The backend west is away.")
	if len(c.copies) != 3 || len(c.aborted) != 1 || r.copyRows()[0].Started {
		t.Errorf("%d attempts, aborted %v, row %+v", len(c.copies), c.aborted, r.copyRows()[0])
	}
	if got := r.getBackup(b.ID); got.Status != driver.BackupAvailable || got.FailReason != "" {
		t.Errorf("the backup is %+v", got)
	}
	// Set again, it is tried again; another kind of failure is final.
	c.fail, c.begin = driver.Errorf(driver.InvalidState, "%s", strings.Repeat("é", 300)), false
	r.setMetadata(b.ID, map[string]string{driver.CopyTo: "west", "mine": "1"})
	r.wantCopy(b.ID, "queued", "")
	r.settle()
	if m := r.getBackup(b.ID).Metadata; m[driver.CopyStatus] != "error" || len([]rune(m[driver.CopyError])) != 255 || m["mine"] != "1" {
		t.Errorf("the metadata is %v", m)
	}
	if len(c.copies) != 4 || len(c.aborted) != 1 {
		t.Errorf("%d attempts, aborted %v", len(c.copies), c.aborted)
	}
	c.fail = nil
	r.setMetadata(b.ID, map[string]string{driver.CopyTo: "west"})
	r.settle()
	if m := r.wantCopy(b.ID, "available", ""); m[driver.CopyID] != "copy-"+c.copies[4].ID || len(m) != 3 {
		t.Errorf("the metadata is %v", m)
	}
}

// While it is copied, a backup shows how far that is, can be restored, and be changed: what
// clients send of the gateway's own metadata does not count.
func TestCopyProgress(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	var b driver.Backup
	c.during = func(job driver.Copy) {
		updated := r.getBackup(b.ID).UpdatedAt
		job.Progress(driver.CopyingProgress{Percent: 40, Waits: "waiting for west"})
		m := r.wantCopy(b.ID, "copying", "")
		if m[driver.CopyProgress] != "40%, waiting for west" || !r.getBackup(b.ID).UpdatedAt.Equal(updated) {
			t.Errorf("the metadata is %v", m)
		}
		forged := maps.Clone(m)
		forged[driver.CopyStatus], forged[driver.CopyID], forged["k"] = "available", "x", "v"
		r.setMetadata(b.ID, forged)
		m["k"] = "v"
		if now := r.getBackup(b.ID).Metadata; !maps.Equal(now, m) {
			t.Errorf("the metadata is %v, not %v", now, m)
		}
		_, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.ToVolume(v.ID))
		check(t, err)
	}
	b = r.backupTo(v.ID, "west")
	r.settle()
	r.wantCopy(b.ID, "available", "")
	r.wantBackup(b.ID, driver.BackupAvailable)
	r.wantVolume(v.ID, core.Available)
}

// A copy that is not wanted any more is not made, and what it has made is removed.
func TestCopyEnds(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	remove := func(id string) { r.setMetadata(id, map[string]string{}) }
	change := func(id string) { r.setMetadata(id, map[string]string{driver.CopyTo: "north"}) }
	deleted := func(id string) { check(t, r.DeleteBackup(t.Context(), alpha, id)) }
	forced := func(id string) { check(t, r.ForceDeleteBackup(t.Context(), admin, id)) }
	for name, end := range map[string]func(string){"remove": remove, "change": change, "delete": deleted, "force": forced} {
		*c = fakeCopier{ids: c.ids}
		b := r.backupTo(v.ID, "west")
		ran, err := r.RunOne(t.Context()) // the backup
		check(t, err)
		if !ran || r.getBackup(b.ID).Status != driver.BackupAvailable {
			t.Fatalf("%s: the backup was not made", name)
		}
		end(b.ID)
		r.settle()
		if n := len(c.copies); n > 1 || n == 1 && (name != "change" || c.copies[0].To != "north") || len(c.aborted) > 0 {
			t.Errorf("%s while it is queued: copies %v, aborted %v", name, c.copies, c.aborted)
		}

		*c = fakeCopier{ids: c.ids}
		b = r.backupTo(v.ID, "west")
		c.during = func(job driver.Copy) {
			if job.To == "west" {
				end(b.ID)
			}
		}
		r.settle()
		if len(c.aborted) != 1 || c.aborted[0] != c.copies[0].ID || !slices.Contains(c.forgot, c.aborted[0]) {
			t.Errorf("%s while it is copied: copies %v, aborted %v, forgot %v", name, c.copies, c.aborted, c.forgot)
		}
		if name == "change" {
			r.wantCopy(b.ID, "available", "")
		}
		if name == "remove" && len(r.getBackup(b.ID).Metadata) > 0 {
			t.Errorf("the metadata is %v", r.getBackup(b.ID).Metadata)
		}

		*c = fakeCopier{ids: c.ids}
		b = r.backupTo(v.ID, "west")
		r.settle()
		end(b.ID)
		r.settle()
		if len(c.aborted) > 0 {
			t.Errorf("%s removed a complete copy", name)
		}
		for _, row := range r.copyRows() {
			if row.BackupID == b.ID && (name == "delete" || name == "force") {
				t.Errorf("%s leaves %+v", name, row)
			}
			if row.State == meta.CopyRemoving {
				t.Errorf("%s leaves %+v", name, row)
			}
		}
	}
}

// What cannot be removed is tried a bounded number of times, and again after a restart.
func TestCopyRemovalFails(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	b := r.backupTo(v.ID, "west")
	c.abort = driver.Errorf(driver.Unavailable, "away")
	c.during = func(driver.Copy) { check(t, r.DeleteBackup(t.Context(), alpha, b.ID)) }
	for range 5 {
		r.settle()
		r.clock.Add(time.Hour)
	}
	if rows := r.copyRows(); len(c.aborted) != 3 || len(rows) != 1 || rows[0].State != meta.CopyRemoving {
		t.Fatalf("aborted %v, rows %v", c.aborted, rows)
	}
	if _, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
		t.Errorf("the backup waits for its copy: %v", err)
	}
	c.abort = nil
	r.reopen()
	r.settle()
	if rows := r.copyRows(); len(rows) > 0 {
		t.Errorf("after the restart: %+v", rows[0])
	}
}

// A restart queues what has lost its job, and tries copies again that a new configuration may
// mend, and no others.
func TestCopyRecovery(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	fail := map[string]error{"lost": nil, "login": driver.Errorf(driver.Unauthorized, "login"), "config": driver.Errorf(driver.InvalidInput, "config"), "quota": driver.Errorf(driver.InvalidState, "quota")}
	ids := map[string]string{}
	for name, err := range fail {
		c.fail = err
		b := r.backupTo(v.ID, "west")
		ids[name] = b.ID
		if name == "lost" {
			_, err := r.RunOne(t.Context())
			check(t, err)
			check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
				all, err := tx.CopiesOf(b.ID)
				if err != nil {
					return err
				}
				return tx.RemoveJob(&meta.Job{ID: "copy-" + all[0].ID})
			}))
		}
		r.settle()
	}
	r.wantCopy(ids["lost"], "queued", "")
	for _, name := range []string{"login", "config", "quota"} {
		r.wantCopy(ids[name], "error", name)
	}
	c.fail = nil
	r.reopen()
	r.settle()
	for _, name := range []string{"lost", "login", "config"} {
		r.wantCopy(ids[name], "available", "")
	}
	r.wantCopy(ids["quota"], "error", "quota")

	// A copy outlives more deaths than other jobs, and ends in a true state after too many.
	for deaths, want := range map[int]string{20: "available", 30: "error"} {
		b := r.backupTo(v.ID, "west")
		_, err := r.RunOne(t.Context())
		check(t, err)
		check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
			all, err := tx.CopiesOf(b.ID)
			if err != nil {
				return err
			}
			j, err := tx.Job("copy-" + all[0].ID)
			if err != nil {
				return err
			}
			j.Attempts, j.State = deaths, meta.Running
			return tx.PutJob(j)
		}))
		r.reopen()
		r.settle()
		reason := ""
		if want == "error" {
			reason = "The service died 30 times while it worked on this."
		}
		r.wantCopy(b.ID, want, reason)
	}
	// A restore that a crash interrupted ends as without a copy.
	b := r.backupTo(v.ID, "west")
	_, err := r.RunOne(t.Context())
	check(t, err)
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
		row, err := tx.Backup(b.ID)
		if err != nil {
			return err
		}
		row.Status = driver.BackupRestoring
		return tx.PutBackup(row)
	}))
	r.reopen()
	r.wantBackup(b.ID, driver.BackupAvailable)
}

// A backup that fails is not copied, and one that is made available later is.
func TestCopyOfFailedBackup(t *testing.T) {
	r, c := copyRig(t)
	v := r.volume(alpha, 1)
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Err: errors.New("no room")})
	b := r.backupTo(v.ID, "west")
	r.settle()
	r.wantBackup(b.ID, driver.BackupError)
	r.wantCopy(b.ID, "error", "The backup failed.")
	r.setMetadata(b.ID, map[string]string{driver.CopyTo: "west"})
	r.wantCopy(b.ID, "error", "The backup is in the status error.")

	good := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	check(t, r.ResetBackupStatus(t.Context(), admin, good.ID, driver.BackupError))
	r.setMetadata(good.ID, map[string]string{driver.CopyTo: "west"})
	r.wantCopy(good.ID, "error", "The backup is in the status error.")
	if len(c.copies) > 0 {
		t.Errorf("copies %v", c.copies)
	}
	check(t, r.ResetBackupStatus(t.Context(), admin, good.ID, driver.BackupAvailable))
	r.settle()
	r.wantCopy(good.ID, "available", "")
}

// The property of a volume is for its later backups. If its backend has gone, the copy fails and
// the backup does not. Nothing of another gateway's copies comes in with a record.
func TestCopiesOfVolume(t *testing.T) {
	r, c := copyRig(t)
	name := "v"
	v, err := r.CreateVolume(t.Context(), alpha, driver.VolumeSpec{Name: &name, Size: 1, Metadata: map[string]string{driver.CopyTo: "west"}})
	check(t, err)
	r.settle()
	full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantCopy(full.ID, "available", "")
	r.setMetadata(full.ID, nil) // its copy is still there
	inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	r.wantCopy(inc.ID, "available", "")
	if p := c.copies[1].Parent; c.copies[0].Parent != nil || p == nil || p.Backup.ID != full.ID || p.Copy != "copy-"+c.copies[0].ID {
		t.Errorf("the parent's copy is %+v", p)
	}
	if job := c.copies[0]; job.Volume.Name == nil || *job.Volume.Name != name || job.Content.Size() != small {
		t.Errorf("the copy is of %+v", job)
	}
	_, err = r.CreateVolume(t.Context(), alpha, driver.VolumeSpec{Name: &name, Size: 1, Metadata: map[string]string{driver.CopyTo: "south"}})
	refused(t, err, driver.InvalidInput, "there is no backend south")
	_, err = r.UpdateVolume(t.Context(), alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{driver.CopyTo: "south"}})})
	refused(t, err, driver.InvalidInput, "there is no backend south")

	record, err := r.ExportRecord(t.Context(), admin, full.ID)
	check(t, err)
	r.opts.Copier = nil
	r.reopen()
	// What was set before may stay, and other things may be changed.
	_, err = r.UpdateVolume(t.Context(), alpha, v.ID, driver.VolumePatch{Metadata: driver.Some(driver.MetadataChange{Set: map[string]string{"k": "v"}})})
	check(t, err)
	late := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.wantBackup(late.ID, driver.BackupAvailable)
	if m := r.getBackup(late.ID).Metadata; m[driver.CopyStatus] != "error" || !strings.Contains(m[driver.CopyError], "no backend takes copies") {
		t.Errorf("the metadata is %v", m)
	}
	check(t, r.DeleteBackup(t.Context(), alpha, inc.ID))
	r.settle()
	objects := r.store.Objects()
	check(t, r.DeleteBackup(t.Context(), alpha, full.ID))
	r.settle()
	for key, data := range objects {
		r.store.Set(key, data)
	}
	b, err := r.ImportRecord(t.Context(), admin, record)
	check(t, err)
	r.settle()
	if m := r.wantBackup(b.ID, driver.BackupAvailable).Metadata; len(m) > 0 {
		t.Errorf("an import brings the metadata %v", m)
	}
}

// A delete that fails because a child cannot be rebased leaves the backup its copy; one that succeeds forgets
// it.
func TestRebaseAndCopies(t *testing.T) {
	c := &fakeCopier{}
	r := newRig(t, rebasing, func(o *Options) { o.Copier, o.CopyAttempts, o.CopyPause = c, 3, time.Minute })
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backupTo(v.ID, "west")
	r.settle()
	r.wantCopy(b.ID, "available", "")
	r.fill(v.ID, 2)
	r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	row := r.row(b.ID)
	key := r.container(row) + "/" + row.ServiceMetadata + "-00001"
	content := r.store.Objects()[key]
	r.store.Set(key, nil)
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.rest()
	r.wantBackup(b.ID, driver.BackupAvailable)
	if rows := r.copyRows(); len(rows) != 1 || rows[0].State != meta.CopyAvailable {
		t.Errorf("the copy is forgotten: %+v", rows)
	}
	r.store.Set(key, content)
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.rest()
	if rows := r.copyRows(); len(rows) != 0 || len(c.aborted) > 0 || len(c.forgot) != 2 {
		t.Errorf("left %+v, aborted %v, forgot %v", rows, c.aborted, c.forgot)
	}
}
