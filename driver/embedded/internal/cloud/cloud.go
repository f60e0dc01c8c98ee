// Package cloud emulates the rest of Cinder: groups and their types, QoS specs, transfers,
// attachments, encryption of types, default types, services, pools and messages.
package cloud

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// Cloud serves the requests of this package.
type Cloud struct {
	core    *core.Core
	jobs    *jobs.Runner
	volumes *volumes.Volumes
}

// New returns a Cloud.
func New(c *core.Core, r *jobs.Runner, vs *volumes.Volumes) *Cloud { return &Cloud{c, r, vs} }

// Pools returns one pool for each file system that has volumes: one for each gateway, or one that
// all of them share.
func (c *Cloud) Pools(ctx context.Context, _ driver.Caller) ([]driver.Pool, error) {
	gateways, err := c.gateways(ctx)
	if err != nil {
		return nil, err
	}
	allVolumes, err := c.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	allSnapshots, err := c.core.DB.AllSnapshots(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	volumeGB, snapshotGB := map[string]int{}, map[string]int{}
	for v := range allVolumes.All() {
		if v.Host != "" { // without a host, the volume was never placed
			volumeGB[c.core.GatewayOf(v.Host)] += v.Size
		}
	}
	for s := range allSnapshots.All() {
		if v := allVolumes.Find(s.VolumeID); v != nil {
			snapshotGB[c.core.GatewayOf(v.Host)] += s.Size
		}
	}
	if c.core.SharedVolumes {
		// All gateways have the same pool. The one with the last heartbeat knows it best.
		last := slices.MaxFunc(gateways, func(a, b core.Gateway) int { return a.SeenAt.Compare(b.SeenAt) })
		last.Host = core.SharedHost
		gateways = []core.Gateway{last}
	}
	pools := make([]driver.Pool, len(gateways))
	for i, g := range gateways {
		if !c.core.Several() {
			if g.TotalBytes, g.FreeBytes, err = c.core.Space(); err != nil {
				return nil, driver.Wrap(driver.Unavailable, err, "The data directory cannot be read.")
			}
		}
		pool := core.PoolOf(g.Host)
		of := c.core.GatewayOf(pool)
		pools[i] = driver.Pool{
			Name: pool, TotalCapacityGB: float64(g.TotalBytes) / core.GiB, FreeCapacityGB: float64(g.FreeBytes) / core.GiB,
			AllocatedCapacityGB: volumeGB[of], ProvisionedCapacityGB: volumeGB[of] + snapshotGB[of], ReportedAt: g.SeenAt.UTC(), Capabilities: c.volumes.Capabilities(),
		}
	}
	return pools, nil
}

func (c *Cloud) gateways(ctx context.Context) (all []core.Gateway, err error) {
	err = c.core.Read(ctx, func(tx *meta.Tx) (err error) {
		all, err = c.core.Gateways(tx)
		return err
	})
	return all, err
}

// AvailabilityZones returns the zones of all gateways. One is available while a gateway in it is
// up.
func (c *Cloud) AvailabilityZones(ctx context.Context, _ driver.Caller) (map[string]bool, error) {
	gateways, err := c.gateways(ctx)
	zones := map[string]bool{}
	for _, g := range gateways {
		zones[g.AvailabilityZone] = zones[g.AvailabilityZone] || g.Up
	}
	return zones, err
}
