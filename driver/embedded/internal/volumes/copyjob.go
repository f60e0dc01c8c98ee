package volumes

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// copyVolumeJob is the kind of jobs that fill volumes from snapshots and volumes.
const copyVolumeJob = "volume-copy"

type copyArguments struct {
	Source string `json:"source,omitempty"` // file to copy, relative to the data directory
}

// copyVolumeTask fills a new volume from a snapshot or volume.
func (vs *Volumes) copyVolumeTask(j *meta.Job, a copyArguments) jobs.Task {
	out := core.VolumeOutput(j, true)
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			v, err := vs.core.DB.Volume(ctx, j.VolumeID)
			if err != nil {
				return 0, nil, err
			}
			if v == nil {
				return 0, nil, core.Reasonf("The volume is gone.")
			}
			if err := vs.core.DropAttempts(ctx, out, 1, j.Attempts-1); err != nil {
				return 0, nil, err
			}
			path := vs.core.Files.Path(out.File(j.Attempts))
			if err := vs.core.Files.Clone(ctx, path, vs.core.Files.Path(a.Source)); err != nil {
				return 0, nil, err
			}
			if err := vs.core.Files.Resize(path, vs.core.Bytes(v.Size)); err != nil {
				return 0, nil, err
			}
			return vs.core.Bytes(v.Size), func(tx *meta.Tx) error {
				if err := vs.publishNew(tx, j, out); err != nil {
					return err
				}
				return settleGroupOf(tx, j.VolumeID)
			}, nil
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := FailVolume(tx, j.VolumeID, core.StatusError); err != nil {
				return err
			}
			if err := settleGroupOf(tx, j.VolumeID); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionCreateVolume, core.DetailCreateVolume, core.VolumeResource, j.VolumeID, reason)
		},
		Undo:   func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, j.Attempts, j.Attempts) },
		GiveUp: func(ctx context.Context) error { return vs.core.DropAttempts(ctx, out, 1, j.Attempts) },
	}
}
