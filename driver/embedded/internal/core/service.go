package core

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// The names of Cinder's services that this process stands for.
const (
	BackupService    = "cinder-backup"
	SchedulerService = "cinder-scheduler"
	VolumeService    = "cinder-volume"
)

// ServiceHost returns the host of a service. For cinder-volume it includes the backend's
// name.
func (c *Core) ServiceHost(binary string) string {
	if binary == VolumeService {
		return c.Host + "@embedded"
	}
	return c.Host
}

// Disabled reports whether an admin has disabled a service.
func Disabled(tx *meta.Tx, binary string) (bool, error) {
	s, err := tx.Service(binary)
	return err == nil && s.Disabled, err
}

// BackupServiceUp refuses work on backups while cinder-backup is disabled
// (cinder/backup/api.py _get_available_backup_service_host).
func BackupServiceUp(tx *meta.Tx) error {
	off, err := Disabled(tx, BackupService)
	if err == nil && off {
		err = driver.ServiceUnknown.Errorf("Service %s could not be found.", BackupService)
	}
	return err
}

// NotFrozen refuses changes while cinder-volume is frozen
// (cinder/objects/base.py assert_not_frozen).
func NotFrozen(tx *meta.Tx) error {
	s, err := tx.Service(VolumeService)
	if err == nil && s.Frozen {
		err = driver.Errorf(driver.InvalidState,
			"Invalid input received: Modification operations are not allowed on frozen storage backends.")
	}
	return err
}
