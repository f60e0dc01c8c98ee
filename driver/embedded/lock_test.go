package embedded

import (
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/policy"
)

const day = 24 * time.Hour

// locking allows locks of up to 400 days.
func locking(o *Options) { o.MaxLock = 400 * day }

// locked makes a backup with a lock.
func (r *rig) locked(volumeID, lock string, incremental bool) driver.Backup {
	r.t.Helper()
	b := r.backup(alpha, driver.BackupSpec{VolumeID: volumeID, Incremental: incremental, Metadata: map[string]string{policy.LockKey: lock}})
	r.settle()
	return r.wantBackup(b.ID, driver.BackupAvailable)
}

// wantLocked checks that nobody can delete a backup until a time, and that metadata say so.
func (r *rig) wantLocked(id string, until time.Time) {
	r.t.Helper()
	text := until.UTC().Format(time.RFC3339)
	if got := r.getBackup(id).Metadata[policy.LockedKey]; got != text {
		r.t.Fatalf("%s is %q, not %q", policy.LockedKey, got, text)
	}
	boss := alpha
	boss.Role = driver.Admin
	for what, err := range map[string]error{
		"delete": r.DeleteBackup(r.t.Context(), alpha, id), "an admin's delete": r.DeleteBackup(r.t.Context(), boss, id),
		"force-delete": r.ForceDeleteBackup(r.t.Context(), boss, id),
	} {
		if driver.KindOf(err) != driver.InvalidState || !strings.Contains(err.Error(), "locked until "+text) {
			r.t.Fatalf("%s: %v", what, err)
		}
	}
	r.wantBackup(id, driver.BackupAvailable)
}

// set replaces the metadata of a backup.
func (r *rig) set(id string, metadata map[string]string) error {
	_, err := r.UpdateBackup(r.t.Context(), alpha, id, driver.BackupPatch{Metadata: driver.Some(metadata)})
	return err
}

// A locked backup stays until its time, whoever deletes it and however.
func TestLock(t *testing.T) {
	r := newRig(t, locking, rebasing)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	made := r.clock.Now()
	b := r.locked(v.ID, "14d", false)
	r.wantLocked(b.ID, made.Add(14*day))
	boss := alpha
	boss.Role = driver.Admin
	check(t, r.ResetBackupStatus(t.Context(), boss, b.ID, driver.BackupError))
	if err := r.DeleteBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.InvalidState {
		t.Fatalf("after a reset of the status: %v", err)
	}
	check(t, r.ResetBackupStatus(t.Context(), boss, b.ID, driver.BackupAvailable))
	r.clock.Add(14*day - time.Second)
	r.wantLocked(b.ID, made.Add(14*day))
	r.clock.Add(time.Second)
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.rest()
	if _, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
		t.Fatal(err)
	}
}

// What a locked backup builds on is locked for as long, and is not taken from under it.
func TestLockExtendsParents(t *testing.T) {
	r := newRig(t, locking, rebasing)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 2)
	made := r.clock.Now()
	r.fill(v.ID, 9)
	digest := r.digest(v.ID)
	b := r.locked(v.ID, "30d", true)
	for _, id := range []string{all[0].ID, all[1].ID, b.ID} {
		r.wantLocked(id, made.Add(30*day))
	}
	r.clock.Add(day)
	r.fill(v.ID, 10)
	r.locked(v.ID, "7d", true) // no parent's lock becomes shorter
	for _, id := range []string{all[0].ID, all[1].ID, b.ID} {
		r.wantLocked(id, made.Add(30*day))
	}
	r.wantPoints([]point{{b, digest}})
}

// A lock can be made longer, and not shorter. Metadata that a client replaces do not end it.
func TestLockAndMetadata(t *testing.T) {
	r := newRig(t, locking)
	v := r.volume(alpha, 1)
	made := r.clock.Now()
	b := r.locked(v.ID, "14d", false)
	for lock, want := range map[string]string{
		"13d": "cannot be made shorter", "2020-01-01": "cannot be made shorter", "500d": "at most 9600 hours", "soon": "is no time", "1y6m": "at most",
	} {
		err := r.set(b.ID, map[string]string{policy.LockKey: lock})
		if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), policy.LockKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", lock, err)
		}
	}
	check(t, r.set(b.ID, map[string]string{"other": "x", policy.LockedKey: "2020-01-01T00:00:00Z"}))
	r.wantLocked(b.ID, made.Add(14*day))
	if m := r.getBackup(b.ID).Metadata; m["other"] != "x" || m[policy.LockKey] != "14d" {
		t.Fatalf("%v", m)
	}
	check(t, r.set(b.ID, map[string]string{policy.LockKey: "20d"}))
	r.wantLocked(b.ID, made.Add(20*day))
	for _, spec := range []driver.BackupSpec{
		{VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "2020-01-01"}}, {VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "401d"}},
		{VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "-1d"}},
	} {
		if _, err := r.CreateBackup(t.Context(), alpha, spec); driver.KindOf(err) != driver.InvalidInput {
			t.Errorf("%v: %v", spec.Metadata, err)
		}
	}
	// Nobody can make a backup look as if it were locked.
	plain := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{policy.LockedKey: "2099-01-01T00:00:00Z"}})
	r.settle()
	if m := r.getBackup(plain.ID).Metadata; m[policy.LockedKey] != "" {
		t.Fatalf("%v", m)
	}
	r.clock.Add(30 * day)
	check(t, r.set(b.ID, map[string]string{"other": "y"}))
	if m := r.getBackup(b.ID).Metadata; m[policy.LockedKey] != "" || m[policy.LockKey] != "" {
		t.Fatalf("the lock has ended: %v", m)
	}
}

// Without the setting a wish for a lock is an error, and not a promise that nobody keeps.
func TestLocksSwitchedOff(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	_, err := r.CreateBackup(t.Context(), alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "1d"}})
	if driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "embedded.max_lock") {
		t.Fatal(err)
	}
}

// An incomplete backup is not locked: it keeps nothing that anybody could restore.
func TestLockOfFailedBackup(t *testing.T) {
	r := newRig(t, locking)
	v := r.volume(alpha, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "14d"}})
	boss := alpha
	boss.Role = driver.Admin
	check(t, r.ForceDeleteBackup(t.Context(), boss, b.ID))
	r.rest()
	if _, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
		t.Fatal(err)
	}
}

// Backups of a policy with a lock stay as long as it lasts, even if no rule keeps them.
func TestPolicyLock(t *testing.T) {
	r := newRig(t, locking)
	v := r.protected("daily 02:30; keep=1; lock=3d; always")
	first := r.clock.Now()
	count := func() int { return len(r.backupsOf(v.ID)) }
	for n := 1; n <= 8; n++ {
		r.clock.Add(day)
		r.follow()
		if want := min(n, 4); count() != want && count() != want-1 {
			t.Fatalf("after %d days since %s there are %d backups", n, first, count())
		}
		if n > 4 && count() < 3 {
			t.Fatalf("after %d days a locked backup has gone: %d", n, count())
		}
	}
	e, err := r.ExplainPolicy(t.Context(), v.ID, "")
	check(t, err)
	reasons := ""
	for _, b := range e.Backups {
		reasons += strings.Join(b.Reasons, ", ") + "\n"
	}
	if !strings.Contains(reasons, "it is locked until") {
		t.Fatal(reasons)
	}
}
