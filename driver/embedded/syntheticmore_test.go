package embedded

import (
	"strings"
	"testing"

	"cindergate/driver"
)

// A volume that has grown gets a full backup by its policy: an incremental one cannot build on what is shorter,
// and each run would fail from then on.
func TestPolicyOfAVolumeThatGrows(t *testing.T) {
	for name, text := range map[string]string{"incremental": "daily 02:30; full=7; always", "synthetic": "daily 02:30; full=2; synthetic; always"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.protected(text)
			r.until("2026-11-22 02:30")
			r.until("2026-11-23 02:30")
			check(t, r.ActOnVolume(t.Context(), alpha, v.ID, driver.ExtendVolume{Size: 2}))
			r.follow()
			r.fill(v.ID, 5)
			r.until("2026-11-24 02:29")
			e, err := r.PolicyOf(t.Context(), v.ID, "")
			check(t, err)
			if !strings.HasPrefix(e.NextKind, "full: the volume is larger") {
				t.Errorf("next is %q", e.NextKind)
			}
			r.until("2026-11-24 02:30")
			r.until("2026-11-25 02:30")
			var kinds []string
			for _, b := range r.backupsOf(v.ID) {
				if b.Status != driver.BackupAvailable {
					t.Errorf("%+v", b)
				}
				kinds = append(kinds, map[bool]string{true: "incr", false: "full"}[b.IsIncremental])
			}
			if got := strings.Join(kinds, " "); got != "full incr full incr" {
				t.Error(got)
			}
			b := r.backupsOf(v.ID)[3]
			r.restored(b.ID, r.digest(v.ID))
		})
	}
}

// A synthetic full backup can be made of a snapshot, and in another container than its chain.
func TestSyntheticOfASnapshot(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 2)
	r.fill(v.ID, 44)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID, Force: true})
	check(t, err)
	r.settle()
	digest := r.digest(v.ID)
	r.fill(v.ID, 45)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, SnapshotID: s.ID, Incremental: true, Metadata: synthetic, Container: "other"})
	r.settle()
	r.wantPoints(append(all, point{r.wantBackup(b.ID, driver.BackupAvailable), digest}))
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.settle()
	r.wantOnly(all)
}

// A clock that was a year ahead for a while does not end the runs until that year is over, nor repeat one.
func TestPolicyAfterAWrongClock(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; always")
	r.until("2026-11-22 12:00")
	r.clock.Add(365 * day)
	r.follow()
	if n := len(r.backupsOf(v.ID)); n != 2 {
		t.Fatalf("%d backups", n)
	}
	r.clock.Add(-365 * day)
	r.follow()
	if n := len(r.backupsOf(v.ID)); n != 2 {
		t.Errorf("a run was made again: %d backups", n)
	}
	r.until("2026-11-23 02:30")
	r.until("2026-11-24 02:30")
	all := r.backupsOf(v.ID)
	if len(all) != 4 {
		t.Errorf("%d backups", len(all))
	}
	for _, b := range all {
		r.wantBackup(b.ID, driver.BackupAvailable)
	}
}
