package volumes

import (
	"slices"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Recover corrects volumes and snapshots that are in a transient status without a job. It
// sets the status that Cinder sets at a restart.
func Recover(tx *meta.Tx) error {
	if err := recoverVolumes(tx); err != nil {
		return err
	}
	return recoverSnapshots(tx)
}

func recoverVolumes(tx *meta.Tx) error {
	volumes, err := tx.VolumesIn(core.Creating, core.BackingUp, core.RestoringBack, core.Reverting, core.Extending, core.Deleting)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		jobs, err := tx.JobsOfVolume(v.ID)
		if err != nil {
			return err
		}
		// Jobs on a volume's snapshots do not set the volume's status, unless they are part
		// of its delete.
		jobs = slices.DeleteFunc(jobs, func(j *meta.Job) bool {
			cascade, err := cascades(j)
			return err == nil && !cascade && (j.Kind == snapshotJob || j.Kind == deleteSnapshotJob)
		})
		if len(jobs) > 0 {
			continue
		}
		switch v.Status {
		case core.BackingUp:
			v.Status = v.PreviousStatus
			if v.Status != core.InUse {
				v.Status = core.Available
			}
		case core.RestoringBack:
			v.Status = core.ErrorRestoring
		case core.Extending:
			v.Status = core.ErrorExtending
		case core.Deleting:
			v.Status = core.ErrorDeleting
		default:
			v.Status = core.StatusError
		}
		v.PreviousStatus = ""
		if err := tx.TouchVolume(v); err != nil {
			return err
		}
	}
	return nil
}

func recoverSnapshots(tx *meta.Tx) error {
	snapshots, err := tx.SnapshotsIn(core.Creating, core.BackingUp, core.Restoring, core.Deleting)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		jobs, err := tx.JobsOfSnapshot(s.ID)
		if err != nil {
			return err
		}
		more, err := tx.JobsOfVolume(s.VolumeID) // a cascading delete is one of these
		if err != nil {
			return err
		}
		if len(jobs)+len(more) > 0 {
			continue
		}
		switch s.Status {
		case core.BackingUp, core.Restoring:
			s.Status = core.Available
		case core.Deleting:
			s.Status = core.ErrorDeleting
		default:
			s.Status = core.StatusError
		}
		if err := tx.TouchSnapshot(s); err != nil {
			return err
		}
	}
	return nil
}
