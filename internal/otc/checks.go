package otc

import (
	"context"

	"cindergate/driver"
)

// CheckSource refuses a volume in use without force, as Cinder does (cinder/backup/api.py
// create); the backup services accept it. Without EVS it checks nothing, and the service's
// own rule applies.
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

// CheckTarget checks the volume to which b is restored, as Cinder does
// (cinder/backup/api.py restore), and returns the volume's name. Without EVS it checks
// nothing and returns no name; the service itself checks.
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
