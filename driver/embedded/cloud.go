package embedded

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
)

// Pools shows the file system of the data directory as the one pool.
func (d *Driver) Pools(ctx context.Context, _ driver.Caller) ([]driver.Pool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.core.Files.Dir, &fs); err != nil {
		return nil, driver.Wrap(driver.Unavailable, err, "The data directory cannot be read.")
	}
	allVolumes, err := d.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	allSnapshots, err := d.core.DB.AllSnapshots(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	volumes, snapshots := 0, 0
	for v := range allVolumes.All() {
		if v.Host != "" { // else it never got a place
			volumes += v.Size
		}
	}
	for s := range allSnapshots.All() {
		snapshots += s.Size
	}
	block := float64(fs.Bsize) / core.GiB
	return []driver.Pool{{
		Name: d.pool(), TotalCapacityGB: float64(fs.Blocks) * block, FreeCapacityGB: float64(fs.Bavail) * block,
		AllocatedCapacityGB: volumes, ProvisionedCapacityGB: volumes + snapshots, ReportedAt: time.Now().UTC(), Capabilities: d.capabilities(),
	}}, nil
}

// AvailabilityZones returns the one zone.
func (d *Driver) AvailabilityZones(context.Context, driver.Caller) (map[string]bool, error) {
	return map[string]bool{d.core.AvailabilityZone: true}, nil
}
