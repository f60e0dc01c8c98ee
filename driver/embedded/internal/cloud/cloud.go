// Package cloud emulates the rest of Cinder: groups and their types, QoS specs, transfers,
// attachments, encryption of types, default types, services, pools and messages.
package cloud

import (
	"context"

	"golang.org/x/sys/unix"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
)

// Cloud serves the requests of this package.
type Cloud struct {
	core    *core.Core
	jobs    *jobs.Runner
	volumes *volumes.Volumes
}

// New returns a Cloud.
func New(c *core.Core, r *jobs.Runner, vs *volumes.Volumes) *Cloud { return &Cloud{c, r, vs} }

// Pools returns the file system of the data directory as the only pool.
func (c *Cloud) Pools(ctx context.Context, _ driver.Caller) ([]driver.Pool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(c.core.Files.Dir, &fs); err != nil {
		return nil, driver.Wrap(driver.Unavailable, err, "The data directory cannot be read.")
	}
	allVolumes, err := c.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	allSnapshots, err := c.core.DB.AllSnapshots(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	volumeGB, snapshotGB := 0, 0
	for v := range allVolumes.All() {
		if v.Host != "" { // without a host, the volume was never placed
			volumeGB += v.Size
		}
	}
	for s := range allSnapshots.All() {
		snapshotGB += s.Size
	}
	block := float64(fs.Bsize) / core.GiB
	return []driver.Pool{{
		Name: c.volumes.Pool(), TotalCapacityGB: float64(fs.Blocks) * block, FreeCapacityGB: float64(fs.Bavail) * block,
		AllocatedCapacityGB: volumeGB, ProvisionedCapacityGB: volumeGB + snapshotGB, ReportedAt: c.core.Clock.Now().UTC(), Capabilities: c.volumes.Capabilities(),
	}}, nil
}

// AvailabilityZones returns the only zone.
func (c *Cloud) AvailabilityZones(context.Context, driver.Caller) (map[string]bool, error) {
	return map[string]bool{c.core.AvailabilityZone: true}, nil
}
