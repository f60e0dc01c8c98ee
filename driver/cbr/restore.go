package cbr

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// RestoreBackup implements driver.Driver. The service's restore takes an existing
// volume; a new one is made by EVS. What Huawei answers with, the id of an operation
// log, is not needed: the backup's status tells, and the log is found by the backup.
func (d *Driver) RestoreBackup(ctx context.Context, who driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.show(ctx, who, backupID)
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
	// power_on and server_id are for servers.
	err = d.cbr.Call(ctx, who, http.MethodPost, "v3", "/backups/"+b.ID+"/restore", nil,
		map[string]any{"restore": map[string]string{"volume_id": volumeID}}, nil)
	if err != nil {
		return driver.Restore{}, d.missingVault(err)
	}
	return driver.Restore{BackupID: b.ID, VolumeID: volumeID, VolumeName: name}, nil
}
