package volumes

import (
	"context"
	"errors"
	"time"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// removeFilesJob is the kind of jobs that remove files that a volume no longer uses. The job
// is queued in the transaction that gives the volume another file, so a crash between the
// two leaves no file behind, and no file is removed just because nothing names it.
const removeFilesJob = "file-remove"

type removeFilesArguments struct {
	VolumeID string   `json:"volume_id"`
	Names    []string `json:"names"` // in the directory of volumes
}

// remountPause is the pause before the next attempt while the directory is not mounted.
const remountPause = time.Minute

func (vs *Volumes) removeFilesTask(_ *meta.Job, a removeFilesArguments) jobs.Task {
	return jobs.Task{Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
		var err error
		for _, name := range a.Names {
			err = errors.Join(err, vs.core.RemoveUnused(ctx, a.VolumeID, name))
		}
		if core.NotMounted(err) {
			return 0, nil, &jobs.Again{After: remountPause, Change: jobs.Done, Err: err}
		}
		return 0, jobs.Done, err
	}}
}

// Publish gives a volume the file that the attempt at j has written, in the transaction that
// settles j. The old file is removed afterwards. The caller stores v.
func (vs *Volumes) Publish(tx *meta.Tx, j *meta.Job, v *meta.Volume, o core.Output) error {
	old := core.VolumeName(v)
	v.File = o.Name(j.Attempts)
	if o.New {
		return nil // there is no old file
	}
	return vs.discard(tx, j, v.ID, old)
}

// publishNew is [Volumes.Publish] for a volume that j has filled for the first time. It makes the
// volume available.
func (vs *Volumes) publishNew(tx *meta.Tx, j *meta.Job, o core.Output) error {
	v, err := tx.Volume(j.VolumeID)
	if err != nil {
		return err
	}
	if v == nil { // deleted by force in the meantime
		return vs.Discard(tx, j, o)
	}
	if err := vs.Publish(tx, j, v, o); err != nil {
		return err
	}
	if v.Status != core.Deleting { // else its delete removes the file
		v.Status, v.LaunchedAt = core.Available, tx.Now
	}
	return tx.TouchVolume(v)
}

// Discard removes the file that the attempt at j has written for a volume that is gone, in
// the transaction that settles j.
func (vs *Volumes) Discard(tx *meta.Tx, j *meta.Job, o core.Output) error {
	return vs.discard(tx, j, o.VolumeID, o.Name(j.Attempts))
}

// DiscardAttempts removes the files of all attempts at j, in the transaction that cancels j.
// A first attempt may have written the file that belongs to a volume without another one.
// The delete of the volume removes that.
func (vs *Volumes) DiscardAttempts(tx *meta.Tx, j *meta.Job, o core.Output) error {
	var names []string
	for n := 1; n <= j.Attempts; n++ {
		if name := o.Name(n); name != core.VolumePrefix+o.VolumeID {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return vs.discard(tx, j, o.VolumeID, names...)
}

func (vs *Volumes) discard(tx *meta.Tx, by *meta.Job, volumeID string, names ...string) error {
	// The resource is the file, so that neither the volume's jobs nor its delete wait.
	j, err := vs.jobs.New(jobs.Requester(by), removeFilesJob, names[0], removeFilesArguments{volumeID, names})
	if err != nil {
		return err
	}
	j.Host = by.Host // which has the files
	return vs.jobs.Enqueue(tx, j)
}

// FilesOf returns the names of the files of volumes and snapshots that the attempts at an
// unfinished job have written, and of those that it removes. If the arguments of the job
// cannot be read, the job fails, and what it removes is not known.
func FilesOf(j *meta.Job) []string {
	var out core.Output
	switch j.Kind {
	case RestoreJob:
		a, err := jobs.Arguments[RestoreArguments](j)
		out = core.VolumeOutput(j, err == nil && a.Previous == core.Creating)
	case copyVolumeJob, createVolumeJob:
		out = core.VolumeOutput(j, true)
	case revertJob:
		out = core.VolumeOutput(j, false)
	case snapshotJob:
		out = core.SnapshotOutput(j)
	case removeFilesJob:
		a, err := jobs.Arguments[removeFilesArguments](j)
		if err != nil {
			return nil
		}
		return a.Names
	default:
		return nil
	}
	names := make([]string, 0, j.Attempts)
	for n := 1; n <= j.Attempts; n++ {
		names = append(names, out.Name(n))
	}
	return names
}
