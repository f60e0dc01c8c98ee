package volumes

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// revertJob is the kind of jobs that revert volumes to snapshots.
const revertJob = "revert"

// RevertSuffix ends the file name of the copy that will replace a volume's file.
const RevertSuffix = ".revert"

// revertTask reverts a volume to a snapshot. It copies the snapshot and then renames the
// copy to the volume's file, so that the file is complete at any time.
func (vs *Volumes) revertTask(j *meta.Job, _ struct{}) jobs.Task {
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
			path := vs.core.Files.Volume(j.VolumeID)
			if err := vs.core.Files.Clone(ctx, path+RevertSuffix, vs.core.Files.Snapshot(j.SnapshotID)); err != nil {
				return 0, nil, err
			}
			err := vs.core.Files.Replace(path+RevertSuffix, path)
			return 0, func(tx *meta.Tx) error { return end(tx, core.Available) }, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, core.StatusError); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionCreateVolume, core.DetailUnknown, core.VolumeResource, j.VolumeID, reason)
		},
		Undo: func(context.Context) error {
			return vs.core.Files.Remove(vs.core.Files.Volume(j.VolumeID) + RevertSuffix)
		},
	}
}
