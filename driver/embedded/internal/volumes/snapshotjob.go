package volumes

import (
	"context"
	"path/filepath"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// snapshotJob is the kind of jobs that create snapshots.
const snapshotJob = "snapshot"

// snapshotTask copies a volume.
func (vs *Volumes) snapshotTask(j *meta.Job, a copyArguments) jobs.Task {
	end := func(tx *meta.Tx, status, progress string) error {
		s, err := tx.Snapshot(j.SnapshotID)
		if err == nil && s == nil { // deleted by force in the meantime
			tx.AfterCommit(func() { vs.core.RemoveFile(vs.core.Files.Snapshot(j.SnapshotID)) })
			return nil
		}
		if err != nil || s.Status == core.Deleting {
			return err
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
			err = vs.core.Files.Clone(ctx, vs.core.Files.Snapshot(s.ID), filepath.Join(vs.core.Files.Dir, a.Source))
			return vs.core.Bytes(s.Size), func(tx *meta.Tx) error { return end(tx, core.Available, "100%") }, err
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := end(tx, core.StatusError, "0%"); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionSnapshot, core.DetailSnapshot, core.SnapshotResource, j.SnapshotID, reason)
		},
	}
}
