package volumes

import (
	"context"

	"github.com/google/uuid"

	"cindergate/driver"
)

// onlyService is the id of the cinder-volume of a gateway that has the database to itself. Those
// of several gateways are made of it and of their names.
var onlyService = uuid.MustParse("6f2a4a2e-9a55-4a4b-8a0e-5b0c3c1d2e4f")

func (vs *Volumes) serviceUUID(volumeHost string) string {
	if gateway := vs.core.GatewayOf(volumeHost); gateway != "" {
		return uuid.NewSHA1(onlyService, []byte(gateway)).String()
	}
	return onlyService.String()
}

var _ driver.VolumeConnector = (*Volumes)(nil)

// ConnectVolume returns a connection of type local, since the volume is a file on this
// machine. The connection does not contain the file's path.
func (vs *Volumes) ConnectVolume(ctx context.Context, who driver.Caller, volumeID string) (driver.Connection, error) {
	v, err := vs.GetVolume(ctx, who, volumeID)
	if err != nil {
		return driver.Connection{}, err
	}
	mode := "rw"
	if v.AdminMetadata["readonly"] == "True" {
		mode = "ro"
	}
	return driver.Connection{Type: "local", Data: map[string]any{"volume_id": v.ID, "access_mode": mode}}, nil
}

// DisconnectVolume only checks that the volume exists.
func (vs *Volumes) DisconnectVolume(ctx context.Context, who driver.Caller, volumeID string) error {
	_, err := vs.GetVolume(ctx, who, volumeID)
	return err
}
