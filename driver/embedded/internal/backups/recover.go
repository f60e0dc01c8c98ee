package backups

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// Recover gives backups that are left in a passing status without a job the status that
// Cinder gives them at a restart (cinder/backup/manager.py
// _cleanup_incomplete_backup_operations). A delete goes on.
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
			b.Status, b.FailReason = driver.BackupError, "incomplete backup reset on manager restart"
		case driver.BackupRestoring:
			b.Status = driver.BackupAvailable
		case driver.BackupDeleting:
			if err := bs.startDelete(tx, driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}, b); err != nil {
				return err
			}
			continue
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
	}
	return nil
}
