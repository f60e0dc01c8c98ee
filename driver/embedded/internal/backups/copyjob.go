package backups

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// The kinds of jobs about copies at other backends.
const (
	copyJob        = "copy"
	copyRemovalJob = "copy-removal"
)

type copyArguments struct {
	Copy string `json:"copy"` // id of the row
}

// copyJobID is the id of the job of a kind about a copy: there is at most one.
func copyJobID(kind, copyID string) string { return kind + "-" + copyID }

// copyDeaths is how often the process may die in a row while it copies a backup, without any
// progress that was stored. A copy goes on where it was, so it outlives more deaths than other jobs.
const copyDeaths = 30

// Pauses before a copy that failed is tried again: the first one, doubled each time up to the
// longest one.
const (
	firstCopyPause   = 30 * time.Second
	longestCopyPause = time.Hour
)

// cleanUpTime bounds the removal of what a copy has made, after it has failed for good. What is
// left then is removed when the copy is tried again or given up.
const cleanUpTime = time.Minute

// copyTask copies a backup to another backend.
func (bs *Backups) copyTask(_ *meta.Job, a copyArguments) jobs.Task {
	misconfigured, cleaned := false, false
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			c, b, err := bs.beginCopy(ctx, a.Copy)
			if err != nil || b == nil {
				return 0, jobs.Done, err
			}
			copied, err := bs.copyBackup(ctx, c, b)
			if err == nil {
				return copied.Bytes, func(tx *meta.Tx) error { return bs.completeCopy(tx, a.Copy, copied) }, nil
			}
			if ctx.Err() != nil {
				return 0, nil, err
			}
			reason := copyReason(err)
			if driver.KindOf(err) == driver.Unavailable && c.Failures+1 < bs.copying.Attempts {
				bs.core.Log.Warn("a copy failed and is repeated", zap.String("backup_id", b.ID), zap.String("backend", c.Backend),
					zap.Int("failures", c.Failures+1), zap.Error(err))
				return 0, nil, &jobs.Again{After: bs.copyPause(c.Failures), Err: err, Change: func(tx *meta.Tx) error {
					return bs.updateCopy(tx, a.Copy, reason, func(c *meta.Copy) { c.State = meta.CopyQueued; c.Failures++ })
				}}
			}
			kind := driver.KindOf(err)
			misconfigured = kind == driver.InvalidInput || kind == driver.Unauthorized
			cleaned = bs.cleanUp(ctx, a.Copy) == nil
			return 0, nil, core.Because(err, reason)
		},
		Fail: func(tx *meta.Tx, reason string) error {
			return bs.updateCopy(tx, a.Copy, reason, func(c *meta.Copy) {
				c.State, c.Misconfigured, c.Started = meta.CopyError, misconfigured, c.Started && !cleaned
			})
		},
	}
}

// cleanUp removes what a copy has made that has failed for good.
func (bs *Backups) cleanUp(ctx context.Context, id string) error {
	var c *meta.Copy
	if err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) { c, err = tx.Copy(id); return err }); err != nil || c == nil || !c.Started {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cleanUpTime)
	defer cancel()
	return bs.removeCopy(ctx, c)
}

// beginCopy returns a copy and its backup, which shows that it is being copied. The backup is nil
// if there is nothing to do.
func (bs *Backups) beginCopy(ctx context.Context, id string) (c *meta.Copy, b *meta.Backup, err error) {
	err = bs.core.Write(ctx, func(tx *meta.Tx) error {
		b = nil
		if c, err = tx.Copy(id); err != nil || c == nil || c.State == meta.CopyRemoving {
			return err
		}
		if b, err = tx.Backup(c.BackupID); err != nil || b == nil {
			return err
		}
		switch b.Status {
		case driver.BackupAvailable, driver.BackupRestoring:
		case driver.BackupCreating: // its end queues the copy
			b = nil
			return nil
		default:
			return nil // copyBackup says why
		}
		return bs.updateCopy(tx, id, "", func(row *meta.Copy) { row.State, c = meta.CopyCopying, row })
	})
	return c, b, err
}

// copyBackup has the copier make the copy.
func (bs *Backups) copyBackup(ctx context.Context, c *meta.Copy, b *meta.Backup) (driver.Copied, error) {
	if b.Status != driver.BackupAvailable && b.Status != driver.BackupRestoring {
		return driver.Copied{}, driver.Errorf(driver.InvalidState, "%s", notCopied(b))
	}
	if err := bs.core.Copier.Check(c.Backend); err != nil {
		return driver.Copied{}, err
	}
	data, err := bs.openContent(ctx, b)
	if err != nil {
		return driver.Copied{}, unreadable(err)
	}
	volume, err := bs.volumeOf(ctx, b)
	if err != nil {
		return driver.Copied{}, unreadable(err)
	}
	report := jobs.Progress(ctx)
	job := driver.Copy{ID: c.ID, To: c.Backend, Known: c.CopyID, Backup: b.Backup, Volume: volume, Content: contentOf(data, b),
		Begin: func(ctx context.Context) error {
			return bs.core.Write(ctx, func(tx *meta.Tx) error {
				row, err := tx.Copy(c.ID)
				if err != nil {
					return err
				}
				if row == nil || row.State != meta.CopyCopying {
					return driver.Left(errors.New("the copy is not wanted any more"))
				}
				row.Started = true
				return tx.PutCopy(row)
			})
		},
		Progress: func(p driver.CopyingProgress) {
			size := bs.core.Bytes(b.Size)
			_ = report(size/100*int64(p.Percent), size) // a copy does not end by it
			err := bs.core.Write(ctx, func(tx *meta.Tx) error { return showProgress(tx, c.ID, p) })
			if err != nil && ctx.Err() == nil {
				bs.core.Log.Warn("the progress of a copy cannot be stored", zap.String("backup_id", b.ID), zap.Error(err))
			}
		}}
	if job.Parent, err = bs.copiedParent(ctx, c, b); err != nil {
		return driver.Copied{}, core.Classify(err)
	}
	copied, err := bs.core.Copier.Copy(ctx, job)
	if known := (*driver.Error)(nil); err != nil && !errors.As(err, &known) {
		err = unreadable(err)
	}
	return copied, err
}

// volumeOf returns what a restore of a backup gives a volume besides the bytes.
func (bs *Backups) volumeOf(ctx context.Context, b *meta.Backup) (v driver.UploadVolume, err error) {
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return v, err
	}
	chain, err := bs.chain(ctx, s, b)
	if err != nil {
		return v, err
	}
	var all []*string
	for _, level := range chain {
		summary, err := chunked.Describe(ctx, s.Store, level.Location)
		if err != nil {
			return v, err
		}
		all = append(all, summary.VolumeMeta)
	}
	vm, err := chunked.MergeVolumeMeta(all)
	if err != nil {
		// As in a restore, the bytes are useful without it.
		bs.core.Log.Warn("volume metadata of the backup cannot be read", zap.String("backup_id", b.ID), zap.Error(err))
		return v, nil
	}
	return driver.UploadVolume{Name: vm.Base["display_name"], Description: vm.Base["display_description"],
		Metadata: vm.Metadata, ImageMetadata: vm.Image, Bootable: vm.Image != nil}, nil
}

// copiedParent returns the parent of a backup if it has a complete copy at the same backend.
func (bs *Backups) copiedParent(ctx context.Context, c *meta.Copy, b *meta.Backup) (*driver.CopiedParent, error) {
	if b.ParentID == "" {
		return nil, nil
	}
	var parent *meta.Backup
	var its *meta.Copy
	err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		if parent, err = tx.Backup(b.ParentID); err != nil || parent == nil {
			return err
		}
		its, err = copyAt(tx, parent.ID, c.Backend)
		return err
	})
	if err != nil || its == nil || its.CopyID == "" {
		return nil, err
	}
	return &driver.CopiedParent{Backup: parent.Backup, Copy: its.CopyID, Open: func(ctx context.Context) (driver.Content, error) {
		data, err := bs.openContent(ctx, parent)
		if err != nil {
			return nil, unreadable(err)
		}
		return contentOf(data, parent), nil
	}}, nil
}

// completeCopy notes that a copy is complete.
func (bs *Backups) completeCopy(tx *meta.Tx, id string, copied driver.Copied) error {
	tx.AfterCommit(func() {
		bs.core.Copier.Forget(id)
		for _, lost := range copied.Lost {
			bs.core.Log.Info("a copy does not have everything", zap.String("copy_id", copied.ID), zap.String("lost", lost))
		}
	})
	return bs.updateCopy(tx, id, "", func(c *meta.Copy) {
		c.State, c.CopyID, c.Failures, c.Started, c.Misconfigured = meta.CopyAvailable, copied.ID, 0, false, false
	})
}

// copyPause is the pause after a number of failures before the last one.
func (bs *Backups) copyPause(failures int) time.Duration {
	pause := bs.copying.Pause
	for range failures {
		pause = min(2*pause, longestCopyPause)
	}
	return pause
}

// copyReason is the text of an error for users.
func copyReason(err error) string {
	var known *driver.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return core.ReasonOf(err)
}

// removeCopy removes what a copy has made at its backend.
func (bs *Backups) removeCopy(ctx context.Context, c *meta.Copy) error {
	err := bs.core.Copier.Abort(ctx, c.ID, c.Backend)
	if err == nil {
		bs.core.Copier.Forget(c.ID)
	}
	return err
}

// copyRemovalTask removes what a copy has made that nobody wants any more. If that fails for
// good, the row stays, and the next start tries again.
func (bs *Backups) copyRemovalTask(_ *meta.Job, a copyArguments) jobs.Task {
	return jobs.Task{Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
		var c *meta.Copy
		err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) { c, err = tx.Copy(a.Copy); return err })
		if err != nil || c == nil || c.State != meta.CopyRemoving {
			return 0, jobs.Done, err
		}
		if err = bs.removeCopy(ctx, c); err == nil {
			return 0, func(tx *meta.Tx) error { return tx.RemoveCopy(a.Copy) }, nil
		}
		if ctx.Err() != nil {
			return 0, nil, err
		}
		if driver.KindOf(err) == driver.Unavailable && c.Failures+1 < bs.copying.Attempts {
			return 0, nil, &jobs.Again{After: bs.copyPause(c.Failures), Err: err, Change: func(tx *meta.Tx) error {
				row, err := tx.Copy(a.Copy)
				if err != nil || row == nil {
					return err
				}
				row.Failures++
				return tx.PutCopy(row)
			}}
		}
		bs.core.Log.Error("what a copy has made at its backend could not be removed", zap.String("backup_id", c.BackupID),
			zap.String("backend", c.Backend), zap.String("copy", c.ID), zap.Error(err))
		return 0, nil, core.Because(err, copyReason(err))
	}}
}
