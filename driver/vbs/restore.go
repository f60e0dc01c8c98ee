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
	name, err := d.target(ctx, who, b, volumeID)
	if err != nil {
		return driver.Restore{}, err
	}
	err = d.vbs.Call(ctx, who, http.MethodPost, "v2", "/cloudbackups/"+b.ID+"/restore", nil,
		map[string]any{"restore": map[string]string{"volume_id": volumeID}}, nil)
	return driver.Restore{BackupID: b.ID, VolumeID: volumeID, VolumeName: name}, err
}

// target checks a volume as Cinder does (cinder/backup/api.py restore) and returns its
// name. Where there is no EVS to ask, it has none, and the service checks.
func (d *Driver) target(ctx context.Context, who driver.Caller, b driver.Backup, volumeID string) (string, error) {
	if !d.EVS.Exists() {
		return "", nil
	}
	v, err := d.GetVolume(ctx, who, volumeID)
	switch {
	case err != nil:
		return "", err
	case v.Status != "available":
		return "", driver.InvalidVolume("Volume to be restored to must be available")
	case v.Size < b.Size:
		return "", driver.InvalidVolume("volume size %d is too small to restore backup of size %d.", v.Size, b.Size)
	case v.Name == nil:
		return "", nil
	}
	return *v.Name, nil
}
