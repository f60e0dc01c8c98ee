package driver

// This file has the checks that Cinder makes before it accepts a backup or restore
// (cinder/backup/api.py). It is for backends that report statuses but do not check them.

// CheckSource checks the status of the volume to back up. ofSnapshot says that the source
// is one of the volume's snapshots.
func CheckSource(status VolumeStatus, force, ofSnapshot bool) error {
	switch {
	case status != VolumeAvailable && status != VolumeInUse:
		return StatusReason(status).Errorf("Volume to be backed up must be available or in-use, but the current status is \"%s\".", status)
	case status == VolumeInUse && !force && !ofSnapshot:
		return VolumeBusy.Errorf("Backing up an in-use volume must use the force flag.")
	}
	return nil
}

// CheckRestorable checks the status of a backup to restore.
func CheckRestorable(status BackupStatus) error {
	if status != BackupAvailable {
		return BackupNotAvailable.Errorf("Backup status must be available")
	}
	return nil
}

// CheckTarget checks the volume to restore to. Sizes are in GiB. A volume that is too small
// has the reason VolumeTooSmall.
func CheckTarget(status VolumeStatus, volumeSize, backupSize int) error {
	switch {
	case status != VolumeAvailable:
		return StatusReason(status).Errorf("Volume to be restored to must be available")
	case volumeSize < backupSize:
		return VolumeTooSmall.Errorf("volume size %d is too small to restore backup of size %d.", volumeSize, backupSize)
	}
	return nil
}

// NotDeletable returns the error for deleting a backup whose status forbids it.
func NotDeletable() error {
	return BackupNotAvailable.Errorf("Backup status must be available or error")
}
