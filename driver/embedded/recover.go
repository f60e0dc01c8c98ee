package embedded

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// recover repairs the state after a crash: interrupted jobs are requeued, for no
// other process has the data directory, and resources that are left in a passing
// status without a job get the status that Cinder gives them at a restart
// (cinder/backup/manager.py _cleanup_incomplete_backup_operations).
func (d *Driver) recover(ctx context.Context) error {
	err := d.core.DB.Write(ctx, func(tx *meta.Tx) error {
		if err := d.ensureDefaultType(tx); err != nil {
			return err
		}
		if err := d.ensureDefaultGroupType(tx); err != nil {
			return err
		}
		if err := tx.RequeueAll(); err != nil {
			return err
		}
		for _, settle := range []func(*meta.Tx) error{d.recoverBackups, d.recoverVolumes, d.recoverSnapshots, recoverGroups} {
			if err := settle(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.o.Adopt != nil {
		if err := d.adopt(ctx); err != nil {
			return err
		}
	}
	return d.settleFiles(ctx)
}

func (d *Driver) recoverBackups(tx *meta.Tx) error {
	backups, err := tx.BackupsIn(string(driver.BackupCreating), string(driver.BackupRestoring), string(driver.BackupDeleting))
	if err != nil {
		return err
	}
	for _, b := range backups {
		jobs, err := tx.JobsOfBackup(b.ID)
		if err != nil {
			return err
		}
		if len(jobs) > 0 {
			continue
		}
		switch b.Status {
		case driver.BackupCreating:
			b.Status, b.FailReason = driver.BackupError, "incomplete backup reset on manager restart"
		case driver.BackupRestoring:
			b.Status = driver.BackupAvailable
		case driver.BackupDeleting:
			if err := d.startDelete(tx, driver.Caller{ProjectID: b.ProjectID, UserID: b.UserID}, b); err != nil {
				return err
			}
			continue
		}
		if err := tx.TouchBackup(b); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) recoverVolumes(tx *meta.Tx) error {
	volumes, err := tx.VolumesIn(core.Creating, core.BackingUp, core.RestoringBack, core.Reverting, core.Deleting)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		jobs, err := tx.JobsOfVolume(v.ID)
		if err != nil {
			return err
		}
		// Jobs about its snapshots have no hand in the status of a volume.
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

func (d *Driver) recoverSnapshots(tx *meta.Tx) error {
	snapshots, err := tx.SnapshotsIn(core.Creating, core.BackingUp, core.Restoring, core.Deleting)
	if err != nil {
		return err
	}
	for _, s := range snapshots {
		jobs, err := tx.JobsOfSnapshot(s.ID)
		if err != nil {
			return err
		}
		more, err := tx.JobsOfVolume(s.VolumeID) // a cascading delete
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

// recoverGroups settles groups and group snapshots whose volumes and snapshots have
// just been given another status.
func recoverGroups(tx *meta.Tx) error {
	groups, err := tx.GroupsIn(core.Creating, core.Deleting)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := settleGroup(tx, g.ID); err != nil {
			return err
		}
	}
	groupSnapshots, err := tx.GroupSnapshotsIn(core.Creating, core.Deleting)
	if err != nil {
		return err
	}
	for _, gs := range groupSnapshots {
		if err := settleGroupSnapshot(tx, gs.ID); err != nil {
			return err
		}
	}
	return nil
}
