package embedded

import (
	"cmp"
	"context"
	"errors"
	"os"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// restoreTask writes a backup into a volume, an existing or a new one.
func (d *Driver) restoreTask(j *meta.Job) task {
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, ok := d.db.Backups.Get(j.BackupID)
			if !ok {
				return 0, nil, reasonf("The backup is gone.")
			}
			v, ok := d.db.Volumes.Get(j.VolumeID)
			if !ok {
				return 0, nil, reasonf("The volume is gone.")
			}
			if v.Status == creating { // a volume from a backup
				if err := d.beginRestore(ctx, v.ID); err != nil {
					return 0, nil, err
				}
			}
			restored, err := d.readBackup(ctx, b, v, j)
			if err != nil {
				return 0, nil, err
			}
			vm, err := chunked.MergeVolumeMeta(restored.VolumeMeta)
			if err != nil {
				// The data is whole; names and metadata are not worth an error.
				d.log.Warn("volume metadata of the backup cannot be read", zap.String("backup_id", b.ID), zap.Error(err))
				vm = chunked.VolumeMeta{}
			}
			return restored.Bytes, func(tx *meta.Tx) error { return finishRestore(tx, j, vm) }, nil
		},
		fail: func(tx *meta.Tx, reason string) error { return d.failRestore(tx, j, reason) },
	}
}

// beginRestore shows that a new volume is being filled.
func (d *Driver) beginRestore(ctx context.Context, volumeID string) error {
	return d.write(ctx, func(tx *meta.Tx) error {
		v, err := tx.Volume(volumeID)
		if err != nil || v == nil || v.Status != creating {
			return err
		}
		v.Status, v.PreviousStatus = restoringBack, creating
		return tx.TouchVolume(v)
	})
}

// chain returns the backups that make up b, the full one first.
func (d *Driver) chain(b *meta.Backup) ([]chunked.Level, error) {
	var chain []chunked.Level
	seen := map[string]bool{}
	for {
		if b.ServiceMetadata == "" {
			return nil, reasonf("Backup %s has no data: %s", b.ID, cmp.Or(b.FailReason, "it was not finished."))
		}
		if b.Status == driver.BackupDeleting {
			return nil, reasonf("Backup %s is being deleted.", b.ID)
		}
		if seen[b.ID] {
			return nil, reasonf("Backup %s is its own ancestor.", b.ID)
		}
		seen[b.ID] = true
		level := chunked.Level{Location: chunked.Location{Container: container(b), Prefix: b.ServiceMetadata}, BackupID: dataID(b)}
		if b.ParentID == "" {
			return append([]chunked.Level{level}, chain...), nil
		}
		parent, ok := d.db.Backups.Get(b.ParentID)
		if !ok {
			return nil, reasonf("Backup %s depends on backup %s, which is not here. Import that as well.", b.ID, b.ParentID)
		}
		level.ParentID = dataID(parent)
		chain = append([]chunked.Level{level}, chain...)
		b = parent
	}
}

// dataID is the backup id that the objects name.
func dataID(b *meta.Backup) string {
	if b.DataBackupID != "" {
		return b.DataBackupID
	}
	return b.ID
}

func (d *Driver) readBackup(ctx context.Context, b *meta.Backup, v *meta.Volume, j *meta.Job) (chunked.Restored, error) {
	if err := d.storeReady(ctx); err != nil {
		return chunked.Restored{}, err
	}
	chain, err := d.chain(b)
	if err != nil {
		return chunked.Restored{}, err
	}
	a, err := argumentsOf(j)
	if err != nil {
		return chunked.Restored{}, err
	}
	fresh := a.Previous == creating
	if fresh {
		// An earlier attempt may have written to it.
		if err := d.files.blank(d.files.volume(v.ID), d.bytes(v.Size)); err != nil {
			return chunked.Restored{}, err
		}
	}
	target, err := openData(d.files.volume(v.ID), os.O_RDWR)
	if err != nil {
		return chunked.Restored{}, err
	}
	restored, err := chunked.Restore(ctx, d.store, target, d.bytes(b.Size), chain, chunked.RestoreOptions{Sparse: fresh})
	return restored, errors.Join(err, target.Close())
}

// finishRestore makes the volume and the backup available. The volume gets the
// name, metadata and image metadata of the source as in cinder/backup/driver.py
// BackupMetadataAPI and cinder/backup/manager.py restore_backup.
func finishRestore(tx *meta.Tx, j *meta.Job, vm chunked.VolumeMeta) error {
	b, err := freeBackup(tx, j)
	if err != nil {
		return err
	}
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status == deleting {
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
			v.Metadata = with(v.Metadata, "src_backup_id", b.ID)
		}
	}
	if v.PreviousStatus == creating {
		v.LaunchedAt = tx.Now
	}
	v.Status, v.PreviousStatus = available, ""
	return tx.TouchVolume(v)
}

func (d *Driver) failRestore(tx *meta.Tx, j *meta.Job, reason string) error {
	// A good backup stays available, and has no fail_reason.
	if _, err := freeBackup(tx, j); err != nil {
		return err
	}
	if err := failVolume(tx, j.VolumeID, errorRestoring); err != nil {
		return err
	}
	return d.tell(tx, requester(j), actionRestoreBackup, detailRestoreBackup, backupResource, j.BackupID, reason)
}

// freeBackup makes a backup that was restored available again.
func freeBackup(tx *meta.Tx, j *meta.Job) (*meta.Backup, error) {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupRestoring {
		return b, err
	}
	if a, err := argumentsOf(j); err != nil || a.New { // it is another job that restores
		return b, err
	}
	b.Status = driver.BackupAvailable
	return b, tx.TouchBackup(b)
}

// failVolume gives a volume that a job did not fill to its end its status, whatever
// an admin has set meanwhile. One that is being deleted stays so.
func failVolume(tx *meta.Tx, id, status string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil || v.Status == deleting {
		return err
	}
	v.Status, v.PreviousStatus = status, ""
	return tx.TouchVolume(v)
}
