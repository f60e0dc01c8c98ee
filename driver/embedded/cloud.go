package embedded

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"cindergate/driver"
)

// pool is the name of the one storage pool: host@backend#pool.
func (d *Driver) pool() string { return d.serviceHost(volumeService) + "#embedded" }

// capabilities are what volume types may ask of the pool.
func (d *Driver) capabilities() map[string]any {
	return map[string]any{
		"volume_backend_name": "embedded", "vendor_name": "Cindergate", "driver_version": "1.0.0", "storage_protocol": "file",
		"thin_provisioning_support": true, "thick_provisioning_support": false,
		"online_extend_support": true, "sparse_copy_volume": true, "multiattach": true, "QoS_support": false, "replication_enabled": false,
	}
}

// Pools shows the file system of the data directory as the one pool.
func (d *Driver) Pools(ctx context.Context, _ driver.Caller) ([]driver.Pool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.files.dir, &fs); err != nil {
		return nil, driver.Wrap(driver.Unavailable, err, "The data directory cannot be read.")
	}
	allVolumes, err := d.db.AllVolumes(ctx)
	if err != nil {
		return nil, classify(err)
	}
	allSnapshots, err := d.db.AllSnapshots(ctx)
	if err != nil {
		return nil, classify(err)
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
	block := float64(fs.Bsize) / gib
	return []driver.Pool{{
		Name: d.pool(), TotalCapacityGB: float64(fs.Blocks) * block, FreeCapacityGB: float64(fs.Bavail) * block,
		AllocatedCapacityGB: volumes, ProvisionedCapacityGB: volumes + snapshots, ReportedAt: time.Now().UTC(), Capabilities: d.capabilities(),
	}}, nil
}

// AvailabilityZones returns the one zone.
func (d *Driver) AvailabilityZones(context.Context, driver.Caller) (map[string]bool, error) {
	return map[string]bool{d.o.AvailabilityZone: true}, nil
}
