package core

import (
	"slices"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// The names of Cinder's services that each gateway stands for.
const (
	BackupService    = "cinder-backup"
	SchedulerService = "cinder-scheduler"
	VolumeService    = "cinder-volume"
)

// Services are these names.
var Services = []string{BackupService, SchedulerService, VolumeService}

// ServiceHost returns the host of a service of a gateway. For cinder-volume it includes the
// backend's name.
func ServiceHost(gateway, binary string) string {
	if binary == VolumeService {
		return gateway + backend
	}
	return gateway
}

// Service returns the row of a service of a gateway; "": the only one.
func (c *Core) Service(tx *meta.Tx, gateway, binary string) (*meta.Service, error) {
	return tx.Service(c.serviceKey(gateway, binary))
}

func (c *Core) serviceKey(gateway, binary string) string {
	if !c.Several() {
		return binary
	}
	return binary + "@" + gateway
}

// Taking returns the gateways whose service takes work: they are up, and no admin has disabled
// it.
func (c *Core) Taking(tx *meta.Tx, binary string) ([]Gateway, error) {
	all, err := c.Gateways(tx)
	if err != nil {
		return nil, err
	}
	taking := all[:0]
	for _, g := range all {
		s, err := c.Service(tx, g.Host, binary)
		if err != nil {
			return nil, err
		}
		if g.Up && !s.Disabled {
			taking = append(taking, g)
		}
	}
	return taking, nil
}

// TakesWork reports whether a service takes work at a gateway; "": at any.
func (c *Core) TakesWork(tx *meta.Tx, gateway, binary string) (bool, error) {
	taking, err := c.Taking(tx, binary)
	return slices.ContainsFunc(taking, func(g Gateway) bool { return gateway == "" || g.Host == gateway }), err
}

// BackupServiceUp refuses work on backups while cinder-backup is down or disabled at a gateway;
// "": at all (cinder/backup/api.py _get_available_backup_service_host).
func (c *Core) BackupServiceUp(tx *meta.Tx, gateway string) error {
	up, err := c.TakesWork(tx, gateway, BackupService)
	if err == nil && !up {
		err = driver.ServiceUnknown.Errorf("Service %s could not be found.", BackupService)
	}
	return err
}

// NotFrozen refuses changes of what is at a host while its cinder-volume is frozen
// (cinder/objects/base.py assert_not_frozen).
func (c *Core) NotFrozen(tx *meta.Tx, volumeHost string) error {
	if c.SharedVolumes {
		return c.noneFrozen(tx)
	}
	return c.notFrozen(tx, c.GatewayOf(volumeHost))
}

// noneFrozen is NotFrozen for volumes that all gateways have.
func (c *Core) noneFrozen(tx *meta.Tx) error {
	all, err := c.Gateways(tx)
	for _, g := range all {
		if err == nil {
			err = c.notFrozen(tx, g.Host)
		}
	}
	return err
}

func (c *Core) notFrozen(tx *meta.Tx, gateway string) error {
	s, err := c.Service(tx, gateway, VolumeService)
	if err == nil && s.Frozen {
		err = driver.Errorf(driver.InvalidState,
			"Invalid input received: Modification operations are not allowed on frozen storage backends.")
	}
	return err
}
