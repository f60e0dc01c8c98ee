package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/meta"
)

// keys returns the keys of the stored objects.
func (r *rig) keys() string {
	var all []string
	for key := range r.store.Objects() {
		all = append(all, key)
	}
	return strings.Join(all, "\n")
}

func (r *rig) jobsOf(backupID string) []*meta.Job {
	r.t.Helper()
	var jobs []*meta.Job
	check(r.t, r.core.Write(r.t.Context(), func(tx *meta.Tx) (err error) {
		jobs, err = tx.JobsOfBackup(backupID)
		return err
	}))
	return jobs
}

// A worker whose job was taken over by another process publishes nothing and leaves no
// objects. The other worker's result stands.
func TestLostLeaseCannotPublish(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Key: "_metadata", Do: func() {
		check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
			j, err := tx.Job(r.jobsIn(tx, b.ID)[0].ID)
			if err != nil {
				return err
			}
			j.Attempts++ // as another worker's claim would
			return tx.PutJob(j)
		}))
	}})
	ran, err := r.RunOne(t.Context())
	if !ran || err != nil {
		t.Fatal(ran, err)
	}
	r.wantBackup(b.ID, driver.BackupCreating)
	r.wantVolume(v.ID, core.BackingUp)
	if left := r.keys(); left != "" {
		t.Fatalf("the loser left\n%s", left)
	}
	r.clock.Add(time.Minute) // the other worker dies, too
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	r.wantVolume(v.ID, core.Available)
	if strings.Contains(r.keys(), r.attemptStamp(b, 1)) || !strings.Contains(r.keys(), r.attemptStamp(b, 3)) {
		t.Fatalf("objects are not those of attempt 3:\n%s", r.keys())
	}
}

// attemptStamp returns the time in the names of an attempt's objects.
func (r *rig) attemptStamp(b driver.Backup, attempt int) string {
	return r.store.Layout().Prefix(r.names(&meta.Backup{Backup: b}), attempt)
}

func (r *rig) jobsIn(tx *meta.Tx, backupID string) []*meta.Job {
	jobs, err := tx.JobsOfBackup(backupID)
	check(r.t, err)
	return jobs
}

// A job whose lease expired is taken over within this process. The first worker stops
// completely before the second one begins.
func TestTakeOver(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	hit, never := make(chan struct{}), make(chan struct{})
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Hit: hit, Block: never})
	first := make(chan error)
	go func() { _, err := r.RunOne(t.Context()); first <- err }()
	<-hit
	r.clock.Add(time.Hour)
	r.settle()
	check(t, <-first)
	r.wantBackup(b.ID, driver.BackupAvailable)
	if strings.Contains(r.keys(), r.attemptStamp(b, 1)) {
		t.Fatalf("the first attempt left\n%s", r.keys())
	}
}

func TestForceDeleteCancels(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	hit, never := make(chan struct{}), make(chan struct{})
	r.store.Inject(chunktest.Fault{Op: chunktest.Put, Nth: 2, Hit: hit, Block: never})
	first := make(chan error)
	go func() { _, err := r.RunOne(t.Context()); first <- err }()
	<-hit
	check(t, r.ForceDeleteBackup(t.Context(), admin, b.ID))
	r.wantVolume(v.ID, core.Available)
	r.settle()
	check(t, <-first)
	_, err := r.GetBackup(t.Context(), alpha, b.ID)
	refused(t, err, driver.NotFound, "Backup "+b.ID+" could not be found.")
	if left := r.keys(); left != "" {
		t.Fatalf("left\n%s", left)
	}
}

func TestForceDeleteWhileRestoring(t *testing.T) {
	r := newRig(t)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
	r.settle()
	restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
	check(t, err)
	check(t, r.ForceDeleteBackup(t.Context(), admin, b.ID))
	r.wantVolume(restore.VolumeID, core.StatusError)
	r.settle()
	if left := r.keys(); left != "" {
		t.Fatalf("left\n%s", left)
	}
}

// A shutdown requeues a job. The attempt does not count.
func TestShutdownReleases(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxAttempts = 1 })
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	for range 3 {
		hit, never := make(chan struct{}), make(chan struct{})
		r.store.Inject(chunktest.Fault{Op: chunktest.Put, Hit: hit, Block: never})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		<-hit
		stop()
		check(t, <-done)
		if j := r.jobsOf(b.ID); len(j) != 1 || j[0].State != meta.Queued {
			t.Fatalf("%+v", j)
		}
		r.wantBackup(b.ID, driver.BackupCreating)
	}
	r.reopen()
	r.settle()
	r.wantBackup(b.ID, driver.BackupAvailable)
	for _, n := range []int{1, 2, 3} {
		if strings.Contains(r.keys(), r.attemptStamp(b, n)) {
			t.Fatalf("attempt %d left\n%s", n, r.keys())
		}
	}
}

func TestClaimRace(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Quotas = map[string]int{driver.QuotaVolumes: -1, driver.QuotaBackups: -1} })
	const n = 40
	for range n {
		r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
	}
	var mu sync.Mutex
	claimed := map[string]int{}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				var j *meta.Job
				err := r.core.Write(t.Context(), func(tx *meta.Tx) (err error) {
					j, err = tx.Claim("", r.core.Gateway, time.Hour)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if err != nil || j == nil {
					return
				}
				mu.Lock()
				claimed[j.ID]++
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if len(claimed) != n {
		t.Fatalf("%d jobs claimed, want %d", len(claimed), n)
	}
	for id, times := range claimed {
		if times != 1 {
			t.Fatalf("job %s was claimed %d times", id, times)
		}
	}
}

// Jobs on one volume run one after the other, in the order of the requests.
func TestOneJobPerVolume(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	s, err := r.CreateSnapshot(t.Context(), alpha, driver.SnapshotSpec{VolumeID: v.ID})
	check(t, err)
	b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	var first, second *meta.Job
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) (err error) {
		if first, err = tx.Claim("", r.core.Gateway, time.Hour); err != nil {
			return err
		}
		second, err = tx.Claim("", r.core.Gateway, time.Hour)
		return err
	}))
	if first.SnapshotID != s.ID || second != nil {
		t.Fatalf("claimed %+v and %+v", first, second)
	}
	r.wantBackup(b.ID, driver.BackupCreating)
}

func TestFailures(t *testing.T) {
	object := func(r *rig, part string) string {
		for key := range r.store.Objects() {
			if strings.Contains(key, part) {
				return key
			}
		}
		r.t.Fatalf("no object %s in\n%s", part, r.keys())
		return ""
	}
	t.Run("disk full", func(t *testing.T) {
		r := newRig(t)
		v := r.volume(alpha, 1)
		r.fill(v.ID, 1)
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		r.store.Inject(chunktest.Fault{Op: chunktest.Put, Nth: 2, Err: syscall.ENOSPC})
		r.settle()
		got := r.wantBackup(b.ID, driver.BackupError)
		if !strings.HasPrefix(got.FailReason, "No space left ") {
			t.Fatal(got.FailReason)
		}
		r.wantVolume(v.ID, core.Available)
		if left := r.keys(); left != "" {
			t.Fatalf("left\n%s", left)
		}
		page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
		check(t, err)
		if len(page.Items) != 1 || page.Items[0].EventID != "VOLUME_VOLUME_BACKUP_013_020" || page.Items[0].ResourceUUID != b.ID ||
			page.Items[0].UserMessage != "create backup:Backup driver failed to create backup. "+got.FailReason || page.Items[0].RequestID != "req-alpha" {
			t.Fatalf("%+v", page.Items)
		}
		check(t, r.DeleteMessage(t.Context(), alpha, page.Items[0].ID))
		_, err = r.GetMessage(t.Context(), alpha, page.Items[0].ID)
		refused(t, err, driver.NotFound, "Message "+page.Items[0].ID+" could not be found.")
		check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
		r.settle()
	})
	t.Run("volume file missing", func(t *testing.T) {
		r := newRig(t)
		v := r.volume(alpha, 1)
		check(t, os.Remove(r.file(v.ID)))
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		r.settle()
		if got := r.wantBackup(b.ID, driver.BackupError); got.FailReason != "The file of the volume or snapshot is missing." {
			t.Fatal(got.FailReason)
		}
		r.wantVolume(v.ID, core.Available)
	})
	for name, damage := range map[string]func(r *rig){
		"missing chunk": func(r *rig) { r.store.Set(object(r, "-00001"), nil) },
		"flipped bit": func(r *rig) {
			key := object(r, "-00001")
			data := append([]byte(nil), r.store.Objects()[key]...)
			data[len(data)/2] ^= 1
			r.store.Set(key, data)
		},
		"read error": func(r *rig) { r.store.Inject(chunktest.Fault{Op: chunktest.Get, Err: errors.New("boom")}) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			damage(r)
			restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
			check(t, err)
			r.settle()
			r.wantVolume(restore.VolumeID, core.ErrorRestoring)
			if got := r.wantBackup(b.ID, driver.BackupAvailable); got.FailReason != "" {
				t.Fatal(got.FailReason)
			}
			page, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: -1})
			check(t, err)
			if len(page.Items) != 1 || page.Items[0].EventID != "VOLUME_VOLUME_BACKUP_015_026" {
				t.Fatalf("%+v", page.Items)
			}
			check(t, r.DeleteVolume(t.Context(), alpha, restore.VolumeID, driver.VolumeDelete{}))
			r.settle()
		})
	}
	t.Run("delete", func(t *testing.T) {
		r := newRig(t)
		v := r.volume(alpha, 1)
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		r.settle()
		r.store.Inject(chunktest.Fault{Op: chunktest.Delete, Err: syscall.EIO})
		check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
		r.settle()
		if got := r.wantBackup(b.ID, driver.BackupError); got.FailReason == "" {
			t.Fatal("no fail_reason")
		}
		check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
		r.settle()
		if left := r.keys(); left != "" {
			t.Fatalf("left\n%s", left)
		}
	})
}

// dropJobs removes the jobs of a backup, as if they had been lost.
func (r *rig) dropJobs(backupID string) {
	check(r.t, r.core.Write(r.t.Context(), func(tx *meta.Tx) error {
		for _, j := range r.jobsIn(tx, backupID) {
			if err := tx.RemoveJob(j); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A restart after kill -9, in each status: first with the job that was running, then
// without any job, as if it had been lost.
func TestRestart(t *testing.T) {
	claim := func(r *rig) {
		check(r.t, r.core.Write(r.t.Context(), func(tx *meta.Tx) error {
			j, err := tx.Claim("", r.core.Gateway, time.Hour)
			if j == nil {
				r.t.Fatal("no job")
			}
			return err
		}))
	}
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("creating, job lost: %v", lost), func(t *testing.T) {
			r := newRig(t)
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			claim(r)
			row := r.row(b.ID)
			stray := r.container(row) + "/" + r.attemptStamp(b, 1)
			r.store.Set(stray+"-00001", []byte("half of it"))
			if lost {
				r.dropJobs(b.ID)
			}
			r.reopen()
			if lost {
				got := r.wantBackup(b.ID, driver.BackupError)
				if got.FailReason != "incomplete backup reset on manager restart" {
					t.Fatal(got.FailReason)
				}
				r.wantVolume(v.ID, core.Available)
				check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
			}
			r.settle()
			if strings.Contains(r.keys(), stray) {
				t.Fatalf("left\n%s", r.keys())
			}
			if !lost {
				r.wantBackup(b.ID, driver.BackupAvailable)
				r.wantVolume(v.ID, core.Available)
			}
		})
		t.Run(fmt.Sprintf("restoring, job lost: %v", lost), func(t *testing.T) {
			r := newRig(t)
			v := r.volume(alpha, 1)
			r.fill(v.ID, 1)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
			r.settle()
			restore, err := r.RestoreBackup(t.Context(), alpha, b.ID, driver.RestoreTarget{})
			check(t, err)
			claim(r)
			check(t, r.core.Files.CreateBlank(r.file(restore.VolumeID), small))
			r.fill(restore.VolumeID, 7) // data that the first attempt may have written
			if lost {
				r.dropJobs(b.ID)
			}
			r.reopen()
			r.settle()
			r.wantBackup(b.ID, driver.BackupAvailable)
			if lost {
				r.wantVolume(restore.VolumeID, core.ErrorRestoring)
				return
			}
			r.wantVolume(restore.VolumeID, core.Available)
			if r.digest(restore.VolumeID) != r.digest(v.ID) {
				t.Fatal("restored bytes differ")
			}
		})
		t.Run(fmt.Sprintf("deleting, job lost: %v", lost), func(t *testing.T) {
			r := newRig(t)
			b := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
			r.settle()
			check(t, r.DeleteBackup(t.Context(), alpha, b.ID))
			claim(r)
			if lost {
				r.dropJobs(b.ID)
			}
			r.reopen()
			r.settle()
			if _, err := r.GetBackup(t.Context(), alpha, b.ID); err == nil || r.keys() != "" {
				t.Fatalf("%v, left\n%s", err, r.keys())
			}
		})
	}
	t.Run("again and again", func(t *testing.T) {
		r := newRig(t)
		v := r.volume(alpha, 1)
		b := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
		for range 3 {
			claim(r)
			r.reopen()
		}
		r.settle()
		got := r.wantBackup(b.ID, driver.BackupError)
		if got.FailReason != "The service died 3 times while it worked on this." {
			t.Fatal(got.FailReason)
		}
		r.wantVolume(v.ID, core.Available)
	})
}

// A start continues a delete that was accepted and has lost its job, also where cinder-backup takes no
// new work. A backup that others build on is whole, and stays.
func TestDeleteGoesOnWithoutService(t *testing.T) {
	r := newRig(t)
	v := r.volume(alpha, 1)
	parent := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.fill(v.ID, 1)
	child := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	other := r.backup(alpha, driver.BackupSpec{VolumeID: r.volume(alpha, 1).ID})
	r.settle()
	check(t, r.DeleteBackup(t.Context(), alpha, other.ID))
	r.dropJobs(other.ID)
	check(t, r.core.Write(t.Context(), func(tx *meta.Tx) error {
		row, err := tx.Backup(parent.ID)
		if err == nil {
			row.Status = driver.BackupDeleting
			err = tx.PutBackup(row)
		}
		return err
	}))
	r.disable(core.BackupService, true)
	r.reopen()
	r.settle()
	if _, err := r.GetBackup(t.Context(), alpha, other.ID); driver.KindOf(err) != driver.NotFound {
		t.Errorf("the delete did not go on: %v", err)
	}
	r.wantBackup(parent.ID, driver.BackupAvailable)
	r.wantBackup(child.ID, driver.BackupAvailable)
}
