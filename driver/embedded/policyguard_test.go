package embedded

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// Retention leaves alone what cannot be deleted, and does not read the newest backup each minute for it.
func TestRetentionLeavesParentsOfImportedBackups(t *testing.T) {
	r := newRig(t, rebasing)
	v := r.protected("daily 02:30; full=1000; keep=1; always")
	for day := 22; day <= 23; day++ {
		r.fill(v.ID, uint64(day))
		r.until(fmt.Sprintf("2026-11-%d 02:29", day))
		if day == 23 {
			break
		}
		r.until(fmt.Sprintf("2026-11-%d 02:30", day))
	}
	full := r.backupsOf(v.ID)[0]
	more := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	row := *r.row(more.ID)
	row.Imported = true
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error { return tx.PutBackup(&row) }))
	r.fill(v.ID, 7)
	r.until("2026-11-23 02:30")
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Do: func() { t.Error("an object is read although nothing can be deleted") }})
	r.until("2026-11-23 02:40")
	r.until("2026-11-23 02:50")
	r.wantBackup(full.ID, driver.BackupAvailable)
	e, err := r.PolicyOf(t.Context(), v.ID, "")
	check(t, err)
	for _, b := range e.Backups {
		if b.ID == full.ID && (!b.Keep || !strings.Contains(strings.Join(b.Reasons, " "), "on it")) {
			t.Errorf("explained: %+v", b)
		}
	}
}

// A backup by hand that expires stays as long as the newest one is damaged, like any other.
func TestExpiryWaitsForASoundBackup(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	old := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{"cindergate:expires": "2h"}})
	r.follow()
	r.clock.Add(time.Hour)
	r.fill(v.ID, 2)
	newest := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.follow()
	row := r.row(newest.ID)
	key := r.container(row) + "/" + row.ServiceMetadata + "-00001"
	content := r.store.Objects()[key]
	r.store.Set(key, nil)
	r.clock.Add(2 * time.Hour)
	r.follow()
	r.wantBackup(old.ID, driver.BackupAvailable)
	if n := strings.Count(r.told(v.ID), "No older backup is deleted"); n != 1 {
		t.Errorf("the project is told %d times: %s", n, r.told(v.ID))
	}
	r.store.Set(key, content)
	r.clock.Add(2 * time.Hour)
	r.follow()
	if _, err := r.GetBackup(t.Context(), alpha, old.ID); driver.KindOf(err) != driver.NotFound {
		t.Errorf("it has expired: %v", err)
	}
	// The last one goes when it expires: nothing is left that it could be needed for.
	r.setMetadata(newest.ID, map[string]string{"cindergate:expires": "2026-11-21T00:00:00Z"})
	r.follow()
	if all := r.backupsOf(v.ID); len(all) != 0 {
		t.Errorf("left: %+v", all)
	}
}

// A tenant has the policies of its own volumes explained, and a mistake in a policy that it tries is a 400.
func TestExplainForTenants(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; keep=7d")
	e, err := r.ExplainPolicy(t.Context(), alpha, v.ID, "")
	check(t, err)
	if e.(*PolicyExplanation).Policy != "daily 02:30; keep=7d" {
		t.Fatalf("%+v", e)
	}
	if e, err := r.ExplainPolicy(t.Context(), alpha, v.ID, "daily 03:00; keep=1d"); err != nil || !e.(*PolicyExplanation).DryRun {
		t.Fatalf("%+v, %v", e, err)
	}
	if e, err := r.ExplainPolicy(t.Context(), driver.Caller{ProjectID: betaProject, Role: driver.Member}, v.ID, ""); driver.KindOf(err) != driver.NotFound || e != nil {
		t.Errorf("another project: %v, %v", e, err)
	}
	if e, err := r.ExplainPolicy(t.Context(), alpha, v.ID, "nightly"); driver.KindOf(err) != driver.InvalidInput || !strings.Contains(err.Error(), "nightly") || e != nil {
		t.Errorf("a mistake: %v, %v", e, err)
	}
}
