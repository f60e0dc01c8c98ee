package embedded

import "cindergate/driver/embedded/internal/core"

// pool is the name of the one storage pool: host@backend#pool.
func (d *Driver) pool() string { return d.core.ServiceHost(core.VolumeService) + "#embedded" }

// capabilities are what volume types may ask of the pool.
func (d *Driver) capabilities() map[string]any {
	return map[string]any{
		"volume_backend_name": "embedded", "vendor_name": "Cindergate", "driver_version": "1.0.0", "storage_protocol": "file",
		"thin_provisioning_support": true, "thick_provisioning_support": false,
		"online_extend_support": true, "sparse_copy_volume": true, "multiattach": true, "QoS_support": false, "replication_enabled": false,
	}
}
