package embedded

import (
	"context"
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// The binaries that this process stands for.
const (
	backupService    = "cinder-backup"
	schedulerService = "cinder-scheduler"
	volumeService    = "cinder-volume"
)

// serviceHost is where a service is: cinder-volume's has the backend's name in it.
func (d *Driver) serviceHost(binary string) string {
	if binary == volumeService {
		return d.o.Host + "@embedded"
	}
	return d.o.Host
}

// Services shows this process as Cinder's three services, up while Run runs.
func (d *Driver) Services(ctx context.Context, _ driver.Caller) ([]driver.Service, error) {
	changed, err := d.db.Services(ctx)
	if err != nil {
		return nil, classify(err)
	}
	var all []driver.Service
	for _, binary := range []string{backupService, schedulerService, volumeService} {
		s := driver.Service{Binary: binary, Host: d.serviceHost(binary), Zone: d.o.AvailabilityZone,
			Up: d.up.Load(), UpdatedAt: d.o.Now().UTC()}
		for _, c := range changed {
			if c.Binary == binary {
				s.Disabled, s.DisabledReason, s.Frozen = c.Disabled, c.DisabledReason, c.Frozen
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// UpdateService enables, disables, freezes or thaws a service. New volumes are not
// placed on a disabled cinder-volume; a frozen one also refuses snapshots and
// deletes, as Cinder does.
func (d *Driver) UpdateService(ctx context.Context, _ driver.Caller, host, binary string, patch driver.ServicePatch) error {
	if !slices.Contains([]string{backupService, schedulerService, volumeService}, binary) || host != d.serviceHost(binary) {
		return driver.ServiceNotFound(host, binary)
	}
	return d.write(ctx, func(tx *meta.Tx) error {
		s, err := tx.Service(binary)
		if err != nil {
			return err
		}
		if patch.Disabled.Set {
			s.Disabled = patch.Disabled.Value
		}
		if patch.DisabledReason.Set {
			s.DisabledReason = patch.DisabledReason.Value
		}
		if patch.Frozen.Set {
			s.Frozen = patch.Frozen.Value
		}
		return tx.PutService(s)
	})
}

// disabled tells whether an admin has disabled a service.
func disabled(tx *meta.Tx, binary string) (bool, error) {
	s, err := tx.Service(binary)
	return err == nil && s.Disabled, err
}

// backupServiceUp refuses work on a backup while cinder-backup is disabled
// (cinder/backup/api.py _get_available_backup_service_host).
func backupServiceUp(tx *meta.Tx) error {
	off, err := disabled(tx, backupService)
	if err == nil && off {
		err = driver.ServiceUnknown.Errorf("Service %s could not be found.", backupService)
	}
	return err
}

// notFrozen refuses changes while cinder-volume is frozen
// (cinder/objects/base.py assert_not_frozen).
func notFrozen(tx *meta.Tx) error {
	s, err := tx.Service(volumeService)
	if err == nil && s.Frozen {
		err = driver.Errorf(driver.InvalidState,
			"Invalid input received: Modification operations are not allowed on frozen storage backends.")
	}
	return err
}

// HostUse counts volumes and snapshots by project.
func (d *Driver) HostUse(ctx context.Context, _ driver.Caller, host string) ([]driver.HostUse, error) {
	if host != d.serviceHost(volumeService) {
		return nil, driver.ServiceNotFound(host, volumeService)
	}
	volumes, err := d.db.AllVolumes(ctx)
	if err != nil {
		return nil, classify(err)
	}
	snapshots, err := d.db.AllSnapshots(ctx)
	if err != nil {
		return nil, classify(err)
	}
	use := map[string]driver.HostUse{}
	for v := range volumes.All() {
		u := use[v.ProjectID]
		u.Volumes++
		u.VolumeGB += v.Size
		use[v.ProjectID] = u
	}
	for s := range snapshots.All() {
		u := use[s.ProjectID]
		u.Snapshots++
		u.SnapshotsGB += s.Size
		use[s.ProjectID] = u
	}
	all := make([]driver.HostUse, 0, len(use))
	for _, project := range slices.Sorted(maps.Keys(use)) {
		u := use[project]
		u.ProjectID = project
		all = append(all, u)
	}
	return all, nil
}
