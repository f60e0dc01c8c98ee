package backups

import (
	"errors"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// Recover corrects backups that are in a transient status without a job. It sets the status
// that Cinder sets at a restart (cinder/backup/manager.py
// _cleanup_incomplete_backup_operations). A delete continues.
func (bs *Backups) Recover(tx *meta.Tx) error {
	backups, err := tx.BackupsIn(string(driver.BackupCreating), string(driver.BackupRestoring), string(driver.BackupDeleting))
	if err != nil {
		return err
	}
	for _, b := range backups {
		jobs, err := tx.JobsOfBackup(b.ID)
		if err != nil {
			return err
		}
		if len(jobs) > 0 {
			continue
		}
		switch b.Status {
		case driver.BackupCreating:
			if u, err := tx.Upload(b.ID); err != nil || u != nil && !u.Committed {
				if err != nil {
					return err
				}
				continue // its client may go on
			}
			b.Status, b.FailReason = driver.BackupError, "incomplete backup reset on manager restart"
			if err := bs.failCopy(tx, b); err != nil {
				return err
			}
		case driver.BackupRestoring:
			b.Status = driver.BackupAvailable
		case driver.BackupDeleting:
			// It was accepted, so it goes on also where cinder-backup takes no new work.
			rebases, err := bs.checkDelete(tx, b)
			if driver.KindOf(err) == driver.InvalidState { // it is locked, or others build on it: it is whole
				b.Status = driver.BackupAvailable
				break
			}
			if err := errors.Join(err, bs.queueDelete(tx, driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}, b, rebases)); err != nil {
				return err
			}
			continue
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
	}
	return bs.recoverCopies(tx)
}
