package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"cindergate/driver/embedded/meta"
	"cindergate/driver/embedded/sparse"
)

// clone copies a file, in place of what an earlier attempt has left.
func clone(ctx context.Context, dst, src string) error {
	if err := remove(dst); err != nil {
		return err
	}
	err := sparse.Clone(ctx, dst, src)
	if errors.Is(err, fs.ErrNotExist) {
		return because(err, "The file of the volume or snapshot is missing.")
	}
	return err
}

// copyVolumeTask fills a new volume from a snapshot or volume.
func (d *Driver) copyVolumeTask(j *meta.Job) task {
	return task{
		do: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			v, ok := d.db.Volumes.Get(j.VolumeID)
			if !ok {
				return 0, nil, reasonf("The volume is gone.")
			}
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			path := d.files.volume(v.ID)
			if err := clone(ctx, path, filepath.Join(d.files.dir, a.Source)); err != nil {
				return 0, nil, err
			}
			if err := os.Truncate(path, d.bytes(v.Size)); err != nil {
				return 0, nil, err
			}
			return d.bytes(v.Size), func(tx *meta.Tx) error {
				v, err := tx.Volume(j.VolumeID)
				if err == nil && v == nil { // deleted by force meanwhile
					return remove(path)
				}
				if err != nil || v.Status != creating {
					return err
				}
				v.Status, v.LaunchedAt = available, tx.Now
				if err := tx.TouchVolume(v); err != nil {
					return err
				}
				return settleGroup(tx, v.GroupID)
			}, nil
		},
		fail: func(tx *meta.Tx, _ string) error {
			if err := failVolume(tx, j.VolumeID, failed); err != nil {
				return err
			}
			if err := settleGroupOf(tx, j.VolumeID); err != nil {
				return err
			}
			return d.tell(tx, j, actionCreateVolume, detailCreateVolume, volumeResource, j.VolumeID)
		},
	}
}

// deleteVolumeTask deletes a volume and the snapshots that are deleted with it.
func (d *Driver) deleteVolumeTask(j *meta.Job) task {
	return task{
		do: func(context.Context) (int64, func(*meta.Tx) error, error) {
			for _, s := range d.db.Snapshots.List("") {
				if s.VolumeID != j.VolumeID {
					continue
				}
				if err := remove(d.files.snapshot(s.ID)); err != nil {
					return 0, nil, err
				}
			}
			return 0, func(tx *meta.Tx) error {
				snapshots, err := tx.SnapshotsOf(j.VolumeID)
				if err != nil {
					return err
				}
				for _, s := range snapshots {
					if err := tx.RemoveSnapshot(s.ID); err != nil {
						return err
					}
				}
				return forgetVolume(tx, j.VolumeID)
			}, remove(d.files.volume(j.VolumeID))
		},
		fail: func(tx *meta.Tx, _ string) error {
			v, err := tx.Volume(j.VolumeID)
			if err != nil || v == nil {
				return err
			}
			v.Status = errorDeleting
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
			return settleGroup(tx, v.GroupID)
		},
	}
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
			return remove(d.files.snapshot(j.SnapshotID))
		}
		if err != nil || s.Status != creating {
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
			s, ok := d.db.Snapshots.Get(j.SnapshotID)
			if !ok {
				return 0, nil, reasonf("The snapshot is gone.")
			}
			a, err := argumentsOf(j)
			if err != nil {
				return 0, nil, err
			}
			err = clone(ctx, d.files.snapshot(s.ID), filepath.Join(d.files.dir, a.Source))
			return d.bytes(s.Size), func(tx *meta.Tx) error { return end(tx, available, "100%") }, err
		},
		fail: func(tx *meta.Tx, _ string) error {
			if err := end(tx, failed, "0%"); err != nil {
				return err
			}
			return d.tell(tx, j, actionSnapshot, detailSnapshot, snapshotResource, j.SnapshotID)
		},
	}
}

// deleteSnapshotTask deletes a snapshot.
func (d *Driver) deleteSnapshotTask(j *meta.Job) task {
	return task{
		do: func(context.Context) (int64, func(*meta.Tx) error, error) {
			return 0, func(tx *meta.Tx) error {
				s, err := tx.Snapshot(j.SnapshotID)
				if err != nil || s == nil {
					return err
				}
				if err := tx.RemoveSnapshot(s.ID); err != nil {
					return err
				}
				return settleGroupSnapshot(tx, s.GroupSnapshotID)
			}, remove(d.files.snapshot(j.SnapshotID))
		},
		fail: func(tx *meta.Tx, _ string) error {
			s, err := tx.Snapshot(j.SnapshotID)
			if err != nil || s == nil {
				return err
			}
			s.Status = errorDeleting
			if err := tx.TouchSnapshot(s); err != nil {
				return err
			}
			return settleGroupSnapshot(tx, s.GroupSnapshotID)
		},
	}
}

// revertTask sets a volume back to a snapshot: a copy takes the volume's place, so
// that it is the one or the other at any time.
func (d *Driver) revertTask(j *meta.Job) task {
	end := func(tx *meta.Tx, status string) error {
		if v, err := tx.Volume(j.VolumeID); err != nil {
			return err
		} else if v != nil && v.Status == reverting {
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
			if err := clone(ctx, path+".revert", d.files.snapshot(j.SnapshotID)); err != nil {
				return 0, nil, err
			}
			err := os.Rename(path+".revert", path)
			return 0, func(tx *meta.Tx) error { return end(tx, available) }, err
		},
		fail: func(tx *meta.Tx, _ string) error {
			if err := end(tx, failed); err != nil {
				return err
			}
			return d.tell(tx, j, actionCreateVolume, detailUnknown, volumeResource, j.VolumeID)
		},
		undo: func(context.Context) error { return remove(d.files.volume(j.VolumeID) + ".revert") },
	}
}
