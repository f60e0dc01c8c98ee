package embedded

import "cindergate/driver"

// Statuses of volumes and snapshots (cinder/objects/fields.py VolumeStatus and
// SnapshotStatus); those of backups are in package driver.
const (
	creating       = driver.VolumeCreating
	available      = driver.VolumeAvailable
	deleting       = driver.VolumeDeleting
	inUse          = driver.VolumeInUse
	backingUp      = driver.VolumeBackingUp
	restoring      = driver.SnapshotRestoring
	restoringBack  = driver.VolumeRestoringBackup
	reverting      = driver.VolumeReverting
	attaching      = driver.VolumeAttaching
	detaching      = driver.VolumeDetaching
	maintenance    = driver.VolumeMaintenance
	reserved       = driver.VolumeReserved
	downloading    = driver.VolumeDownloading
	uploading      = driver.VolumeUploading
	failed         = driver.VolumeError
	errorRestoring = driver.VolumeErrorRestoring
	errorExtending = driver.VolumeErrorExtending
	errorManaging  = driver.VolumeErrorManaging
	errorDeleting  = driver.VolumeErrorDeleting

	awaitingTransfer = driver.VolumeAwaitingTransfer

	attached = driver.VolumeAttached
	detached = driver.VolumeDetached
)
