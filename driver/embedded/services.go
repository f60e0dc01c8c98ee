package embedded

import (
	"context"
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Services shows this process as Cinder's three services, up while Run runs.
func (d *Driver) Services(ctx context.Context, _ driver.Caller) ([]driver.Service, error) {
	changed, err := d.core.DB.Services(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var all []driver.Service
	for _, binary := range []string{core.BackupService, core.SchedulerService, core.VolumeService} {
		s := driver.Service{Binary: binary, Host: d.core.ServiceHost(binary), Zone: d.core.AvailabilityZone,
			Up: d.jobs.Up(), UpdatedAt: d.core.Now().UTC()}
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
	if !slices.Contains([]string{core.BackupService, core.SchedulerService, core.VolumeService}, binary) || host != d.core.ServiceHost(binary) {
		return driver.ServiceNotFound(host, binary)
	}
	return d.core.Write(ctx, func(tx *meta.Tx) error {
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

// HostUse counts volumes and snapshots by project.
func (d *Driver) HostUse(ctx context.Context, _ driver.Caller, host string) ([]driver.HostUse, error) {
	if host != d.core.ServiceHost(core.VolumeService) {
		return nil, driver.ServiceNotFound(host, core.VolumeService)
	}
	volumes, err := d.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	snapshots, err := d.core.DB.AllSnapshots(ctx)
	if err != nil {
		return nil, core.Classify(err)
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
