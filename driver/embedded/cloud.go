package embedded

import (
	"context"

	"golang.org/x/sys/unix"

	"cindergate/driver"
)

// Services shows this process as Cinder's three services, up while Run runs.
func (d *Driver) Services(context.Context, driver.Caller) ([]driver.Service, error) {
	var all []driver.Service
	for _, binary := range []string{"cinder-backup", "cinder-scheduler", "cinder-volume"} {
		all = append(all, driver.Service{Binary: binary, Host: d.o.Host, Zone: d.o.AvailabilityZone,
			Up: d.up.Load(), UpdatedAt: d.o.Now().UTC()})
	}
	return all, nil
}

// pool is the name of the one storage pool: host@backend#pool.
func (d *Driver) pool() string { return d.o.Host + "@embedded#embedded" }

// Pools shows the file system of the data directory as the one pool.
func (d *Driver) Pools(context.Context, driver.Caller) ([]driver.Pool, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(d.files.dir, &fs); err != nil {
		return nil, driver.Wrap(driver.Unavailable, err, "The data directory cannot be read.")
	}
	block := float64(fs.Bsize) / gib
	return []driver.Pool{{
		Name: d.pool(), TotalCapacityGB: float64(fs.Blocks) * block, FreeCapacityGB: float64(fs.Bavail) * block,
		Capabilities: map[string]any{
			"volume_backend_name": "embedded", "vendor_name": "Cindergate", "storage_protocol": "file",
			"thin_provisioning_support": true, "multiattach": false, "QoS_support": false,
		},
	}}, nil
}

// AvailabilityZones returns the one zone.
func (d *Driver) AvailabilityZones(context.Context, driver.Caller) (map[string]bool, error) {
	return map[string]bool{d.o.AvailabilityZone: true}, nil
}
