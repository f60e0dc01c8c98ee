package embedded

// Statuses of volumes and snapshots (cinder/objects/fields.py VolumeStatus and
// SnapshotStatus); those of backups are in package driver.
const (
	creating       = "creating"
	available      = "available"
	deleting       = "deleting"
	inUse          = "in-use"
	backingUp      = "backing-up"
	restoring      = "restoring"
	restoringBack  = "restoring-backup"
	reverting      = "reverting"
	attaching      = "attaching"
	detaching      = "detaching"
	maintenance    = "maintenance"
	reserved       = "reserved"
	downloading    = "downloading"
	uploading      = "uploading"
	failed         = "error"
	errorRestoring = "error_restoring"
	errorExtending = "error_extending"
	errorManaging  = "error_managing"
	errorDeleting  = "error_deleting"

	awaitingTransfer = "awaiting-transfer"

	attached = "attached"
	detached = "detached"
)
