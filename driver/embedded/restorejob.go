package embedded

import (
	"context"
	"errors"
	"os"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// restoreTask writes a backup into a volume, an existing or a new one.
func (d *Driver) restoreTask(j *meta.Job, a restoreArguments) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := d.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, nil, core.Reasonf("The backup is gone.")
			}
			v, err := d.core.DB.Volume(ctx, j.VolumeID)
			if err != nil {
				return 0, nil, err
			}
			if v == nil {
				return 0, nil, core.Reasonf("The volume is gone.")
			}
			if v.Status == core.Creating { // a volume from a backup
				if err := d.beginRestore(ctx, v.ID); err != nil {
					return 0, nil, err
				}
			}
			restored, err := d.readBackup(ctx, b, v, a)
			if err != nil {
				return 0, nil, err
			}
			vm, err := chunked.MergeVolumeMeta(restored.VolumeMeta)
			if err != nil {
				// The data is whole; names and metadata are not worth an error.
				d.core.Log.Warn("volume metadata of the backup cannot be read", zap.String("backup_id", b.ID), zap.Error(err))
				vm = chunked.VolumeMeta{}
			}
			return restored.Bytes, func(tx *meta.Tx) error { return finishRestore(tx, j, a, vm) }, nil
		},
		Fail:   func(tx *meta.Tx, reason string) error { return d.failRestore(tx, j, a, reason) },
		Cancel: func(tx *meta.Tx) error { return failVolume(tx, j.VolumeID, core.StatusError) },
	}
}

// beginRestore shows that a new volume is being filled.
func (d *Driver) beginRestore(ctx context.Context, volumeID string) error {
	return d.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := tx.Volume(volumeID)
		if err != nil || v == nil || v.Status != core.Creating {
			return err
		}
		v.Status, v.PreviousStatus = core.RestoringBack, core.Creating
		return tx.TouchVolume(v)
	})
}

func (d *Driver) readBackup(ctx context.Context, b *meta.Backup, v *meta.Volume, a restoreArguments) (chunked.Restored, error) {
	if err := d.storeReady(ctx); err != nil {
		return chunked.Restored{}, err
	}
	chain, err := d.chain(ctx, b)
	if err != nil {
		return chunked.Restored{}, err
	}
	fresh := a.Previous == core.Creating
	if fresh {
		// An earlier attempt may have written to it.
		if err := d.core.Files.Blank(d.core.Files.Volume(v.ID), d.core.Bytes(v.Size)); err != nil {
			return chunked.Restored{}, err
		}
	}
	target, err := openData(d.core.Files.Volume(v.ID), os.O_RDWR)
	if err != nil {
		return chunked.Restored{}, err
	}
	restored, err := chunked.Restore(ctx, d.core.Store, target, d.core.Bytes(b.Size), chain, chunked.RestoreOptions{Sparse: fresh})
	return restored, errors.Join(err, target.Close())
}

// finishRestore makes the volume and the backup available. The volume gets the
// name, metadata and image metadata of the source as in cinder/backup/driver.py
// BackupMetadataAPI and cinder/backup/manager.py restore_backup.
func finishRestore(tx *meta.Tx, j *meta.Job, a restoreArguments, vm chunked.VolumeMeta) error {
	b, err := freeBackup(tx, j, a)
	if err != nil {
		return err
	}
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status == core.Deleting {
		return err
	}
	name := ""
	if v.Name != nil {
		name = *v.Name
	}
	source := vm.Base["display_name"]
	if source != nil && *source != "" && driver.TakesSourceName(name) {
		v.Name = source
		if description, ok := vm.Base["display_description"]; ok {
			v.Description = description
		}
	}
	if vm.Metadata != nil {
		v.Metadata = vm.Metadata
	}
	if vm.Image != nil {
		v.ImageMetadata, v.Bootable = vm.Image, true
	}
	if b != nil {
		old := v.Metadata["src_backup_id"]
		if b.VolumeID != v.ID || (old != "" && old != b.ID) {
			v.Metadata = core.With(v.Metadata, "src_backup_id", b.ID)
		}
	}
	if v.PreviousStatus == core.Creating {
		v.LaunchedAt = tx.Now
	}
	v.Status, v.PreviousStatus = core.Available, ""
	return tx.TouchVolume(v)
}

func (d *Driver) failRestore(tx *meta.Tx, j *meta.Job, a restoreArguments, reason string) error {
	// A good backup stays available, and has no fail_reason.
	if _, err := freeBackup(tx, j, a); err != nil {
		return err
	}
	if err := failVolume(tx, j.VolumeID, core.ErrorRestoring); err != nil {
		return err
	}
	return d.core.Tell(tx, jobs.Requester(j), core.ActionRestoreBackup, core.DetailRestoreBackup, core.BackupResource, j.BackupID, reason)
}

// freeBackup makes a backup that was restored available again.
func freeBackup(tx *meta.Tx, j *meta.Job, a restoreArguments) (*meta.Backup, error) {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupRestoring || a.New { // New: another job restores
		return b, err
	}
	b.Status = driver.BackupAvailable
	return b, tx.TouchBackup(b)
}

// failVolume gives a volume that a job did not fill to its end its status, whatever
// an admin has set meanwhile. One that is being deleted stays so.
func failVolume(tx *meta.Tx, id, status string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil || v.Status == core.Deleting {
		return err
	}
	v.Status, v.PreviousStatus = status, ""
	return tx.TouchVolume(v)
}
