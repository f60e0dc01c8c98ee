package driver

import "strings"

// The name and description of a restore's new volume, if the client names none. Cinder uses
// them until the restore is done (cinder/backup/api.py restore).
const (
	restoredPrefix = "restore_backup_"
	// RestoredDescription is the description of such a volume.
	RestoredDescription = "auto-created_from_restore_from_backup"
)

// RestoredName returns the name of such a volume.
func RestoredName(backupID string) string { return restoredPrefix + backupID }

// TakesSourceName reports whether a restored volume gets the name of the backup's source
// volume when the restore is done. It does if it has no name, or one that begins like
// RestoredName (cinder/backup/manager.py restore_backup).
func TakesSourceName(name string) bool {
	return name == "" || strings.HasPrefix(name, restoredPrefix)
}
