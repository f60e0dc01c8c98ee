package volumes

// Capabilities returns each pool's capabilities that volume types can require.
func (vs *Volumes) Capabilities() map[string]any {
	return map[string]any{
		"volume_backend_name": "embedded", "vendor_name": "Cindergate", "driver_version": "1.0.0", "storage_protocol": "file",
		"thin_provisioning_support": true, "thick_provisioning_support": false,
		"online_extend_support": true, "sparse_copy_volume": true, "multiattach": true, "QoS_support": false, "replication_enabled": false,
	}
}
