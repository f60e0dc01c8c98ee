package otc

import (
	"context"

	"cindergate/driver"
)

// CheckSource refuses what Cinder does and the backup services do not: a volume in use
// without force (cinder/backup/api.py create). Where there is no EVS to ask, the
// service's rule holds.
func (v *Volumes) CheckSource(ctx context.Context, who driver.Caller, spec driver.BackupSpec) error {
	if spec.Force || !v.EVS.Exists() {
		return nil
	}
	source, err := v.GetVolume(ctx, who, spec.VolumeID)
	switch {
	case err != nil:
		return err
	case source.Status != "available" && source.Status != "in-use":
		return driver.InvalidVolume("Volume to be backed up must be available or in-use, but the current status is \"%s\".", source.Status)
	case source.Status == "in-use" && spec.SnapshotID == "":
		return driver.InvalidVolume("Backing up an in-use volume must use the force flag.")
	}
	return nil
}

// CheckTarget checks a volume that b is to be restored to as Cinder does
// (cinder/backup/api.py restore) and returns its name. Where there is no EVS to ask, it
// has none, and the service checks.
func (v *Volumes) CheckTarget(ctx context.Context, who driver.Caller, b driver.Backup, volumeID string) (name string, err error) {
	if !v.EVS.Exists() {
		return "", nil
	}
	target, err := v.GetVolume(ctx, who, volumeID)
	switch {
	case err != nil:
		return "", err
	case target.Status != "available":
		return "", driver.InvalidVolume("Volume to be restored to must be available")
	case target.Size < b.Size:
		return "", driver.InvalidVolume("volume size %d is too small to restore backup of size %d.", target.Size, b.Size)
	case target.Name == nil:
		return "", nil
	}
	return *target.Name, nil
}
