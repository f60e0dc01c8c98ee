package vbs

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// RestoreBackup implements driver.Driver. The service's restore takes an existing
// volume and nothing else; a new volume is made by EVS.
func (d *Driver) RestoreBackup(ctx context.Context, who driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.GetBackup(ctx, who, backupID)
	switch {
	case err != nil:
		return driver.Restore{}, err
	case b.Status != driver.BackupAvailable:
		return driver.Restore{}, driver.InvalidBackup("Backup status must be available")
	}
	volumeID, existing := to.VolumeID()
	if !existing {
		return d.Restore(ctx, who, b, to)
	}
	name, err := d.CheckTarget(ctx, who, b, volumeID)
	if err != nil {
		return driver.Restore{}, err
	}
	err = d.vbs.Call(ctx, who, http.MethodPost, "v2", "/cloudbackups/"+b.ID+"/restore", nil,
		map[string]any{"restore": map[string]string{"volume_id": volumeID}}, nil)
	return driver.Restore{BackupID: b.ID, VolumeID: volumeID, VolumeName: name}, err
}
