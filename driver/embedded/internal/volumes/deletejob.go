package volumes

import (
	"context"

	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/meta"
)

// The kinds of jobs that delete volumes and snapshots.
const (
	deleteVolumeJob   = meta.DeleteVolume
	deleteSnapshotJob = meta.DeleteSnapshot
)

type deleteSnapshotArguments struct {
	Cascade bool `json:"cascade,omitempty"` // delete the volume after its last snapshot
}

// cascades reports whether a job on a snapshot is part of the delete of its volume.
func cascades(j *meta.Job) (bool, error) {
	if j.Kind != deleteSnapshotJob {
		return false, nil
	}
	a, err := jobs.Arguments[deleteSnapshotArguments](j)
	return a.Cascade, err
}

// deleteVolumeTask deletes a volume that has no snapshots.
func (vs *Volumes) deleteVolumeTask(j *meta.Job, _ struct{}) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			var snapshots []*meta.Snapshot
			err := vs.core.Read(ctx, func(tx *meta.Tx) (err error) {
				snapshots, err = tx.SnapshotsOf(j.VolumeID)
				return err
			})
			if err != nil {
				return 0, nil, err
			}
			if len(snapshots) > 0 { // a job of a version that deleted them together
				return 0, func(tx *meta.Tx) error {
					snapshots, err := tx.SnapshotsOf(j.VolumeID)
					if err != nil {
						return err
					}
					for _, s := range snapshots {
						if err := vs.StartDeleteSnapshot(tx, jobs.Requester(j), s, true); err != nil {
							return err
						}
					}
					return nil
				}, nil
			}
			v, err := vs.core.DB.Volume(ctx, j.VolumeID)
			if err != nil || v == nil {
				return 0, jobs.Done, err
			}
			return 0, func(tx *meta.Tx) error { return removeVolume(tx, j.VolumeID) }, vs.core.Files.Remove(vs.core.Files.Volume(v))
		},
		Fail: func(tx *meta.Tx, _ string) error { return failDeleteVolume(tx, j.VolumeID) },
	}
}

func failDeleteVolume(tx *meta.Tx, id string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil {
		return err
	}
	v.Status = core.ErrorDeleting
	if err := tx.TouchVolume(v); err != nil {
		return err
	}
	return SettleGroup(tx, v.GroupID)
}

// removeVolume removes the rows of a volume and of its transfer. The volume must have no
// file and no snapshots.
func removeVolume(tx *meta.Tx, id string) error {
	v, err := tx.Volume(id)
	if err != nil || v == nil {
		return err
	}
	if err := tx.RemoveTransferOf(id); err != nil {
		return err
	}
	if err := tx.ForgetPolicy(id); err != nil {
		return err
	}
	if err := tx.RemoveVolume(id); err != nil {
		return err
	}
	return SettleGroup(tx, v.GroupID)
}

// deleteSnapshotTask deletes a snapshot. In a cascading delete, the job of a volume's last
// snapshot queues the delete of the volume.
func (vs *Volumes) deleteSnapshotTask(j *meta.Job, a deleteSnapshotArguments) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			s, err := vs.core.DB.Snapshot(ctx, j.SnapshotID)
			if err == nil && s != nil {
				err = vs.core.Files.Remove(vs.core.Files.Snapshot(s))
			}
			return 0, func(tx *meta.Tx) error {
				if err := forgetSnapshot(tx, j.SnapshotID); err != nil || !a.Cascade {
					return err
				}
				return vs.continueCascade(tx, j)
			}, err
		},
		Fail: func(tx *meta.Tx, _ string) error {
			if err := failDeleteSnapshot(tx, j.SnapshotID); err != nil || !a.Cascade {
				return err
			}
			return failDeleteVolume(tx, j.VolumeID)
		},
	}
}

// forgetSnapshot removes the row of a snapshot whose file is gone. An earlier delete may
// already have removed the row.
func forgetSnapshot(tx *meta.Tx, id string) error {
	s, err := tx.Snapshot(id)
	if err != nil || s == nil {
		return err
	}
	if err := tx.RemoveSnapshot(id); err != nil {
		return err
	}
	return SettleGroupSnapshot(tx, s.GroupSnapshotID)
}

func failDeleteSnapshot(tx *meta.Tx, id string) error {
	s, err := tx.Snapshot(id)
	if err != nil || s == nil {
		return err
	}
	s.Status = core.ErrorDeleting
	if err := tx.TouchSnapshot(s); err != nil {
		return err
	}
	return SettleGroupSnapshot(tx, s.GroupSnapshotID)
}

// continueCascade starts the delete of a volume after its snapshots are gone. If a snapshot
// could not be deleted, the delete of the volume has failed, and the volume stays.
func (vs *Volumes) continueCascade(tx *meta.Tx, j *meta.Job) error {
	v, err := tx.Volume(j.VolumeID)
	if err != nil || v == nil || v.Status == core.ErrorDeleting {
		return err
	}
	snapshots, err := tx.SnapshotsOf(j.VolumeID)
	if err != nil || len(snapshots) > 0 {
		return err
	}
	return vs.StartDeleteVolume(tx, jobs.Requester(j), j.VolumeID)
}
