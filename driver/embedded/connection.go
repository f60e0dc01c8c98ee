package embedded

import (
	"context"

	"cindergate/driver"
)

// volumeServiceUUID is the id of the one cinder-volume that this backend shows.
const volumeServiceUUID = "6f2a4a2e-9a55-4a4b-8a0e-5b0c3c1d2e4f"

var _ driver.VolumeConnector = (*Driver)(nil)

// ConnectVolume returns a connection of type local: the volume is a file of this machine.
// Its path is not part of it.
func (d *Driver) ConnectVolume(ctx context.Context, who driver.Caller, volumeID string) (driver.Connection, error) {
	v, err := d.GetVolume(ctx, who, volumeID)
	if err != nil {
		return driver.Connection{}, err
	}
	mode := "rw"
	if v.AdminMetadata["readonly"] == "True" {
		mode = "ro"
	}
	return driver.Connection{Type: "local", Data: map[string]any{"volume_id": v.ID, "access_mode": mode}}, nil
}

// DisconnectVolume has nothing to do for a volume that exists.
func (d *Driver) DisconnectVolume(ctx context.Context, who driver.Caller, volumeID string) error {
	_, err := d.GetVolume(ctx, who, volumeID)
	return err
}
