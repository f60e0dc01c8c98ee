package backups

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// objectLockJob is the kind of jobs that lock the objects of a backup, and of those that it builds on, in a
// store that can. The objects are locked after the backup is complete: those of an attempt that fails must
// not stay for weeks.
const objectLockJob = "lock"

// lockPause is how long a job waits before it tries again, after the store was away.
const lockPause = 5 * time.Minute

// queueLock queues the job for a backup whose lock has become longer, if its store locks objects.
func (bs *Backups) queueLock(tx *meta.Tx, b *meta.Backup) error {
	if locks, err := bs.storeLocks(b); err != nil || !locks {
		return err
	}
	j, err := bs.jobs.New(driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}, objectLockJob, "lock "+b.VolumeID, struct{}{})
	if err != nil {
		return err
	}
	j.BackupID = b.ID
	return bs.jobs.Enqueue(tx, j)
}

// storeLocks reports whether the store of a backup locks objects.
func (bs *Backups) storeLocks(b *meta.Backup) (bool, error) {
	s, err := bs.core.Stores.Of(b.Store, b.ProjectID)
	if err != nil {
		return false, err
	}
	l, ok := s.Store.(chunk.Locker)
	return ok && l.Locks(), nil
}

// storeLag is how long after the end of a lock the store may still refuse a delete: it counts whole seconds,
// by a clock of its own.
const storeLag = time.Minute

// deletableFrom returns when the objects of a backup can be deleted whose lock has ended here; zero: now.
func (bs *Backups) deletableFrom(b *meta.Backup) time.Time {
	// A store that is not configured any more is the delete's own problem.
	if locks, err := bs.storeLocks(b); b.LockedUntil.IsZero() || b.Metadata[policy.LockedByKey] != policy.LockedByStore && (err != nil || !locks) {
		return time.Time{}
	}
	return b.LockedUntil.Add(storeLag)
}

func (bs *Backups) lockTask(j *meta.Job, _ struct{}) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			locked, err := bs.lockObjects(ctx, j.BackupID)
			if err == nil {
				return 0, func(tx *meta.Tx) error { return bs.showLocked(tx, locked) }, nil
			}
			if ctx.Err() == nil && !errors.Is(err, chunk.ErrNoLock) { // the store may be away, or lack a permission
				err = &jobs.Again{After: lockPause, Err: errors.Join(err, bs.tellNotLocked(ctx, j, err))}
			}
			return 0, nil, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			b, err := tx.Backup(j.BackupID)
			if err != nil || b == nil {
				return err
			}
			return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionBackup, core.DetailUnknown, core.BackupResource, b.ID,
				"The backup is locked here, but its objects could not be locked in the store. "+reason)
		},
	}
}

// tellNotLocked tells the project after the first attempt that the store does not protect the backup yet.
func (bs *Backups) tellNotLocked(ctx context.Context, j *meta.Job, why error) error {
	if j.Attempts > 1 {
		return nil
	}
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionBackup, core.DetailUnknown, core.BackupResource, j.BackupID,
			"The backup is locked here, but its objects are not locked in the store yet. The gateway tries again every five minutes. "+core.ReasonOf(why))
	})
}

// lockedObjects is a backup whose objects are locked until a time.
type lockedObjects struct {
	id    string
	until time.Time
}

// lockObjects locks the objects of a backup and of all that it builds on, each until its row's time.
func (bs *Backups) lockObjects(ctx context.Context, id string) (locked []lockedObjects, err error) {
	for seen := map[string]bool{}; id != "" && !seen[id]; {
		seen[id] = true
		b, err := bs.core.DB.Backup(ctx, id)
		if err != nil || b == nil {
			return locked, err
		}
		if b.LockedUntil.After(bs.core.Clock.Now()) && b.ServiceMetadata != "" {
			s, err := bs.storeOf(ctx, b)
			if err != nil {
				return nil, err
			}
			locker, ok := s.Store.(chunk.Locker)
			if !ok || !locker.Locks() { // the setting was changed
				return locked, nil
			}
			at := chunked.Location{Container: bs.container(s, b), Prefix: b.ServiceMetadata}
			n, err := chunked.Lock(ctx, locker, at, b.LockedUntil)
			if err == nil && n == 0 { // never is a backup called protected because there is nothing to protect
				err = core.Reasonf("The store lists no objects of backup %s.", b.ID)
			}
			if err != nil {
				return nil, err
			}
			bs.core.Log.Info("the objects of a backup are locked", zap.String("backup_id", b.ID), zap.Int("objects", n), zap.Time("until", b.LockedUntil))
			locked = append(locked, lockedObjects{b.ID, b.LockedUntil})
		}
		id = b.ParentID
	}
	return locked, nil
}

// showLocked says in the metadata of backups that their objects are locked as well, unless the lock has become longer meanwhile.
func (bs *Backups) showLocked(tx *meta.Tx, all []lockedObjects) error {
	for _, l := range all {
		b, err := tx.Backup(l.id)
		if err != nil {
			return err
		}
		if b == nil || !b.LockedUntil.Equal(l.until) {
			continue
		}
		b.Metadata = core.With(b.Metadata, policy.LockedByKey, policy.LockedByStore)
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
	}
	return nil
}

// CheckLocks finds out whether the stores that are configured to lock objects do so. One that does not is an
// error; one that is away is found out about before its first lock.
func (bs *Backups) CheckLocks(ctx context.Context) error {
	for _, s := range bs.core.Stores.All() {
		locker, ok := s.Store.(chunk.Locker)
		if !ok || !locker.Locks() {
			continue
		}
		err := locker.ProbeLock(chunk.WithPatience(ctx, probePatience), "")
		if errors.Is(err, chunk.ErrNoLock) {
			return err
		}
		if err != nil {
			bs.core.Log.Warn("whether a backup store protects locked objects is not known yet", zap.String("store", s.Name), zap.Error(err))
		}
	}
	return nil
}

// probePatience bounds each request of a probe at the start.
const probePatience = 5 * time.Second
