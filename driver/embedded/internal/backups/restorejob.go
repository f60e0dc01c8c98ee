package backups

import (
	"context"
	"errors"
	"os"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// restoreTask restores a backup to an existing or new volume.
func (bs *Backups) restoreTask(j *meta.Job, a volumes.RestoreArguments) jobs.Task {
	out := core.VolumeOutput(j, a.Previous == core.Creating)
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, nil, core.Reasonf("The backup is gone.")
			}
			v, err := bs.core.DB.Volume(ctx, j.VolumeID)
			if err != nil {
				return 0, nil, err
			}
			if v == nil {
				return 0, nil, core.Reasonf("The volume is gone.")
			}
			if v.Status == core.Creating { // a new volume from a backup
				if err := bs.beginRestore(ctx, j); err != nil {
					return 0, nil, err
				}
			}
			if err := bs.core.DropAttempts(ctx, out, 1, j.Attempts-1); err != nil {
				return 0, nil, err
			}
			restored, err := bs.readBackup(ctx, b, v, bs.core.Files.Path(out.File(j.Attempts)), !out.New)
			if err != nil {
				return 0, nil, err
			}
			vm, err := chunked.MergeVolumeMeta(restored.VolumeMeta)
			if err != nil {
				// The data has been restored, and is useful even without names and
				// metadata.
				bs.core.Log.Warn("volume metadata of the backup cannot be read", zap.String("backup_id", b.ID), zap.Error(err))
				vm = chunked.VolumeMeta{}
			}
			return restored.Bytes, func(tx *meta.Tx) error { return bs.finishRestore(tx, j, a, out, vm) }, nil
		},
		Fail: func(tx *meta.Tx, reason string) error { return bs.failRestore(tx, j, a, reason) },
		Cancel: func(tx *meta.Tx) error {
			if err := bs.volumes.DiscardAttempts(tx, j, out); err != nil {
				return err
			}
			return volumes.FailVolume(tx, j.VolumeID, core.StatusError)
		},
		Undo:   func(ctx context.Context) error { return bs.core.DropAttempts(ctx, out, j.Attempts, j.Attempts) },
		GiveUp: func(ctx context.Context) error { return bs.core.DropAttempts(ctx, out, 1, j.Attempts) },
	}
}

// beginRestore sets the status of a new volume that is being filled.
func (bs *Backups) beginRestore(ctx context.Context, j *meta.Job) error {
	return bs.core.Write(ctx, func(tx *meta.Tx) error {
		if own, err := tx.Held(j.ID, j.Attempts); err != nil || own == nil {
			return err
		}
		v, err := tx.Volume(j.VolumeID)
		if err != nil || v == nil || v.Status != core.Creating {
			return err
		}
		v.Status, v.PreviousStatus = core.RestoringBack, core.Creating
		return tx.TouchVolume(v)
	})
}

// readBackup writes a backup to a new file at path, with the volume's length. keepTail
// says that the volume has data. Its bytes beyond the backup's size are kept, as in Cinder.
func (bs *Backups) readBackup(ctx context.Context, b *meta.Backup, v *meta.Volume, path string, keepTail bool) (chunked.Restored, error) {
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return chunked.Restored{}, err
	}
	chain, err := bs.chain(ctx, s, b)
	if err != nil {
		return chunked.Restored{}, err
	}
	if err := bs.core.Files.CreateBlank(path, bs.core.Bytes(v.Size)); err != nil {
		return chunked.Restored{}, err
	}
	if keepTail && v.Size > b.Size {
		if err := bs.core.Files.CopyTail(ctx, path, bs.core.Files.Volume(v), bs.core.Bytes(b.Size)); err != nil {
			return chunked.Restored{}, err
		}
	}
	target, err := openData(path, os.O_RDWR)
	if err != nil {
		return chunked.Restored{}, err
	}
	restored, err := chunked.Restore(ctx, s.Store, target, bs.core.Bytes(b.Size), chain, chunked.RestoreOptions{Sparse: true, Progress: jobs.Progress(ctx)})
	return restored, errors.Join(err, target.Close())
}

// finishRestore makes the volume and the backup available. The volume gets the name,
// metadata and image metadata of the source, as in cinder/backup/driver.py
// BackupMetadataAPI and cinder/backup/manager.py restore_backup.
func (bs *Backups) finishRestore(tx *meta.Tx, j *meta.Job, a volumes.RestoreArguments, out core.Output, vm chunked.VolumeMeta) error {
	b, err := freeBackup(tx, j, a)
	if err != nil {
		return err
	}
	v, err := tx.Volume(j.VolumeID)
	if err != nil {
		return err
	}
	if v == nil { // deleted by force in the meantime
		return bs.volumes.Discard(tx, j, out)
	}
	if err := bs.volumes.Publish(tx, j, v, out); err != nil {
		return err
	}
	if v.Status == core.Deleting {
		return tx.TouchVolume(v) // its delete removes the file
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
	blank := v.PreviousStatus == core.Creating
	if blank && !policy.Has(v.Metadata) {
		if err := core.HoldPolicy(tx, v.ID); err != nil {
			return err
		}
	}
	if vm.Metadata != nil {
		v.Metadata = core.KeepPolicy(v.Metadata, vm.Metadata, blank)
	}
	bs.core.Attention.CallAfter(tx, v.ProjectID, v.ID)
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

func (bs *Backups) failRestore(tx *meta.Tx, j *meta.Job, a volumes.RestoreArguments, reason string) error {
	// The backup may be intact. It stays available and gets no fail_reason.
	if _, err := freeBackup(tx, j, a); err != nil {
		return err
	}
	if err := volumes.FailVolume(tx, j.VolumeID, core.ErrorRestoring); err != nil {
		return err
	}
	if a.Previous != core.Creating {
		reason += core.DataKept
	}
	return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionRestoreBackup, core.DetailRestoreBackup, core.BackupResource, j.BackupID, reason)
}

// freeBackup makes a backup available again after its restore.
func freeBackup(tx *meta.Tx, j *meta.Job, a volumes.RestoreArguments) (*meta.Backup, error) {
	b, err := tx.Backup(j.BackupID)
	if err != nil || b == nil || b.Status != driver.BackupRestoring || a.New { // New: another job restores the backup
		return b, err
	}
	b.Status = driver.BackupAvailable
	return b, tx.TouchBackup(b)
}
