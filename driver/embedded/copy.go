package embedded

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"go.uber.org/zap"

	"cindergate/internal/meta"
	"cindergate/internal/sparse"
)

// clone copies a file, in place of what an earlier attempt has left.
func (f files) clone(ctx context.Context, dst, src string) error {
	if err := f.remove(dst); err != nil {
		return err
	}
	err := sparse.Clone(ctx, dst, src)
	if errors.Is(err, fs.ErrNotExist) {
		return because(err, "The file of the volume or snapshot is missing.")
	}
	return err
}

// removeFile removes a file that nobody names any more. One that stays is moved aside by
// the next start.
func (d *Driver) removeFile(path string) {
	if err := d.files.remove(path); err != nil {
		d.log.Warn("a file without a row stays", zap.String("file", path), zap.Error(err))
	}
}

// copyVolumeTask fills a new volume from a snapshot or volume.
func (d *Driver) copyVolumeTask(j *meta.Job) task {
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			v, err := d.db.Volume(ctx, j.VolumeID)
			if err != nil {
				return 0, nil, err
			}
			if v == nil {
				return 0, nil, reasonf("The volume is gone.")
			}
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			path := d.files.volume(v.ID)
			if err := d.files.clone(ctx, path, filepath.Join(d.files.dir, a.Source)); err != nil {
				return 0, nil, err
			}
			if err := d.files.resize(path, d.bytes(v.Size)); err != nil {
				return 0, nil, err
			}
			return d.bytes(v.Size), func(tx *meta.Tx) error {
				v, err := tx.Volume(j.VolumeID)
				if err == nil && v == nil { // deleted by force meanwhile
					tx.AfterCommit(func() { d.removeFile(path) })
					return nil
				}
				if err != nil || v.Status == deleting {
					return err
				}
				v.Status, v.LaunchedAt = available, tx.Now
				if err := tx.TouchVolume(v); err != nil {
					return err
				}
				return settleGroup(tx, v.GroupID)
			}, nil
		},
		fail: func(tx *meta.Tx, reason string) error {
			if err := failVolume(tx, j.VolumeID, failed); err != nil {
				return err
			}
			if err := settleGroupOf(tx, j.VolumeID); err != nil {
				return err
			}
			return d.tell(tx, requester(j), actionCreateVolume, detailCreateVolume, volumeResource, j.VolumeID, reason)
		},
	}
}

// deleteVolumeTask deletes a volume, whose snapshots are gone.
func (d *Driver) deleteVolumeTask(j *meta.Job) task {
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			var snapshots []*meta.Snapshot
			err := d.read(ctx, func(tx *meta.Tx) (err error) {
				snapshots, err = tx.SnapshotsOf(j.VolumeID)
				return err
			})
			if err != nil {
				return 0, nil, err
			}
			if len(snapshots) > 0 { // a job of a version that deleted them in one
				return 0, func(tx *meta.Tx) error {
					snapshots, err := tx.SnapshotsOf(j.VolumeID)
					if err != nil {
						return err
					}
					for _, s := range snapshots {
						if err := d.startDeleteSnapshot(tx, requester(j), s, arguments{Cascade: true}); err != nil {
							return err
						}
					}
					return nil
				}, nil
			}
			return 0, func(tx *meta.Tx) error { return forgetVolume(tx, j.VolumeID) }, d.files.remove(d.files.volume(j.VolumeID))
		},
		fail: func(tx *meta.Tx, _ string) error { return failDeleteVolume(tx, j.VolumeID) },
	}
}

func failDeleteVolume(tx *meta.Tx, id string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil {
		return err
	}
	v.Status = errorDeleting
	if err := tx.TouchVolume(v); err != nil {
		return err
	}
	return settleGroup(tx, v.GroupID)
}

// forgetVolume removes the row of a volume that has no file and no snapshots any
// more, and what hangs on it.
func forgetVolume(tx *meta.Tx, id string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil {
		return err
	}
	if err := tx.RemoveTransferOf(id); err != nil {
		return err
	}
	if err := tx.RemoveVolume(id); err != nil {
		return err
	}
	return settleGroup(tx, v.GroupID)
}

func settleGroupOf(tx *meta.Tx, volumeID string) error {
	v, err := tx.Volume(volumeID)
	if err != nil || v == nil {
		return err
	}
	return settleGroup(tx, v.GroupID)
}

// snapshotTask copies a volume.
func (d *Driver) snapshotTask(j *meta.Job) task {
	end := func(tx *meta.Tx, status, progress string) error {
		s, err := tx.Snapshot(j.SnapshotID)
		if err == nil && s == nil { // deleted by force meanwhile
			tx.AfterCommit(func() { d.removeFile(d.files.snapshot(j.SnapshotID)) })
			return nil
		}
		if err != nil || s.Status == deleting {
			return err
		}
		s.Status, s.Progress = status, progress
		if err := tx.TouchSnapshot(s); err != nil {
			return err
		}
		return settleGroupSnapshot(tx, s.GroupSnapshotID)
	}
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			s, err := d.db.Snapshot(ctx, j.SnapshotID)
			if err != nil {
				return 0, nil, err
			}
			if s == nil {
				return 0, nil, reasonf("The snapshot is gone.")
			}
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			err = d.files.clone(ctx, d.files.snapshot(s.ID), filepath.Join(d.files.dir, a.Source))
			return d.bytes(s.Size), func(tx *meta.Tx) error { return end(tx, available, "100%") }, err
		},
		fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, failed, "0%"); err != nil {
				return err
			}
			return d.tell(tx, requester(j), actionSnapshot, detailSnapshot, snapshotResource, j.SnapshotID, reason)
		},
	}
}

// deleteSnapshotTask deletes a snapshot, and starts the delete of its volume if that
// was to go with its snapshots and this was the last.
func (d *Driver) deleteSnapshotTask(j *meta.Job) task {
	return task{
		do: func(context.Context) (int64, func(*meta.Tx) error, error) {
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			return 0, func(tx *meta.Tx) error {
				if err := forgetSnapshot(tx, j.SnapshotID); err != nil || !a.Cascade {
					return err
				}
				return d.continueCascade(tx, j)
			}, d.files.remove(d.files.snapshot(j.SnapshotID))
		},
		fail: func(tx *meta.Tx, _ string) error {
			if err := failDeleteSnapshot(tx, j.SnapshotID); err != nil {
				return err
			}
			if a, err := argumentsOf(j); err != nil || !a.Cascade {
				return err
			}
			return failDeleteVolume(tx, j.VolumeID)
		},
	}
}

// forgetSnapshot removes the row of a snapshot that has no file any more. Another
// delete that was accepted before may have removed it.
func forgetSnapshot(tx *meta.Tx, id string) error {
	s, err := tx.Snapshot(id)
	if err != nil || s == nil {
		return err
	}
	if err := tx.RemoveSnapshot(id); err != nil {
		return err
	}
	return settleGroupSnapshot(tx, s.GroupSnapshotID)
}

func failDeleteSnapshot(tx *meta.Tx, id string) error {
	s, err := tx.Snapshot(id)
	if err != nil || s == nil {
		return err
	}
	s.Status = errorDeleting
	if err := tx.TouchSnapshot(s); err != nil {
		return err
	}
	return settleGroupSnapshot(tx, s.GroupSnapshotID)
}

// continueCascade starts the delete of a volume once its snapshots are gone. A snapshot
// that could not be deleted has failed the delete of the volume, which then stays.
func (d *Driver) continueCascade(tx *meta.Tx, j *meta.Job) error {
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status == errorDeleting {
		return err
	}
	snapshots, err := tx.SnapshotsOf(j.VolumeID)
	if err != nil || len(snapshots) > 0 {
		return err
	}
	return d.startDeleteVolume(tx, requester(j), j.VolumeID)
}

// revertSuffix ends the name of the copy that is to take a volume's place.
const revertSuffix = ".revert"

// revertTask sets a volume back to a snapshot: a copy takes the volume's place, so
// that it is the one or the other at any time.
func (d *Driver) revertTask(j *meta.Job) task {
	end := func(tx *meta.Tx, status string) error {
		if v, err := tx.Volume(j.VolumeID); err != nil {
			return err
		} else if v != nil && v.Status != deleting {
			v.Status = status
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
		}
		s, err := tx.Snapshot(j.SnapshotID)
		if err != nil || s == nil || s.Status != restoring {
			return err
		}
		s.Status = available
		return tx.TouchSnapshot(s)
	}
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			path := d.files.volume(j.VolumeID)
			if err := d.files.clone(ctx, path+revertSuffix, d.files.snapshot(j.SnapshotID)); err != nil {
				return 0, nil, err
			}
			err := d.files.replace(path+revertSuffix, path)
			return 0, func(tx *meta.Tx) error { return end(tx, available) }, err
		},
		fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, failed); err != nil {
				return err
			}
			return d.tell(tx, requester(j), actionCreateVolume, detailUnknown, volumeResource, j.VolumeID, reason)
		},
		undo: func(context.Context) error { return d.files.remove(d.files.volume(j.VolumeID) + revertSuffix) },
	}
}
