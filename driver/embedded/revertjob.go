package embedded

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// revertJob is the kind of jobs that set volumes back to snapshots.
const revertJob = "revert"

// revertSuffix ends the name of the copy that is to take a volume's place.
const revertSuffix = ".revert"

// revertTask sets a volume back to a snapshot: a copy takes the volume's place, so
// that it is the one or the other at any time.
func (d *Driver) revertTask(j *meta.Job, _ struct{}) jobs.Task {
	end := func(tx *meta.Tx, status string) error {
		if v, err := tx.Volume(j.VolumeID); err != nil {
			return err
		} else if v != nil && v.Status != core.Deleting {
			v.Status = status
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
		}
		s, err := tx.Snapshot(j.SnapshotID)
		if err != nil || s == nil || s.Status != core.Restoring {
			return err
		}
		s.Status = core.Available
		return tx.TouchSnapshot(s)
	}
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			path := d.core.Files.Volume(j.VolumeID)
			if err := d.core.Files.Clone(ctx, path+revertSuffix, d.core.Files.Snapshot(j.SnapshotID)); err != nil {
				return 0, nil, err
			}
			err := d.core.Files.Replace(path+revertSuffix, path)
			return 0, func(tx *meta.Tx) error { return end(tx, core.Available) }, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, core.StatusError); err != nil {
				return err
			}
			return d.core.Tell(tx, jobs.Requester(j), core.ActionCreateVolume, core.DetailUnknown, core.VolumeResource, j.VolumeID, reason)
		},
		Undo: func(context.Context) error {
			return d.core.Files.Remove(d.core.Files.Volume(j.VolumeID) + revertSuffix)
		},
	}
}
