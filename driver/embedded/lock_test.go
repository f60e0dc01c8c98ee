package embedded

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/object"
	"cindergate/internal/chunk/s3"
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
	e, err := r.PolicyOf(t.Context(), v.ID, "")
	check(t, err)
	reasons := ""
	for _, b := range e.Backups {
		reasons += strings.Join(b.Reasons, ", ") + "\n"
	}
	if !strings.Contains(reasons, "it is locked until") {
		t.Fatal(reasons)
	}
}

// lockingStore is a store of S3 with Object Lock.
func lockingStore(t *testing.T, server *chunktest.Server) chunk.Remote {
	t.Helper()
	s, err := s3.New(s3.Options{Endpoint: server.URL, AccessKey: chunktest.S3Key, SecretKey: chunktest.S3Secret, ObjectLock: s3.Governance,
		Options: object.Options{Name: "vault", Pause: time.Millisecond, MaxPause: 2 * time.Millisecond, Budget: 1e6, Patience: 20 * time.Millisecond}})
	check(t, err)
	return s
}

// The store keeps the objects of a locked backup, and of what it builds on, for exactly as long.
func TestObjectLock(t *testing.T) {
	server := chunktest.NewS3(t)
	var clock interface{ Now() time.Time } = clockwork.NewRealClock()
	locks := server.LockObjects(func() time.Time { return clock.Now() }, true)
	r := newRig(t, locking, func(o *Options) {
		o.Stores, o.DefaultStore = map[string]BackupStore{"vault": {Remote: lockingStore(t, server)}}, "vault"
	})
	clock = r.clock
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 2)
	if keys := locks.All(); len(keys) != 0 {
		t.Fatalf("backups without a lock: %v", keys)
	}
	made := r.clock.Now()
	r.fill(v.ID, 9)
	b := r.locked(v.ID, "30d", true)
	r.settle()
	until := made.Add(30 * day)
	for _, id := range []string{all[0].ID, all[1].ID, b.ID} {
		r.wantLocked(id, until)
		if by := r.getBackup(id).Metadata[policy.LockedByKey]; by != policy.LockedByStore {
			t.Errorf("%s is locked by %q", id, by)
		}
		row := r.row(id)
		n := 0
		for _, key := range locks.All() {
			if !strings.HasPrefix(key, row.Container+"/"+row.ServiceMetadata) {
				continue
			}
			n++
			if at := locks.Until(key); at.Before(until) || at.Sub(until) > time.Second {
				t.Errorf("%s is locked until %s", key, at)
			}
		}
		if n < 3 { // at least one of data, the digests and the metadata
			t.Errorf("%d objects of %s are locked", n, id)
		}
	}
	check(t, r.set(b.ID, map[string]string{policy.LockKey: "40d"}))
	if by := r.getBackup(b.ID).Metadata[policy.LockedByKey]; by != policy.LockedByGateway {
		t.Errorf("before the store knows of the longer lock, it is by %q", by)
	}
	r.settle()
	row := r.row(all[0].ID)
	if at := locks.Until(row.Container + "/" + row.ServiceMetadata + "_metadata"); at.Before(made.Add(40 * day)) {
		t.Errorf("a longer lock: the parent is locked until %s", at)
	}
	r.clock.Add(40*day + time.Second)
	for _, id := range []string{b.ID, all[1].ID, all[0].ID} {
		check(t, r.DeleteBackup(t.Context(), alpha, id))
		r.rest()
		if _, err := r.GetBackup(t.Context(), alpha, id); driver.KindOf(err) != driver.NotFound {
			t.Fatalf("after the lock: %v", err)
		}
	}
}

// A store that is away is asked again, and one that protects nothing is found out: the project is told.
func TestObjectLockFails(t *testing.T) {
	for name, protects := range map[string]bool{"away": true, "protects nothing": false} {
		t.Run(name, func(t *testing.T) {
			server := chunktest.NewS3(t)
			away := protects
			server.Intercept(func(w http.ResponseWriter, q *http.Request) bool {
				if away && q.URL.Query().Has("retention") {
					http.Error(w, "<Error><Code>ServiceUnavailable</Code></Error>", http.StatusServiceUnavailable)
				}
				return away && q.URL.Query().Has("retention")
			})
			locks := server.LockObjects(time.Now, protects)
			r := newRig(t, locking, func(o *Options) {
				o.Stores, o.DefaultStore = map[string]BackupStore{"vault": {Remote: lockingStore(t, server)}}, "vault"
			})
			v := r.volume(alpha, 1)
			b := r.locked(v.ID, "1d", false)
			r.settle()
			if by := r.getBackup(b.ID).Metadata[policy.LockedByKey]; by != policy.LockedByGateway {
				t.Fatalf("locked by %q", by)
			}
			page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
			check(t, err)
			if !protects {
				if len(page.Items) != 1 || !strings.Contains(page.Items[0].UserMessage, "does not protect locked objects") || page.Items[0].ResourceUUID != b.ID {
					t.Fatalf("%+v", page.Items)
				}
				return
			}
			if len(page.Items) != 1 || !strings.Contains(page.Items[0].UserMessage, "not locked in the store yet") || len(locks.All()) != 0 {
				t.Fatalf("%+v, %v", page.Items, locks.All())
			}
			r.clock.Add(6 * time.Minute)
			r.settle()
			if page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1}); err != nil || len(page.Items) != 1 {
				t.Fatalf("after the second attempt: %v, %+v", err, page.Items)
			}
			away = false
			r.rest()
			if by := r.getBackup(b.ID).Metadata[policy.LockedByKey]; by != policy.LockedByStore {
				t.Fatalf("after the store is back, it is locked by %q", by)
			}
		})
	}
}

// A gateway whose store is configured to lock, and protects nothing, does not start.
func TestStartWithoutProtection(t *testing.T) {
	server := chunktest.NewS3(t)
	server.LockObjects(time.Now, false)
	store := lockingStore(t, server)
	_, err := store.Claim(t.Context(), "id")
	check(t, err)
	o := Options{DataDir: t.TempDir(), Stores: map[string]BackupStore{"vault": {Remote: store}}, NoReserve: true}
	if d, err := Open(t.Context(), o); !errors.Is(err, chunk.ErrNoLock) {
		t.Fatalf("%v, %v", d, err)
	}
	server.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "", http.StatusServiceUnavailable)
		return true
	})
	d, err := Open(t.Context(), o) // it is away: nothing is known, and the first lock asks again
	check(t, err)
	check(t, d.Close())
}
