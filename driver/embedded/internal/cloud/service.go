package cloud

import (
	"context"
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Services returns Cinder's three services, which this process stands for. They are up
// while Run runs.
func (c *Cloud) Services(ctx context.Context, _ driver.Caller) ([]driver.Service, error) {
	changed, err := c.core.DB.Services(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var all []driver.Service
	for _, binary := range []string{core.BackupService, core.SchedulerService, core.VolumeService} {
		s := driver.Service{Binary: binary, Host: c.core.ServiceHost(binary), Zone: c.core.AvailabilityZone,
			Up: c.jobs.Up(), UpdatedAt: c.core.Clock.Now().UTC()}
		for _, c := range changed {
			if c.Binary == binary {
				s.Disabled, s.DisabledReason, s.Frozen = c.Disabled, c.DisabledReason, c.Frozen
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// UpdateService enables, disables, freezes or thaws a service. A disabled cinder-volume
// gets no new volumes. A frozen one also refuses snapshots and deletes, as in Cinder.
func (c *Cloud) UpdateService(ctx context.Context, _ driver.Caller, host, binary string, patch driver.ServicePatch) error {
	if !slices.Contains([]string{core.BackupService, core.SchedulerService, core.VolumeService}, binary) || host != c.core.ServiceHost(binary) {
		return driver.ServiceNotFound(host, binary)
	}
	return c.core.Write(ctx, func(tx *meta.Tx) error {
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
func (c *Cloud) HostUse(ctx context.Context, _ driver.Caller, host string) ([]driver.HostUse, error) {
	if host != c.core.ServiceHost(core.VolumeService) {
		return nil, driver.ServiceNotFound(host, core.VolumeService)
	}
	allVolumes, err := c.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	allSnapshots, err := c.core.DB.AllSnapshots(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	use := map[string]driver.HostUse{}
	for v := range allVolumes.All() {
		u := use[v.ProjectID]
		u.Volumes++
		u.VolumeGB += v.Size
		use[v.ProjectID] = u
	}
	for s := range allSnapshots.All() {
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
