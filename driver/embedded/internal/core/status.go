package core

// Statuses of volumes and snapshots (cinder/objects/fields.py VolumeStatus and
// SnapshotStatus); those of backups are in package driver.
const (
	Creating       = "creating"
	Available      = "available"
	Deleting       = "deleting"
	InUse          = "in-use"
	BackingUp      = "backing-up"
	Restoring      = "restoring"
	RestoringBack  = "restoring-backup"
	Reverting      = "reverting"
	Attaching      = "attaching"
	Detaching      = "detaching"
	Maintenance    = "maintenance"
	Reserved       = "reserved"
	Downloading    = "downloading"
	Uploading      = "uploading"
	StatusError    = "error"
	ErrorRestoring = "error_restoring"
	ErrorExtending = "error_extending"
	ErrorManaging  = "error_managing"
	ErrorDeleting  = "error_deleting"

	AwaitingTransfer = "awaiting-transfer"

	Attached = "attached"
	Detached = "detached"
)
