package volumes

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// snapshotJob is the kind of jobs that create snapshots.
const snapshotJob = "snapshot"

// snapshotTask copies a volume.
func (vs *Volumes) snapshotTask(j *meta.Job, a copyArguments) jobs.Task {
	out := core.SnapshotOutput(j)
	end := func(tx *meta.Tx, status, progress, file string) error {
		s, err := tx.Snapshot(j.SnapshotID)
		if err == nil && s == nil { // deleted by force in the meantime
			if file != "" {
				tx.AfterCommit(func() { vs.core.RemoveFile(vs.core.Files.Path(out.File(j.Attempts))) })
			}
			return nil
		}
		if err != nil {
			return err
		}
		s.File = file // its delete removes the file, too
		if s.Status == core.Deleting {
			return tx.TouchSnapshot(s)
		}
		s.Status, s.Progress = status, progress
		if err := tx.TouchSnapshot(s); err != nil {
			return err
		}
		return SettleGroupSnapshot(tx, s.GroupSnapshotID)
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
			err = vs.core.Files.Clone(ctx, vs.core.Files.Path(out.File(j.Attempts)), vs.core.Files.Path(a.Source), jobs.Progress(ctx))
			return vs.core.Bytes(s.Size), func(tx *meta.Tx) error { return end(tx, core.Available, "100%", out.Name(j.Attempts)) }, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, core.StatusError, "0%", ""); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionSnapshot, core.DetailSnapshot, core.SnapshotResource, j.SnapshotID, reason)
		},
		Undo:   func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, j.Attempts, j.Attempts) },
		GiveUp: func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, 1, j.Attempts) },
	}
}
