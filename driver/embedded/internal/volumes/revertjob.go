package volumes

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// revertJob is the kind of jobs that revert volumes to snapshots.
const revertJob = "revert"

// oldSuffix ends the name of the copy that versions before the column volumes.file renamed to
// the volume's file. One that was interrupted has left it.
const oldSuffix = ".revert"

// revertTask reverts a volume to a snapshot. It makes a new file of the volume, so a revert
// that fails leaves the volume's data.
func (vs *Volumes) revertTask(j *meta.Job, _ struct{}) jobs.Task {
	out := core.VolumeOutput(j, false)
	end := func(tx *meta.Tx, status string) error {
		v, err := tx.Volume(j.VolumeID)
		if err != nil {
			return err
		}
		if done := status == core.Available; done && v == nil {
			err = vs.Discard(tx, j, out)
		} else if done {
			err = vs.Publish(tx, j, v, out)
		}
		if err != nil {
			return err
		}
		if v != nil {
			if v.Status != core.Deleting {
				v.Status = status
			}
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
			s, err := vs.core.DB.Snapshot(ctx, j.SnapshotID)
			if err != nil {
				return 0, nil, err
			}
			if s == nil {
				return 0, nil, core.Reasonf("The snapshot is gone.")
			}
			if err := vs.core.DropAttempts(ctx, out, 1, j.Attempts-1); err != nil {
				return 0, nil, err
			}
			if err := vs.core.RemoveUnused(ctx, j.VolumeID, core.VolumePrefix+j.VolumeID+oldSuffix); err != nil {
				return 0, nil, err
			}
			err = vs.core.Files.Clone(ctx, vs.core.Files.Path(out.File(j.Attempts)), vs.core.Files.Snapshot(s), jobs.Progress(ctx))
			return 0, func(tx *meta.Tx) error { return end(tx, core.Available) }, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, core.StatusError); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionCreateVolume, core.DetailUnknown, core.VolumeResource, j.VolumeID, reason+core.DataKept)
		},
		Undo:   func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, j.Attempts, j.Attempts) },
		GiveUp: func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, 1, j.Attempts) },
	}
}
