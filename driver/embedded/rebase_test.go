package embedded

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// rebasing makes a delete of a backup that others build on rebase these.
func rebasing(o *Options) { o.DeleteParents = true }

// point is a backup with the digest of what it restores.
type point struct {
	driver.Backup
	digest string
}

// points makes a chain of n backups of a volume.
func (r *rig) points(volumeID string, n int) []point {
	r.t.Helper()
	var all []point
	for i := range n {
		r.fill(volumeID, uint64(i))
		b := r.backup(alpha, driver.BackupSpec{VolumeID: volumeID, Incremental: i > 0})
		r.settle()
		all = append(all, point{r.wantBackup(b.ID, driver.BackupAvailable), r.digest(volumeID)})
	}
	return all
}

// rest runs jobs until none waits for a time, either.
func (r *rig) rest() {
	r.t.Helper()
	for range 20 {
		r.settle()
		waits := false
		check(r.t, r.core.Read(r.t.Context(), func(tx *meta.Tx) error {
			all, err := tx.Jobs()
			waits = len(all) > 0
			return err
		}))
		if !waits {
			return
		}
		r.clock.Add(time.Minute)
	}
	r.t.Fatal("jobs wait for ever")
}

// wantPoints restores each backup.
func (r *rig) wantPoints(all []point) {
	r.t.Helper()
	for _, p := range all {
		r.wantBackup(p.ID, driver.BackupAvailable)
		restore, err := r.RestoreBackup(r.t.Context(), alpha, p.ID, driver.RestoreTarget{})
		check(r.t, err)
		r.settle()
		if got := r.digest(restore.VolumeID); got != p.digest {
			r.t.Fatalf("backup %s restores other bytes", p.ID)
		}
		check(r.t, r.DeleteVolume(r.t.Context(), alpha, restore.VolumeID, driver.VolumeDelete{}))
		r.settle()
	}
}

// wantOnly checks that the store has nothing but the objects of these backups.
func (r *rig) wantOnly(all []point) {
	r.t.Helper()
	for key := range r.store.Objects() {
		if !slices.ContainsFunc(all, func(p point) bool {
			row := r.row(p.ID)
			return strings.HasPrefix(key, r.container(row)+"/"+row.ServiceMetadata)
		}) {
			r.t.Fatalf("the object %s is of no backup", key)
		}
	}
	for _, p := range all {
		r.wantDataBytes(p.ID)
	}
}

// wantDataBytes compares what a row says of the objects of its backup with their metadata.
func (r *rig) wantDataBytes(id string) {
	r.t.Helper()
	row := r.row(id)
	s, err := chunked.Describe(r.t.Context(), r.store, chunked.Location{Container: r.container(row), Prefix: row.ServiceMetadata})
	check(r.t, err)
	if row.DataBytes == nil || *row.DataBytes != s.DataBytes {
		r.t.Fatalf("backup %s: the row says %v bytes of data, and the metadata %d", id, row.DataBytes, s.DataBytes)
	}
}

func TestDeleteAParent(t *testing.T) {
	for name, goes := range map[string]int{"the full one": 0, "one in the middle": 1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rebasing)
			v := r.volume(alpha, 1)
			all := r.points(v.ID, 4)
			gone, child := all[goes], all[goes+1]
			r.clock.Add(time.Hour)
			check(t, r.DeleteBackup(t.Context(), alpha, gone.ID))
			r.wantBackup(gone.ID, driver.BackupDeleting)
			r.rest()
			if _, err := r.GetBackup(t.Context(), alpha, gone.ID); driver.KindOf(err) != driver.NotFound {
				t.Fatal(err)
			}
			now := r.getBackup(child.ID)
			if now.ParentID != gone.ParentID || now.IsIncremental != (goes > 0) || !now.CreatedAt.Equal(child.CreatedAt) || !now.UpdatedAt.Equal(child.UpdatedAt) || now.ObjectCount == 0 {
				t.Errorf("the child was %+v\nand is  %+v", child.Backup, now)
			}
			left := slices.Delete(slices.Clone(all), goes, goes+1)
			r.wantPoints(left)
			r.wantOnly(left)
			// The chain goes on.
			r.fill(v.ID, 99)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
			r.rest()
			r.wantPoints(append(left, point{r.wantBackup(b.ID, driver.BackupAvailable), r.digest(v.ID)}))
			for _, p := range slices.Backward(append(left, point{Backup: b})) {
				check(t, r.DeleteBackup(t.Context(), alpha, p.ID))
				r.rest()
			}
			if n := len(r.store.Objects()); n != 0 {
				t.Errorf("%d objects are left", n)
			}
		})
	}
}

// Random deletes of random chains, of which some are of snapshots: every backup that is left
// restores what it did.
func TestDeleteRandomParents(t *testing.T) {
	seeds := uint64(4)
	if raceEnabled {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r, random := newRig(t, rebasing), rand.New(rand.NewPCG(seed, 11))
			v := r.volume(alpha, 1)
			left := r.points(v.ID, 6+random.IntN(4))
			for len(left) > 1 {
				n := 1 + random.IntN(3) // at once
				for range min(n, len(left)-1) {
					i := random.IntN(len(left))
					err := r.DeleteBackup(t.Context(), alpha, left[i].ID)
					if driver.KindOf(err) == driver.InvalidState && err != nil {
						continue // its child is being deleted
					}
					check(t, err)
					left = slices.Delete(left, i, i+1)
				}
				r.rest()
				r.wantPoints(left)
				r.wantOnly(left)
			}
		})
	}
}

// What must not be touched is refused with Cinder's words.
func TestParentsThatStay(t *testing.T) {
	const dependents = "Invalid backup: Incremental backups exist for this backup."
	t.Run("the setting", func(t *testing.T) {
		r := newRig(t)
		all := r.points(r.volume(alpha, 1).ID, 2)
		refused(t, r.DeleteBackup(t.Context(), alpha, all[0].ID), driver.InvalidState, dependents)
		refused(t, r.ForceDeleteBackup(t.Context(), admin, all[0].ID), driver.InvalidState, dependents)
	})
	for what, spoil := range map[string]func(full, more *meta.Backup){
		"an imported child":             func(_, more *meta.Backup) { more.Imported = true },
		"an imported parent":            func(full, _ *meta.Backup) { full.Imported = true },
		"objects under another id":      func(_, more *meta.Backup) { more.DataBackupID = "other" },
		"a child that failed":           func(_, more *meta.Backup) { more.Status = driver.BackupError },
		"a child that is being made":    func(_, more *meta.Backup) { more.Status = driver.BackupCreating },
		"a child of another project":    func(_, more *meta.Backup) { more.ProjectID = "beta" },
		"a child in another store":      func(_, more *meta.Backup) { more.Store = "elsewhere" },
		"a child that is being deleted": func(_, more *meta.Backup) { more.Status = driver.BackupDeleting },
	} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t, rebasing)
			all := r.points(r.volume(alpha, 1).ID, 2)
			full, more := r.row(all[0].ID), r.row(all[1].ID)
			a, b := *full, *more
			spoil(&a, &b)
			check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
				if err := tx.PutBackup(&a); err != nil {
					return err
				}
				return tx.PutBackup(&b)
			}))
			refused(t, r.DeleteBackup(t.Context(), alpha, all[0].ID), driver.InvalidState, dependents)
			refused(t, r.ForceDeleteBackup(t.Context(), admin, all[0].ID), driver.InvalidState, dependents)
			r.wantBackup(all[0].ID, driver.BackupAvailable)
		})
	}
}

// The process ends at any request to the store, and what it has begun is done after the next start,
// or begins again.
func TestRebaseSurvivesACrash(t *testing.T) {
	moments := []int{1, 2, 4, 9, 17}
	if raceEnabled { // which takes several times as long
		moments = []int{1, 5}
	}
	for _, op := range []chunktest.Op{chunktest.Get, chunktest.Read, chunktest.Put, chunktest.Copy, chunktest.List, chunktest.Delete} {
		for _, nth := range moments {
			t.Run(fmt.Sprint(op, nth), func(t *testing.T) {
				r := newRig(t, rebasing)
				all := r.points(r.volume(alpha, 1).ID, 3)
				check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
				ctx, die := context.WithCancel(t.Context())
				defer die()
				r.store.Inject(chunktest.Fault{Op: op, Nth: nth, Do: die})
				for ran := true; ran && ctx.Err() == nil; {
					var err error
					if ran, err = r.RunOne(ctx); err != nil && ctx.Err() == nil {
						t.Fatal(err)
					}
				}
				if ctx.Err() == nil {
					r.store.Heal()
				}
				r.reopen()
				r.clock.Add(time.Hour)
				r.rest()
				left := all[1:]
				r.wantPoints(left)
				r.wantOnly(left)
			})
		}
	}
}

// A store that fails leaves all as it was, and the tenant is told.
func TestRebaseFails(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 3)
	row := r.row(all[0].ID)
	key := r.container(row) + "/" + row.ServiceMetadata + "-00001"
	content := r.store.Objects()[key]
	r.store.Set(key, nil)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	r.rest()
	b := r.wantBackup(all[0].ID, driver.BackupAvailable)
	if !strings.HasPrefix(b.FailReason, "The backup was not deleted: ") || !strings.Contains(r.told(b.ID), "delete backup:") {
		t.Errorf("fail_reason %q, messages %q", b.FailReason, r.told(b.ID))
	}
	r.store.Set(key, content)
	r.wantPoints(all)
	r.wantOnly(all)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	r.rest()
	r.wantPoints(all[1:])
	r.wantOnly(all[1:])
}

// A restore of a child that has begun before goes on with the old objects, and one in the middle works.
func TestRestoreDuringRebase(t *testing.T) {
	r := newRig(t, rebasing)
	v := r.volume(alpha, 1)
	all := r.points(v.ID, 3)
	restore, err := r.RestoreBackup(t.Context(), alpha, all[2].ID, driver.RestoreTarget{})
	check(t, err)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	var second driver.Restore
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: "_metadata", Do: func() { // the restore reads
		ran, err := r.jobs.RunOneOf(context.WithoutCancel(t.Context()), "data") // the rebase is done meanwhile
		check(t, err)
		if !ran || r.getBackup(all[1].ID).ParentID != "" {
			t.Error("the chain was not rebased")
		}
		for range 3 { // and the old objects would go
			_, err = r.jobs.RunOneOf(context.WithoutCancel(t.Context()), "quick")
			check(t, err)
			r.clock.Add(time.Hour)
		}
		second, err = r.RestoreBackup(context.WithoutCancel(t.Context()), alpha, all[1].ID, driver.RestoreTarget{})
		check(t, err)
	}})
	r.rest()
	for i, id := range map[int]string{2: restore.VolumeID, 1: second.VolumeID} {
		r.wantVolume(id, core.Available)
		if r.digest(id) != all[i].digest {
			t.Errorf("backup %d restores other bytes", i)
		}
	}
	r.clock.Add(time.Hour)
	r.rest()
	r.wantPoints(all[1:])
	r.wantOnly(all[1:])
}

// A download that has begun before goes on with the old objects.
func TestDownloadDuringRebase(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 2)
	request, end := context.WithCancel(t.Context())
	defer end()
	c, err := r.OpenContent(request, alpha, all[1].ID)
	check(t, err)
	out := &blockedWriter{began: make(chan struct{}), goOn: make(chan struct{})}
	done := make(chan error)
	go func() { done <- c.Copy(context.WithoutCancel(t.Context()), out, 0, c.Size()) }()
	<-out.began
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	r.settle()
	r.clock.Add(time.Minute)
	r.settle()
	close(out.goOn)
	check(t, <-done)
	if out.n != c.Size() {
		t.Errorf("%d bytes of %d", out.n, c.Size())
	}
	end()
	r.clock.Add(time.Hour)
	r.rest()
	r.wantOnly(all[1:])
}

type blockedWriter struct {
	began, goOn chan struct{}
	n           int64
}

func (w *blockedWriter) Write(p []byte) (int, error) {
	if w.n == 0 {
		close(w.began)
		<-w.goOn
	}
	w.n += int64(len(p))
	return len(p), nil
}

// With rebasing, retention needs no full backups: the oldest one goes each day.
func TestIncrementalForEver(t *testing.T) {
	r := newRig(t, rebasing)
	v := r.protected("daily 02:30; full=1000; keep=3")
	digests := map[string]string{}
	for day := 22; day <= 30; day++ {
		r.fill(v.ID, uint64(day))
		r.until(fmt.Sprintf("2026-11-%d 02:30", day))
		all := r.backupsOf(v.ID)
		digests[all[len(all)-1].ID] = r.digest(v.ID)
	}
	r.wantMade(v.ID, "11-28T02:30:00Z full, 11-29T02:30:00Z incr, 11-30T02:30:00Z incr")
	var left []point
	for _, b := range r.backupsOf(v.ID) {
		left = append(left, point{b, digests[b.ID]})
	}
	r.wantPoints(left)
}

// A backup that was in error stays so if its delete fails.
func TestRebaseFailsForABackupInError(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 3)
	check(t, r.ResetBackupStatus(t.Context(), admin, all[0].ID, driver.BackupError))
	row := r.row(all[0].ID)
	r.store.Set(r.container(row)+"/"+row.ServiceMetadata+"-00001", nil)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	r.rest()
	if b := r.wantBackup(all[0].ID, driver.BackupError); !strings.Contains(r.told(b.ID), "delete backup:") {
		t.Errorf("messages %q", r.told(b.ID))
	}
}

// Retention tries a delete that has failed again the next day, and tells the project once each time.
func TestRetentionDoesNotRepeatAFailedDelete(t *testing.T) {
	r := newRig(t, rebasing)
	v := r.protected("daily 02:30; full=1000; keep=2; always")
	for day := 22; day <= 23; day++ {
		r.fill(v.ID, uint64(day))
		r.until(fmt.Sprintf("2026-11-%d 02:30", day))
	}
	oldest := r.backupsOf(v.ID)[0]
	row, spoilt := r.row(oldest.ID), 0
	for key, content := range r.store.Objects() {
		if strings.HasPrefix(key, r.container(row)+"/"+row.ServiceMetadata+"-0") {
			r.store.Set(key, bytes.Repeat([]byte{1}, len(content)))
			spoilt++
		}
	}
	if spoilt == 0 {
		t.Fatal("the backup has no objects")
	}
	r.fill(v.ID, 24)
	r.until("2026-11-24 02:30")
	r.until("2026-11-24 20:00")
	if n := strings.Count(r.told(oldest.ID), "delete backup:"); n != 1 {
		t.Errorf("the project is told %d times", n)
	}
	r.reopen()
	r.until("2026-11-25 02:29")
	if n := strings.Count(r.told(oldest.ID), "delete backup:"); n != 1 {
		t.Errorf("after a start, the project is told %d times", n)
	}
	r.until("2026-11-25 02:31")
	if n := strings.Count(r.told(oldest.ID), "delete backup:"); n != 2 {
		t.Errorf("a day later, the project is told %d times", n)
	}
	r.wantBackup(oldest.ID, driver.BackupAvailable)
}

// A delete by force of a backup that is being deleted fails as the delete would.
func TestForceDeleteDuringRebase(t *testing.T) {
	r := newRig(t, rebasing)
	all := r.points(r.volume(alpha, 1).ID, 3)
	row := r.row(all[0].ID)
	r.store.Set(r.container(row)+"/"+row.ServiceMetadata+"-00001", nil)
	check(t, r.DeleteBackup(t.Context(), alpha, all[0].ID))
	check(t, r.ForceDeleteBackup(t.Context(), admin, all[0].ID))
	r.rest()
	r.wantBackup(all[0].ID, driver.BackupAvailable)
}
