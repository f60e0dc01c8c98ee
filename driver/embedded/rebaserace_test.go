package embedded

import (
	"context"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// rebaseMeanwhile deletes a backup that others build on, and the objects that this leaves, as soon as
// the store gets the nth request for a key.
func (r *rig) rebaseMeanwhile(goes driver.Backup, key string, nth int) {
	r.t.Helper()
	ctx := context.WithoutCancel(r.t.Context())
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: key, Nth: nth, Do: func() {
		check(r.t, r.DeleteBackup(ctx, alpha, goes.ID))
		for range 4 {
			for _, queue := range []string{"data", "quick"} {
				_, err := r.jobs.RunOneOf(ctx, queue)
				check(r.t, err)
			}
			r.clock.Add(time.Minute)
		}
		if _, err := r.GetBackup(ctx, alpha, goes.ID); driver.KindOf(err) != driver.NotFound {
			r.t.Errorf("the backup is still there: %v", err)
		}
	}})
}

// What reads a chain without a job finds nothing amiss when that chain is rebased meanwhile.
func TestReadsDuringRebase(t *testing.T) {
	for what, read := range map[string]func(r *rig, b driver.Backup) error{
		"a check": func(r *rig, b driver.Backup) error {
			damage, err := r.backups.Damage(r.t.Context(), r.row(b.ID))
			if damage != "" {
				r.t.Errorf("damage: %s", damage)
			}
			return err
		},
		"a download": func(r *rig, b driver.Backup) error {
			ctx, end := context.WithCancel(r.t.Context())
			defer end()
			c, err := r.OpenContent(ctx, alpha, b.ID)
			if err != nil {
				return err
			}
			return c.Copy(ctx, &strings.Builder{}, 0, 1<<20)
		},
		"a scrub": func(r *rig, _ driver.Backup) error {
			return r.Scrub(r.t.Context(), ScrubOptions{Workers: 1, Report: func(s Scrubbed) {
				if s.Result != "ok" && s.Result != "" {
					r.t.Errorf("scrub: %+v", s)
				}
			}})
		},
	} {
		for _, nth := range []int{1, 2, 3} {
			t.Run(what, func(t *testing.T) {
				r := newRig(t, rebasing)
				all := r.points(r.volume(alpha, 1).ID, 4)
				r.rebaseMeanwhile(all[1].Backup, "_metadata", nth)
				check(t, read(r, all[3].Backup))
				r.store.Heal()
				for _, p := range []point{all[0], all[2], all[3]} {
					r.wantBackup(p.ID, driver.BackupAvailable)
				}
				r.rest()
				r.wantOnly([]point{all[0], all[2], all[3]})
			})
		}
	}
}

// An import of the record of a backup that was deleted waits until its objects are removed.
func TestImportDuringTheRemovalOfOldObjects(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 2)
	record, err := r.ExportRecord(t.Context(), admin, all[0].ID)
	check(t, err)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	row := r.row(all[0].ID)
	r.store.Inject(chunktest.Fault{Op: chunktest.Delete, Key: row.ServiceMetadata, Do: func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := r.ImportRecord(ctx, alpha, record)
		check(t, err)
		_, err = r.jobs.RunOneOf(ctx, "quick")
		check(t, err)
	}})
	r.rest()
	if b := r.getBackup(all[0].ID); b.Status != driver.BackupError {
		t.Errorf("the import is %s, although its objects are gone", b.Status)
	}
	r.wantPoints(all[1:])
}

// A backup that is imported does not expire by what its record says: an old one would go at once.
func TestImportedBackupsDoNotExpire(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Metadata: map[string]string{"cindergate:expires": "30d", "k": "v"}})
	r.settle()
	record, err := r.ExportRecord(t.Context(), admin, b.ID)
	check(t, err)
	objects := r.store.Objects()
	check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
	r.follow()
	for key, content := range objects {
		r.store.Set(key, content)
	}
	r.until("2027-03-01 00:00")
	_, err = r.ImportRecord(t.Context(), alpha, record)
	check(t, err)
	r.follow()
	r.until("2027-03-02 00:00")
	if now := r.wantBackup(b.ID, driver.BackupAvailable); now.Metadata["k"] != "v" {
		t.Errorf("metadata: %v", now.Metadata)
	}
}

// However often the process dies, old objects are removed in the end.
func TestRemovalOfOldObjectsIsNotGivenUp(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 3)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	_, err := r.jobs.RunOneOf(t.Context(), "data")
	check(t, err)
	removals := 0
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
		removals = 0
		jobs, err := tx.Jobs()
		for _, j := range jobs {
			if err == nil && j.Kind == "old-objects" {
				removals++
				j.Attempts = 25 // as if the process had died each time
				err = tx.PutJob(j)
			}
		}
		return err
	}))
	if removals != 2 {
		t.Errorf("%d removals", removals)
	}
	r.rest()
	r.wantOnly(all[1:])
}
