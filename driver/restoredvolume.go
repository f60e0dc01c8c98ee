package driver

import "strings"

// What Cinder calls the new volume of a restore that names none, until the restore is
// done (cinder/backup/api.py restore).
const (
	restoredPrefix = "restore_backup_"
	// RestoredDescription is such a volume's description.
	RestoredDescription = "auto-created_from_restore_from_backup"
)

// RestoredName is such a volume's name.
func RestoredName(backupID string) string { return restoredPrefix + backupID }

// TakesSourceName reports whether a restored volume gets the name of the backup's volume
// when the restore is done: it has no name, or begins with that of RestoredName
// (cinder/backup/manager.py restore_backup).
func TakesSourceName(name string) bool {
	return name == "" || strings.HasPrefix(name, restoredPrefix)
}
