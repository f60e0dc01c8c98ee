package driver

// VolumeStatus is the status of a volume or snapshot (cinder/objects/fields.py
// VolumeStatus, SnapshotStatus). Backends may report others than those below.
type VolumeStatus = string

// The statuses of volumes. Snapshots use some of them.
const (
	VolumeCreating         VolumeStatus = "creating"
	VolumeAvailable        VolumeStatus = "available"
	VolumeInUse            VolumeStatus = "in-use"
	VolumeReserved         VolumeStatus = "reserved"
	VolumeAttaching        VolumeStatus = "attaching"
	VolumeDetaching        VolumeStatus = "detaching"
	VolumeMaintenance      VolumeStatus = "maintenance"
	VolumeBackingUp        VolumeStatus = "backing-up"
	VolumeRestoringBackup  VolumeStatus = "restoring-backup"
	VolumeReverting        VolumeStatus = "reverting"
	VolumeExtending        VolumeStatus = "extending"
	VolumeDownloading      VolumeStatus = "downloading"
	VolumeUploading        VolumeStatus = "uploading"
	VolumeAwaitingTransfer VolumeStatus = "awaiting-transfer"
	VolumeDeleting         VolumeStatus = "deleting"
	VolumeError            VolumeStatus = "error"
	VolumeErrorRestoring   VolumeStatus = "error_restoring"
	VolumeErrorExtending   VolumeStatus = "error_extending"
	VolumeErrorManaging    VolumeStatus = "error_managing"
	VolumeErrorDeleting    VolumeStatus = "error_deleting"
	SnapshotRestoring      VolumeStatus = "restoring" // its volume is being reverted to it
)

// AttachStatus is the attach_status of a volume (cinder/objects/fields.py
// VolumeAttachStatus).
type AttachStatus = string

// The attach statuses that are not transient.
const (
	VolumeAttached AttachStatus = "attached"
	VolumeDetached AttachStatus = "detached"
)
