package backups

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// chooseParent returns the parent of a new incremental backup: the backup with the newest
// data. For a snapshot, it is the newest backup that is older than the snapshot. Of backups
// with equal data times, the one created last wins, then one that is not itself a parent.
func chooseParent(tx *meta.Tx, projectID, volumeID string, s *meta.Snapshot) (*meta.Backup, error) {
	all, err := tx.BackupsOfVolume(projectID, volumeID)
	if err != nil {
		return nil, err
	}
	isParent := map[string]bool{}
	for _, b := range all {
		isParent[b.ParentID] = true
	}
	var best *meta.Backup
	unavailable := false
	for _, b := range all {
		if s != nil && !b.DataTimestamp.Before(s.CreatedAt) {
			continue
		}
		if b.Status != driver.BackupAvailable {
			unavailable = true
			continue
		}
		if best == nil || newer(b, best, isParent) {
			best = b
		}
	}
	switch {
	case best != nil:
		return best, nil
	case unavailable || (s != nil && hasUnavailable(all)):
		return nil, driver.BackupHasNoParent.Errorf("The parent backup must be available for incremental backup.")
	}
	return nil, driver.BackupHasNoParent.Errorf("No backups available to do an incremental backup.")
}

func newer(a, b *meta.Backup, isParent map[string]bool) bool {
	if c := a.DataTimestamp.Compare(b.DataTimestamp); c != 0 {
		return c > 0
	}
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c > 0
	}
	if isParent[a.ID] != isParent[b.ID] {
		return isParent[b.ID]
	}
	return a.ID > b.ID
}

func hasUnavailable(all []*meta.Backup) bool {
	for _, b := range all {
		if b.Status != driver.BackupAvailable {
			return true
		}
	}
	return false
}
