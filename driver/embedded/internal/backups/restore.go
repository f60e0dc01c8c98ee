package backups

import (
	"context"
	"errors"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// RestoreBackup accepts a restore and queues its job (cinder/backup/api.py restore).
func (bs *Backups) RestoreBackup(ctx context.Context, who driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	var restore driver.Restore
	id, existing := to.VolumeID()
	if !existing {
		id = bs.core.NewID()
	}
	err := bs.request(ctx, who, func(tx *meta.Tx) error {
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
			return driver.InvalidBackup("%s", volumes.Encrypted)
		}
		var v *meta.Volume
		if existing {
			v, err = bs.targetVolume(tx, who, id, b.Size)
		} else {
			v, err = bs.newTarget(tx, who, b, id, to)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(bs.core.BackupServiceUp(tx, bs.core.GatewayOf(v.Host)), bs.core.Use(b.Store, b.ProjectID)); err != nil {
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
		j, err := bs.jobs.New(who, volumes.RestoreJob, v.ID, volumes.RestoreArguments{Previous: v.PreviousStatus})
		if err != nil {
			return err
		}
		j.BackupID, j.VolumeID = b.ID, v.ID
		return bs.jobs.Enqueue(tx, j) // the job creates the file of a new volume
	})
	if err != nil {
		return driver.Restore{}, err
	}
	return restore, nil
}

func (bs *Backups) targetVolume(tx *meta.Tx, who driver.Caller, id string, size int) (*meta.Volume, error) {
	v, err := core.OwnVolume(tx, who, id)
	if err != nil {
		return nil, err
	}
	if err := driver.CheckTarget(v.Status, v.Size, size); err != nil {
		return nil, err
	}
	if err := volumes.RefuseAttached(v); err != nil {
		return nil, err
	}
	v.Status, v.PreviousStatus = core.RestoringBack, core.Available
	return v, tx.TouchVolume(v)
}

func (bs *Backups) newTarget(tx *meta.Tx, who driver.Caller, b *meta.Backup, id string, to driver.RestoreTarget) (*meta.Volume, error) {
	name, ok := to.NewName()
	if !ok {
		name = driver.RestoredName(b.ID)
	}
	description := driver.RestoredDescription
	typ, err := bs.volumes.VolumeType(tx, who, "")
	if err != nil {
		return nil, err
	}
	if err := volumes.RefuseEncrypted(typ); err != nil {
		return nil, err
	}
	if err := bs.volumes.CheckVolumeQuota(tx, who.ProjectID, typ, b.Size, volumes.Plain); err != nil {
		return nil, err
	}
	at, placed, err := bs.volumes.Place(tx, typ, bs.core.AvailabilityZone, "")
	if err != nil {
		return nil, err
	}
	if !placed {
		// The services of this gateway may be disabled; then they work for restores alone.
		at = volumes.Place{Gateway: bs.core.OwnHost(), AvailabilityZone: bs.core.AvailabilityZone}
	}
	v := bs.volumes.NewVolume(tx, who, id, typ, b.Size, at)
	v.Name, v.Description = &name, &description
	v.Status, v.PreviousStatus = core.RestoringBack, core.Creating
	return v, tx.PutVolume(v)
}
