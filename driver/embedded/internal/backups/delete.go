package backups

import (
	"context"
	"errors"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// DeleteBackup accepts a delete and queues its job (cinder/backup/api.py delete). A
// backup that has dependents is refused, or these are rebased.
func (bs *Backups) DeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return bs.requestFreeing(ctx, who, func(tx *meta.Tx) error {
		b, err := core.OwnBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if b.Status != driver.BackupAvailable && b.Status != driver.BackupError {
			return driver.NotDeletable()
		}
		// A volume is being created from it. In Cinder its status would be restoring.
		if jobs, err := tx.JobsOfBackup(b.ID); err != nil || len(jobs) > 0 {
			if err != nil {
				return err
			}
			return driver.NotDeletable()
		}
		return bs.acceptDelete(tx, who, b)
	})
}

// ForceDeleteBackup deletes a backup in any status. It cancels the jobs that use the
// backup.
func (bs *Backups) ForceDeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return bs.requestFreeing(ctx, who, func(tx *meta.Tx) error {
		b, err := core.OwnBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if _, err := bs.checkDelete(tx, b); err != nil {
			return err
		}
		if err := errors.Join(bs.core.BackupServiceUp(tx, ""), bs.cancelJobs(tx, b)); err != nil {
			return err
		}
		return bs.acceptDelete(tx, who, b)
	})
}

// acceptDelete checks and queues the delete that a request asks for.
func (bs *Backups) acceptDelete(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	rebases, err := bs.checkDelete(tx, b)
	if err != nil {
		return err
	}
	if err := errors.Join(bs.core.BackupServiceUp(tx, ""), bs.queueDelete(tx, who, b, rebases)); err != nil || ownsNothing(b) {
		return err
	}
	return bs.core.Use(b.Store, b.ProjectID)
}

// checkDelete refuses to delete a backup that is locked, or that others build on and that cannot be
// taken from under them. rebases says that others build on it and will be rebased. It checks the
// dependents of all projects. Cinder checks only those of the caller's project
// (cinder/backup/api.py delete), so an admin of another project can orphan a child.
func (bs *Backups) checkDelete(tx *meta.Tx, b *meta.Backup) (rebases bool, err error) {
	if err := checkUnlocked(tx, b); err != nil {
		return false, err
	}
	children, err := tx.Children(b.ID)
	if err != nil || len(children) == 0 {
		return false, err
	}
	return true, bs.checkRebase(tx, b, children)
}

// queueDelete queues the job that deletes a backup, which [Backups.checkDelete] allows.
func (bs *Backups) queueDelete(tx *meta.Tx, who driver.Caller, b *meta.Backup, rebases bool) error {
	if rebases {
		return bs.startRebase(tx, who, b)
	}
	if err := bs.forgetCopies(tx, b.ID); err != nil {
		return err
	}
	b.Status = driver.BackupDeleting
	if err := tx.TouchBackup(b); err != nil {
		return err
	}
	// The job's resource is the objects. So backups that share objects are deleted one
	// after the other, and the last delete removes the objects.
	resource := b.Container + "/" + b.ServiceMetadata
	if b.ServiceMetadata == "" {
		resource = b.ID // it shares no objects
	}
	j, err := bs.jobs.New(who, deleteJob, resource, struct{}{})
	if err != nil {
		return err
	}
	j.BackupID = b.ID
	if from := bs.deletableFrom(b); from.After(tx.Now) {
		j.NotBefore = from
	}
	return bs.jobs.Enqueue(tx, j)
}
