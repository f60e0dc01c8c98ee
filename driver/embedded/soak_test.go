package embedded

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/marker"
)

// Several users work at once, with restarts of the workers and forced deletes. At the end
// nothing is left, and no status is stuck.
func TestEverythingAtOnce(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Quotas = map[string]int{driver.QuotaVolumes: -1, driver.QuotaBackups: -1, driver.QuotaGigabytes: -1}
		o.Lease = 2 * time.Second
		o.Clock = clockwork.NewRealClock()
	})
	ctx := t.Context()
	finished := make(chan struct{})
	workers := make(chan error)
	go func() {
		for up := 250 * time.Millisecond; ; up *= 2 { // with repeated shutdowns
			run, stop := context.WithTimeout(ctx, up)
			go func() {
				select {
				case <-finished:
					stop()
				case <-run.Done():
				}
			}()
			err := r.Run(run)
			stop()
			select {
			case <-finished:
				workers <- err
				return
			default:
			}
		}
	}()
	gone := func(id string) bool { _, err := r.GetBackup(ctx, alpha, id); return err != nil }
	volumeGone := func(id string) bool { _, err := r.GetVolume(ctx, alpha, id); return err != nil }
	status := func(id string, want driver.BackupStatus) func() bool {
		return func() bool { return r.getBackup(id).Status == want }
	}
	var users sync.WaitGroup
	for n := range 3 {
		users.Go(func() {
			v := r.volume(alpha, 1)
			r.fill(v.ID, uint64(n))
			full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			until(t, status(full.ID, driver.BackupAvailable))
			inc := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
			restore, err := r.RestoreBackup(ctx, alpha, full.ID, driver.RestoreTarget{})
			if err != nil {
				t.Error(err)
				return
			}
			if n%2 == 0 {
				if err := r.ForceDeleteBackup(ctx, admin, inc.ID); err != nil {
					t.Error(err)
				}
			} else {
				until(t, status(inc.ID, driver.BackupAvailable))
				if err := r.DeleteBackup(ctx, alpha, inc.ID); err != nil {
					t.Error(err)
				}
			}
			until(t, func() bool { return r.getVolume(restore.VolumeID).Status == core.Available })
			if r.digest(restore.VolumeID) != r.digest(v.ID) {
				t.Error("restored bytes differ")
			}
			until(t, func() bool { return gone(inc.ID) })
			until(t, status(full.ID, driver.BackupAvailable))
			if err := r.DeleteBackup(ctx, alpha, full.ID); err != nil {
				t.Error(err)
			}
			for _, id := range []string{v.ID, restore.VolumeID} {
				until(t, func() bool { return r.getVolume(id).Status == core.Available })
				if err := r.DeleteVolume(ctx, alpha, id, driver.VolumeDelete{}); err != nil {
					t.Error(err)
				}
				until(t, func() bool { return volumeGone(id) })
			}
			until(t, func() bool { return gone(full.ID) })
		})
	}
	users.Wait()
	close(finished)
	check(t, <-workers)
	if left := r.keys(); left != "" {
		t.Errorf("objects are left:\n%s", left)
	}
	for _, dir := range []string{"volumes", "snapshots"} {
		left, err := os.ReadDir(filepath.Join(r.dir, dir))
		check(t, err)
		left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return e.Name() == marker.Name })
		if len(left) > 0 {
			t.Errorf("files are left in %s: %v", dir, left)
		}
	}
}
