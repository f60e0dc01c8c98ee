package embedded

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/policy"
)

// A backup that is being deleted cannot be locked: the answer would promise what is going.
func TestLockOfABackupThatIsBeingDeleted(t *testing.T) {
	r := newRig(t, locking, rebasing)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 3)
	check(t, r.DeleteBackup(t.Context(), alpha, all[2].ID))
	err := r.set(all[2].ID, map[string]string{policy.LockKey: "14d"})
	if driver.KindOf(err) != driver.InvalidState || !strings.Contains(err.Error(), "is being deleted") {
		t.Fatal(err)
	}
	check(t, r.set(all[2].ID, map[string]string{"other": "x"}))
	if m := r.getBackup(all[2].ID).Metadata; m[policy.LockedKey] != "" {
		t.Fatalf("%v", m)
	}
	r.rest()
	r.wantOnly(all[:2])
}

// Metadata that name a lock which has ended can be sent again: clients send all of them to change one.
func TestMetadataAfterTheLock(t *testing.T) {
	r := newRig(t, locking)
	v := r.volume(alpha, 1)
	b := r.locked(v.ID, "14d", false)
	r.clock.Add(15 * day)
	check(t, r.set(b.ID, map[string]string{policy.LockKey: "14d", "other": "x"}))
	if m := r.getBackup(b.ID).Metadata; m[policy.LockedKey] != "" || m["other"] != "x" {
		t.Fatalf("%v", m)
	}
	if err := r.set(b.ID, map[string]string{policy.LockKey: "13d"}); driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "is past") {
		t.Fatal(err)
	}
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
}

// vault makes a rig whose backups are in a store of S3 that locks objects by the rig's clock.
func vault(t *testing.T, more ...func(*Options)) (*rig, *chunktest.Server, *chunktest.Locks) {
	t.Helper()
	server := chunktest.NewS3(t)
	var clock interface{ Now() time.Time } = clockwork.NewRealClock()
	locks := server.LockObjects(func() time.Time { return clock.Now() }, true)
	r := newRig(t, append(more, locking, func(o *Options) {
		o.Stores, o.DefaultStore = map[string]BackupStore{"vault": {Remote: lockingStore(t, server)}}, "vault"
	})...)
	clock = r.clock
	return r, server, locks
}

// wantStoreLock checks that a backup has objects and that the store keeps all that it restores from.
func (r *rig) wantStoreLock(locks *chunktest.Locks, id string, until time.Time) {
	r.t.Helper()
	row := r.row(id)
	if by := row.Metadata[policy.LockedByKey]; by != policy.LockedByStore {
		r.t.Errorf("%s is locked by %q", id, by)
	}
	if at := locks.Until(row.Container + "/" + row.ServiceMetadata + "_metadata"); at.Before(until) {
		r.t.Errorf("the objects of %s are locked until %s, not %s", id, at, until)
	}
}

// A reset of the status cancels what works on the backup, and not the lock of its objects.
func TestResetKeepsTheObjectLock(t *testing.T) {
	r, _, locks := vault(t)
	v := r.volume(alpha, 1)
	made := r.clock.Now()
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{policy.LockKey: "30d"}})
	_, err := r.RunOne(t.Context()) // the backup, and not yet the lock
	check(t, err)
	boss := alpha
	boss.Role = driver.Admin
	check(t, r.ResetBackupStatus(t.Context(), boss, b.ID, driver.BackupError))
	check(t, r.ResetBackupStatus(t.Context(), boss, b.ID, driver.BackupAvailable))
	r.rest()
	r.wantStoreLock(locks, b.ID, made.Add(30*day))
}

// A backup that is locked while its parent is being deleted keeps its objects and that parent: nothing that the
// store locks is replaced.
func TestLockDuringRebase(t *testing.T) {
	r, server, locks := vault(t, rebasing)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 3)
	var once sync.Once
	server.Intercept(func(_ http.ResponseWriter, q *http.Request) bool {
		if q.Method == http.MethodPut && strings.HasSuffix(q.URL.Path, "_metadata") { // the new objects are complete
			once.Do(func() {
				ctx := context.WithoutCancel(t.Context())
				check(t, r.set(all[1].ID, map[string]string{policy.LockKey: "30d"}))
				_, err := r.jobs.RunOneOf(ctx, "quick")
				check(t, err)
			})
		}
		return false
	})
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	r.rest()
	until := r.row(all[1].ID).LockedUntil
	for _, p := range all[:2] {
		r.wantLocked(p.ID, until)
		r.wantStoreLock(locks, p.ID, until)
	}
	if why := r.getBackup(all[0].ID).FailReason; !strings.Contains(why, "not deleted: It is locked until") {
		t.Errorf("%q", why)
	}
	r.wantPoints(all)
}

// A delete at the very end of a lock waits until the store's clock is past it as well.
func TestDeleteAtTheEndOfALock(t *testing.T) {
	r, _, _ := vault(t)
	v := r.volume(alpha, 1)
	r.clock.Add(300 * time.Millisecond) // the store's lock is rounded up to whole seconds
	b := r.locked(v.ID, "1d", false)
	r.settle()
	r.clock.Add(r.row(b.ID).LockedUntil.Sub(r.clock.Add(0)))
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.rest()
	if now, err := r.GetBackup(t.Context(), alpha, b.ID); driver.KindOf(err) != driver.NotFound {
		t.Fatalf("%+v, %v", now, err)
	}
}

// A policy whose lock is longer than the setting allows, which may have been changed, makes its backups all the same.
func TestPolicyWithALongerLockThanAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		most time.Duration
		want string
	}{"shorter": {2 * day, "locked for 48 hours and not for 7d"}, "switched off": {0, "not locked: locks are switched off"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.MaxLock = c.most })
			v := r.protected("daily 02:30; keep=1; lock=7d; always")
			r.until("2026-11-22 02:30")
			all := r.backupsOf(v.ID)
			if len(all) != 1 || all[0].Status != driver.BackupAvailable {
				t.Fatalf("%+v", all)
			}
			if until := r.row(all[0].ID).LockedUntil; c.most == 0 != until.IsZero() || c.most > 0 && until.Sub(all[0].CreatedAt) > c.most {
				t.Errorf("locked until %s", until)
			}
			page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
			check(t, err)
			if len(page.Items) != 1 || !strings.Contains(page.Items[0].UserMessage, c.want) {
				t.Errorf("%+v", page.Items)
			}
			e, err := r.PolicyOf(t.Context(), v.ID, "")
			check(t, err)
			if !strings.Contains(e.Problem, c.want) {
				t.Errorf("%+v", e)
			}
		})
	}
}
