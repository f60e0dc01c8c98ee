package embedded

import (
	"strings"
	"testing"

	"cindergate/driver"
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
