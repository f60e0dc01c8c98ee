package embedded

import (
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// synthetic asks for a full backup that is made of the chain.
var synthetic = map[string]string{policy.SyntheticKey: policy.SyntheticFull}

// A synthetic full backup restores the same bytes and needs nothing of the chain that it was made of.
func TestSyntheticFull(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 3)
	r.fill(v.ID, 7)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true, Metadata: synthetic})
	if b.ParentID != all[2].ID {
		t.Fatalf("while it is made, it builds on %q", b.ParentID)
	}
	// Meanwhile, nothing of the chain can be deleted.
	if err := r.DeleteBackup(t.Context(), alpha, all[2].ID); driver.KindOf(err) != driver.InvalidState {
		t.Fatal(err)
	}
	r.settle()
	full := r.wantBackup(b.ID, driver.BackupAvailable)
	if full.IsIncremental || full.ParentID != "" || full.ObjectCount == 0 {
		t.Fatalf("%+v", full)
	}
	last := point{full, r.digest(v.ID)}
	r.wantPoints(append(all, last))
	r.wantOnly(append(all, last)) // what had changed was written, and is gone
	for _, p := range []string{all[2].ID, all[1].ID, all[0].ID} {
		check(t, r.DeleteBackup(t.Context(), alpha, p))
		r.settle()
	}
	r.wantOnly(append(all[:0:0], last))
	r.wantPoints(append(all[:0:0], last))
}

// Mistakes are errors, and not full backups that were read as a whole.
func TestSyntheticMistakes(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	for name, c := range map[string]struct {
		spec driver.BackupSpec
		want string
	}{
		"another value":   {driver.BackupSpec{Incremental: false, Metadata: map[string]string{policy.SyntheticKey: "yes"}}, `"yes" is not "full"`},
		"not incremental": {driver.BackupSpec{Metadata: synthetic}, "it must be incremental"},
		"no chain":        {driver.BackupSpec{Incremental: true, Metadata: synthetic}, "No backups available"},
	} {
		c.spec.VolumeID = v.ID
		if _, err := r.CreateBackup(t.Context(), alpha, c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A policy makes its full backups of the chain before.
func TestSyntheticPolicy(t *testing.T) {
	r := newRig(t)
	v := r.protected("daily 02:30; full=3; synthetic; always")
	for range 7 {
		r.clock.Add(day)
		r.fill(v.ID, uint64(r.clock.Now().Unix()))
		r.follow()
	}
	var kinds []string
	for _, b := range r.backupsOf(v.ID) {
		kind := "full"
		switch {
		case b.IsIncremental:
			kind = "incr"
		case b.Metadata[policy.SyntheticKey] != "":
			kind = "synthetic"
		}
		kinds = append(kinds, kind)
	}
	if got := strings.Join(kinds, " "); got != "full incr incr synthetic incr incr synthetic" {
		t.Fatal(got)
	}
}
