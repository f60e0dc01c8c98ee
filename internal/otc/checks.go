package otc

import (
	"context"

	"cindergate/driver"
)

// CheckSource refuses what Cinder does and the backup services do not: a volume in use
// without force (cinder/backup/api.py create). Where there is no EVS to ask, the
// service's rule holds.
func (v *Volumes) CheckSource(ctx context.Context, caller driver.Caller, spec driver.BackupSpec) error {
	if spec.Force || !v.EVS.Exists() {
		return nil
	}
	source, err := v.GetVolume(ctx, caller, spec.VolumeID)
	if err != nil {
		return err
	}
	return driver.CheckSource(source.Status, false, spec.SnapshotID != "")
}

// CheckTarget checks a volume that b is to be restored to as Cinder does
// (cinder/backup/api.py restore) and returns its name. Where there is no EVS to ask, it
// has none, and the service checks.
func (v *Volumes) CheckTarget(ctx context.Context, caller driver.Caller, b driver.Backup, volumeID string) (name string, err error) {
	if !v.EVS.Exists() {
		return "", nil
	}
	target, err := v.GetVolume(ctx, caller, volumeID)
	if err != nil {
		return "", err
	}
	return deref(target.Name), driver.CheckTarget(target.Status, target.Size, b.Size)
}
