package embedded

import (
	"fmt"
	"strings"
	"testing"

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
	e, err := r.ExplainPolicy(t.Context(), v.ID, "")
	check(t, err)
	for _, b := range e.Backups {
		if b.ID == full.ID && (!b.Keep || !strings.Contains(strings.Join(b.Reasons, " "), "on it")) {
			t.Errorf("explained: %+v", b)
		}
	}
}
