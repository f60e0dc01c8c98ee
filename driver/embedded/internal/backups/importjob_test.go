package backups

import (
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// Spans in metadata that somebody sets during an import count from the creation that the row shows then.
// The record's creation may be years ago: such a backup would be deleted at once, and not be locked.
func TestKeepMetadata(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	b := &meta.Backup{Backup: driver.Backup{CreatedAt: now, Metadata: map[string]string{policy.LockKey: "14d", policy.ExpiresKey: "30d", "team": "blue", "same": "user"}}}
	row := &meta.Backup{Backup: driver.Backup{CreatedAt: now.AddDate(-2, 0, 0), Metadata: map[string]string{"same": "record", "old": "yes"}}}
	keepMetadata(row, b)
	want := map[string]string{policy.LockKey: "2026-12-12T12:00:00Z", policy.ExpiresKey: "2026-12-28T12:00:00Z", "team": "blue", "same": "user", "old": "yes"}
	for key, value := range want {
		if row.Metadata[key] != value {
			t.Errorf("%s is %q, want %q", key, row.Metadata[key], value)
		}
	}
	if len(row.Metadata) != len(want) {
		t.Errorf("%v", row.Metadata)
	}
}
