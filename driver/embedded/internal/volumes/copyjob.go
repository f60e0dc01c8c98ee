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
	return vs.newFileTask(j, func(ctx context.Context, path string, bytes int64) (int64, error) {
		if err := vs.core.Files.Clone(ctx, path, vs.core.Files.Path(a.Source), jobs.Progress(ctx)); err != nil {
			return 0, err
		}
		return bytes, vs.core.Files.Resize(path, bytes)
	})
}

// newFileTask makes the first file of a volume, which is available then. write writes a file of the
// given length at path, and returns the number of bytes that it has copied.
func (vs *Volumes) newFileTask(j *meta.Job, write func(ctx context.Context, path string, bytes int64) (copied int64, err error)) jobs.Task {
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
			copied, err := write(ctx, vs.core.Files.Path(out.File(j.Attempts)), vs.core.Bytes(v.Size))
			if err != nil {
				return 0, nil, err
			}
			return copied, func(tx *meta.Tx) error {
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
