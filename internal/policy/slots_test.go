package policy_test

import (
	"strings"
	"testing"
	"time"

	"cindergate/internal/policy"
)

func TestSameSlots(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"daily 02:30", "daily 02:30; keep=7d", true},
		{"daily 02:30; jitter=1h", "daily 2:30 UTC; incremental; copy=west", true},
		{"daily 02:30", "daily 02:30 Europe/Berlin", false},
		{"daily 02:30", "daily 02:30,14:30", false},
		{"daily 02:30", "weekly mon,tue,wed,thu,fri,sat,sun 02:30", false},
		{"hourly :15", "hourly :45", false},
		{"monthly 31 02:30", "monthly last 02:30", false},
		{"daily 02:30; paused", "daily 02:30", false},
		{"", "daily 02:30", false},
		{"", "", true},
		{"none", "daily 02:30", false},
	} {
		if got := policy.SameSlots(test.a, test.b); got != test.same {
			t.Errorf("%q and %q: %v", test.a, test.b, got)
		}
		if policy.SameSlots(test.a, test.b) != policy.SameSlots(test.b, test.a) {
			t.Errorf("%q and %q: the order matters", test.a, test.b)
		}
	}
}

// With rebases, only what an imported backup is part of stays: the backup that it builds on, and itself if others
// build on it.
func TestDecideAboutImportedBackups(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 6, day, 2, 0, 0, 0, time.UTC) }
	p := parse(t, "daily 02:00; incremental; keep=1")
	for imported, goes := range map[string]string{"": "c b a", "a": "c b", "b": "c", "c": "a", "d": "b a"} {
		var backups []policy.Backup
		parent := ""
		for day, id := range []string{"a", "b", "c", "d"} {
			backups = append(backups, policy.Backup{ID: id, ParentID: parent, Slot: at(day + 1), CreatedAt: at(day + 1), Complete: true, Fixed: id == imported})
			parent = id
		}
		decisions := policy.Decide(&p, backups, at(5), true)
		if got := strings.Join(policy.Goers(backups, decisions), " "); got != goes {
			t.Errorf("with %q imported, %q go, want %q", imported, got, goes)
		}
	}
}
