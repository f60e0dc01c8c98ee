package backups

import (
	"context"
	"errors"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// ResetBackupStatus sets the status and cancels the backup's jobs, as Cinder does when it
// notices the change. Cinder also makes a backup without data available. Here the objects
// are checked first, because an available backup can be restored.
func (bs *Backups) ResetBackupStatus(ctx context.Context, who driver.Caller, backupID string, to driver.BackupStatus) error {
	if to == driver.BackupAvailable {
		return bs.resetToAvailable(ctx, who, backupID)
	}
	return bs.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		b, err := core.OwnBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if err := errors.Join(bs.core.BackupServiceUp(tx, ""), bs.cancelJobs(tx, b)); err != nil {
			return err
		}
		b.Status = to
		bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
		return tx.TouchBackup(b)
	})
}

func (bs *Backups) resetToAvailable(ctx context.Context, who driver.Caller, backupID string) error {
	var b *meta.Backup
	checked := false // true if the status already says that the data is complete
	err := bs.request(ctx, who, func(tx *meta.Tx) (err error) {
		if b, err = core.OwnBackup(tx, who, backupID); err != nil {
			return err
		}
		if err := bs.core.BackupServiceUp(tx, ""); err != nil {
			return err
		}
		if b.ServiceMetadata == "" || b.Status == driver.BackupDeleting {
			return driver.InvalidBackup("Backup %s cannot be reset to available: it has no data or is being deleted, its status is %s.",
				b.ID, b.Status)
		}
		checked = b.Status == driver.BackupAvailable || b.Status == driver.BackupRestoring
		if !checked {
			return bs.core.Use(b.Store, b.ProjectID)
		}
		if err := bs.cancelJobs(tx, b); err != nil {
			return err
		}
		b.Status = driver.BackupAvailable
		bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
		return errors.Join(bs.startCopy(tx, b), tx.TouchBackup(b))
	})
	if err != nil || checked {
		return err
	}
	if err := bs.checkData(ctx, b); err != nil {
		if ctx.Err() != nil {
			return core.Classify(ctx.Err())
		}
		return driver.Wrap(driver.InvalidState, err, "Invalid backup: Backup %s cannot be reset to available: %s", b.ID, core.ReasonOf(err))
	}
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		now, err := core.OwnBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if now.Status != b.Status || now.ServiceMetadata != b.ServiceMetadata {
			return driver.InvalidBackup("Backup %s was changed meanwhile, its status is %s.", b.ID, now.Status)
		}
		now.Status, now.FailReason = driver.BackupAvailable, ""
		bs.core.Attention.CallAfter(tx, now.ProjectID, now.VolumeID)
		return errors.Join(bs.startCopy(tx, now), tx.TouchBackup(now))
	})
}

// cancelJobs cancels the jobs of a backup. Each job restores the status of the volume or
// snapshot that it holds. The lock of its objects goes on: no status ends a lock.
func (bs *Backups) cancelJobs(tx *meta.Tx, b *meta.Backup) error {
	about, err := tx.JobsOfBackup(b.ID)
	if err != nil {
		return err
	}
	for _, j := range about {
		if j.Kind == objectLockJob {
			continue
		}
		if err := bs.jobs.Cancel(tx, j); err != nil {
			return err
		}
	}
	return nil
}
