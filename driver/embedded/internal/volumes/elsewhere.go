package volumes

import (
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// The kinds of jobs that change the files of volumes at another gateway than the one that was
// asked. Here, the request itself changes the file.
const (
	createVolumeJob = "volume-create"
	extendVolumeJob = "volume-extend"
)

// createVolumeTask creates the file of an empty volume.
func (vs *Volumes) createVolumeTask(j *meta.Job, _ struct{}) jobs.Task {
	return vs.newFileTask(j, func(_ context.Context, path string, bytes int64) (int64, error) {
		return 0, vs.core.Files.CreateBlank(path, bytes)
	})
}

type extendArguments struct {
	Size     int    `json:"size"`     // GiB
	OldSize  int    `json:"old_size"` // GiB; that of the volume if it fails
	Previous string `json:"previous"` // status of the volume before
}

// startExtend stores the size of a volume that its gateway is to extend, so that quotas count it,
// and queues the job.
func (vs *Volumes) startExtend(tx *meta.Tx, who driver.Caller, v *meta.Volume, size int) error {
	j, err := vs.jobs.New(who, extendVolumeJob, v.ID, extendArguments{Size: size, OldSize: v.Size, Previous: v.Status})
	if err != nil {
		return err
	}
	j.VolumeID = v.ID
	v.Status, v.Size = core.Extending, size
	if err := tx.TouchVolume(v); err != nil {
		return err
	}
	return vs.jobs.Enqueue(tx, j)
}

// extendVolumeTask grows the file of a volume.
func (vs *Volumes) extendVolumeTask(j *meta.Job, a extendArguments) jobs.Task {
	settle := func(change func(*meta.Volume)) func(*meta.Tx) error {
		return func(tx *meta.Tx) error {
			v, err := tx.Volume(j.VolumeID)
			if err != nil || v == nil || v.Status != core.Extending {
				return err
			}
			change(v)
			return tx.TouchVolume(v)
		}
	}
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			v, err := vs.core.DB.Volume(ctx, j.VolumeID)
			if err != nil {
				return 0, nil, err
			}
			if v == nil {
				return 0, nil, core.Reasonf("The volume is gone.")
			}
			return 0, settle(func(v *meta.Volume) { v.Status = a.Previous }), vs.core.Files.Grow(vs.core.Files.Volume(v), vs.core.Bytes(a.Size))
		},
		Fail: func(tx *meta.Tx, reason string) error {
			if err := settle(func(v *meta.Volume) { v.Status, v.Size = core.ErrorExtending, a.OldSize })(tx); err != nil {
				return err
			}
			return vs.core.AddMessage(tx, jobs.Requester(j), core.ActionExtend, core.DetailExtend, core.VolumeResource, j.VolumeID, reason)
		},
	}
}

// hasData reports whether a volume has a file. Of a volume at another gateway, its row says
// whether it ever had one.
func (vs *Volumes) hasData(v *meta.Volume) bool {
	if !vs.core.Here(v.Host) {
		return !v.LaunchedAt.IsZero()
	}
	return core.IsFile(vs.core.Files.Volume(v))
}
