package embedded

import (
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// RestoreBackup accepts a restore (cinder/backup/api.py restore).
func (d *Driver) RestoreBackup(ctx context.Context, who driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	var restore driver.Restore
	id, existing := to.VolumeID()
	if !existing {
		id = d.core.NewID()
	}
	err := d.core.Write(ctx, func(tx *meta.Tx) error {
		b, err := core.OwnBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if err := driver.CheckRestorable(b.Status); err != nil {
			return err
		}
		if b.Size <= 0 {
			return driver.InvalidBackup("Backup to be restored has invalid size")
		}
		if b.EncryptionKeyID != "" {
			return driver.InvalidBackup("%s", encrypted)
		}
		var v *meta.Volume
		if existing {
			v, err = d.targetVolume(tx, who, id, b.Size)
		} else {
			v, err = d.newTarget(tx, who, b, id, to)
		}
		if err != nil {
			return err
		}
		if err := core.BackupServiceUp(tx); err != nil {
			return err
		}
		restore = driver.Restore{BackupID: b.ID, VolumeID: v.ID}
		if v.Name != nil {
			restore.VolumeName = *v.Name
		}
		b.Status, b.RestoreVolumeID = driver.BackupRestoring, v.ID
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
		j, err := d.jobs.New(who, restoreJob, v.ID, restoreArguments{Previous: v.PreviousStatus})
		if err != nil {
			return err
		}
		j.BackupID, j.VolumeID = b.ID, v.ID
		return d.jobs.Enqueue(tx, j) // the job makes the file of a new volume
	})
	if err != nil {
		return driver.Restore{}, err
	}
	return restore, nil
}

func (d *Driver) targetVolume(tx *meta.Tx, who driver.Caller, id string, size int) (*meta.Volume, error) {
	v, err := core.OwnVolume(tx, who, id)
	if err != nil {
		return nil, err
	}
	if err := driver.CheckTarget(v.Status, v.Size, size); err != nil {
		return nil, err
	}
	v.Status, v.PreviousStatus = core.RestoringBack, core.Available
	return v, tx.TouchVolume(v)
}

func (d *Driver) newTarget(tx *meta.Tx, who driver.Caller, b *meta.Backup, id string, to driver.RestoreTarget) (*meta.Volume, error) {
	name, ok := to.NewName()
	if !ok {
		name = driver.RestoredName(b.ID)
	}
	description := driver.RestoredDescription
	typ, err := d.volumeType(tx, who, "")
	if err != nil {
		return nil, err
	}
	if err := refuseEncrypted(typ); err != nil {
		return nil, err
	}
	if err := d.checkVolumeQuota(tx, who.ProjectID, typ, b.Size, plain); err != nil {
		return nil, err
	}
	v := d.newVolume(tx, who, id, typ, b.Size)
	v.Name, v.Description = &name, &description
	v.Status, v.PreviousStatus = core.RestoringBack, core.Creating
	return v, tx.PutVolume(v)
}
