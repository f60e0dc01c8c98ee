package core

import "cindergate/driver"

// Statuses of volumes and snapshots (cinder/objects/fields.py VolumeStatus and
// SnapshotStatus). Those of backups are in package driver.
const (
	Creating       = driver.VolumeCreating
	Available      = driver.VolumeAvailable
	Deleting       = driver.VolumeDeleting
	InUse          = driver.VolumeInUse
	BackingUp      = driver.VolumeBackingUp
	Restoring      = driver.SnapshotRestoring
	RestoringBack  = driver.VolumeRestoringBackup
	Reverting      = driver.VolumeReverting
	Extending      = driver.VolumeExtending
	Attaching      = driver.VolumeAttaching
	Detaching      = driver.VolumeDetaching
	Maintenance    = driver.VolumeMaintenance
	Reserved       = driver.VolumeReserved
	Downloading    = driver.VolumeDownloading
	Uploading      = driver.VolumeUploading
	StatusError    = driver.VolumeError
	ErrorRestoring = driver.VolumeErrorRestoring
	ErrorExtending = driver.VolumeErrorExtending
	ErrorManaging  = driver.VolumeErrorManaging
	ErrorDeleting  = driver.VolumeErrorDeleting

	AwaitingTransfer = driver.VolumeAwaitingTransfer

	Attached = driver.VolumeAttached
	Detached = driver.VolumeDetached
)
