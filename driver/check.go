package driver

// What Cinder checks before it accepts work on backups (cinder/backup/api.py), for
// backends that know the statuses and leave the check to the driver.

// CheckSource checks the volume that a backup is made of. With ofSnapshot the backup is
// of one of its snapshots.
func CheckSource(status VolumeStatus, force, ofSnapshot bool) error {
	switch {
	case status != VolumeAvailable && status != VolumeInUse:
		return StatusReason(status).Errorf("Volume to be backed up must be available or in-use, but the current status is \"%s\".", status)
	case status == VolumeInUse && !force && !ofSnapshot:
		return VolumeBusy.Errorf("Backing up an in-use volume must use the force flag.")
	}
	return nil
}

// CheckRestorable checks a backup that is to be restored.
func CheckRestorable(status BackupStatus) error {
	if status != BackupAvailable {
		return BackupNotAvailable.Errorf("Backup status must be available")
	}
	return nil
}

// CheckTarget checks the volume that a backup is restored to. Sizes are in GiB.
func CheckTarget(status VolumeStatus, volumeSize, backupSize int) error {
	switch {
	case status != VolumeAvailable:
		return StatusReason(status).Errorf("Volume to be restored to must be available")
	case volumeSize < backupSize:
		return VolumeTooSmall.Errorf("volume size %d is too small to restore backup of size %d.", volumeSize, backupSize)
	}
	return nil
}

// NotDeletable is the error for the delete of a backup whose status forbids it.
func NotDeletable() error {
	return BackupNotAvailable.Errorf("Backup status must be available or error")
}
