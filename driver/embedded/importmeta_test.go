package embedded

import (
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// importingWith imports a record, and sets metadata before its job runs.
func (m *moved) importingWith(record driver.BackupRecord, metadata map[string]string) driver.Backup {
	m.t.Helper()
	b, err := m.ImportRecord(m.t.Context(), admin, record)
	check(m.t, err)
	_, err = m.UpdateBackup(m.t.Context(), admin, b.ID, driver.BackupPatch{Metadata: driver.Some(metadata)})
	check(m.t, err)
	m.settle()
	return m.getBackup(b.ID)
}

// Metadata that somebody sets while a record is imported stay, and so do the lock and the expiry in
// them, also if the import fails and is repeated.
func TestMetadataDuringAnImport(t *testing.T) {
	m := newMoved(t, locking)
	m.clock.Add(2 * 365 * day)
	now := m.clock.Now()
	metadata := map[string]string{"team": "blue", policy.LockKey: now.Add(14 * day).Format(time.RFC3339), policy.ExpiresKey: now.Add(30 * day).Format(time.RFC3339)}
	wanted := func(b driver.Backup) {
		t.Helper()
		lock, err := time.Parse(time.RFC3339, b.Metadata[policy.LockKey])
		check(t, err)
		expiry, err := time.Parse(time.RFC3339, b.Metadata[policy.ExpiresKey])
		check(t, err)
		if b.Metadata["team"] != "blue" || lock.Sub(now).Round(time.Hour) != 14*day || expiry.Sub(now).Round(time.Hour) != 30*day {
			t.Errorf("the metadata are %v", b.Metadata)
		}
	}
	m.copyObjects("")
	child := m.importingWith(m.incRecord, metadata)
	m.wantBackup(child.ID, driver.BackupError) // its parent is missing
	wanted(child)
	if row := m.row(child.ID); row.DataBytes != nil {
		t.Errorf("an import that failed owns no objects, and holds %d bytes", *row.DataBytes)
	}
	m.importing(m.incRecord) // again, with its parent still missing
	wanted(m.wantBackup(child.ID, driver.BackupError))
	m.importing(m.fullRecord)
	child = m.wantBackup(child.ID, driver.BackupAvailable)
	wanted(child)
	for _, id := range []string{child.ID, m.full.ID} { // what it builds on is locked as long
		if row := m.row(id); row.LockedUntil.Sub(now).Round(time.Hour) != 14*day {
			t.Errorf("backup %s is locked until %s", id, row.LockedUntil)
		}
	}
	if err := m.DeleteBackup(t.Context(), admin, child.ID); driver.KindOf(err) != driver.InvalidState {
		t.Errorf("the locked backup can be deleted: %v", err)
	}
}
