package cloud

import (
	"context"
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Services returns Cinder's three services of each gateway. They are up while its heartbeat is
// fresh, or, if there is only this one, while Run runs.
func (c *Cloud) Services(ctx context.Context, _ driver.Caller) ([]driver.Service, error) {
	var all []driver.Service
	err := c.core.Read(ctx, func(tx *meta.Tx) error {
		gateways, err := c.core.Gateways(tx)
		if err != nil {
			return err
		}
		all = nil
		for _, binary := range core.Services {
			for _, g := range gateways {
				s, err := c.core.Service(tx, g.Host, binary)
				if err != nil {
					return err
				}
				all = append(all, driver.Service{Binary: binary, Host: core.ServiceHost(g.Host, binary), Zone: g.AvailabilityZone,
					Up: g.Up && (c.core.Several() || c.jobs.Up()), UpdatedAt: g.SeenAt.UTC(),
					Disabled: s.Disabled, DisabledReason: s.DisabledReason, Frozen: s.Frozen})
			}
		}
		return nil
	})
	return all, err
}

// serving returns the gateway that a service's host names.
func (c *Cloud) serving(tx *meta.Tx, host, binary string) (core.Gateway, error) {
	gateways, err := c.core.Gateways(tx)
	if err != nil {
		return core.Gateway{}, err
	}
	i := slices.IndexFunc(gateways, func(g core.Gateway) bool { return host == core.ServiceHost(g.Host, binary) })
	if i < 0 || !slices.Contains(core.Services, binary) {
		return core.Gateway{}, driver.ServiceNotFound(host, binary)
	}
	return gateways[i], nil
}

// UpdateService enables, disables, freezes or thaws a service. A disabled cinder-volume
// gets no new volumes. A frozen one also refuses snapshots and deletes, as in Cinder.
func (c *Cloud) UpdateService(ctx context.Context, _ driver.Caller, host, binary string, patch driver.ServicePatch) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		g, err := c.serving(tx, host, binary)
		if err != nil {
			return err
		}
		s, err := c.core.Service(tx, g.Host, binary)
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

// HostUse counts the volumes and snapshots of a gateway by project.
func (c *Cloud) HostUse(ctx context.Context, _ driver.Caller, host string) ([]driver.HostUse, error) {
	var at core.Gateway
	err := c.core.Read(ctx, func(tx *meta.Tx) (err error) {
		at, err = c.serving(tx, host, core.VolumeService)
		return err
	})
	if err != nil {
		return nil, err
	}
	pool := core.PoolOf(at.Host)
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
		if c.core.GatewayOf(v.Host) != c.core.GatewayOf(pool) {
			continue
		}
		u := use[v.ProjectID]
		u.Volumes++
		u.VolumeGB += v.Size
		use[v.ProjectID] = u
	}
	for s := range allSnapshots.All() {
		if v := allVolumes.Find(s.VolumeID); v == nil || c.core.GatewayOf(v.Host) != c.core.GatewayOf(pool) {
			continue
		}
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
