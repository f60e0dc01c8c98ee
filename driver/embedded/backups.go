package embedded

import (
	"context"
	"errors"

	"cindergate/driver"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// GetBackup returns one backup. Its maps must not be changed.
func (d *Driver) GetBackup(ctx context.Context, who driver.Caller, backupID string) (driver.Backup, error) {
	b, err := d.db.Backup(ctx, backupID)
	if err != nil {
		return driver.Backup{}, classify(err)
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return driver.Backup{}, driver.BackupNotFound(backupID)
	}
	return b.Backup, nil
}

// ListBackups returns one page of backups. Their maps must not be changed.
func (d *Driver) ListBackups(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	rows, err := visible(ctx, who, q, d.db.Backups, d.db.AllBackups)
	if err != nil {
		return driver.Page[driver.Backup]{}, err
	}
	return list(rows, q, driver.BackupColumns, driver.BackupNotFound)
}

// CreateBackup accepts a backup. The checks, their order and texts are those of
// cinder/backup/api.py create.
func (d *Driver) CreateBackup(ctx context.Context, who driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	if spec.Container != "" {
		if err := d.store.Layout().CheckContainer(spec.Container); err != nil {
			return driver.Backup{}, driver.Errorf(driver.InvalidInput, "Invalid container: %s.", err)
		}
	}
	var b *meta.Backup
	err := d.write(ctx, func(tx *meta.Tx) error {
		v, err := d.ownVolume(tx, who, spec.VolumeID)
		if err != nil {
			return err
		}
		var s *meta.Snapshot
		if spec.SnapshotID != "" {
			if s, err = d.ownSnapshot(tx, who, spec.SnapshotID); err != nil {
				return err
			}
		}
		if err := checkBackupSource(v, s, spec.Force); err != nil {
			return err
		}
		size := v.Size
		if s != nil {
			size = s.Size // the volume may have grown since
		}
		if err := d.checkBackupQuota(tx, who.ProjectID, 1, size, 0); err != nil {
			return err
		}
		parentID := ""
		if spec.Incremental {
			parent, err := chooseParent(tx, who.ProjectID, v.ID, s)
			if err != nil {
				return err
			}
			parentID = parent.ID
		}
		b = &meta.Backup{Backup: driver.Backup{
			ID: d.o.NewID(), ProjectID: who.ProjectID, UserID: who.UserID, VolumeID: v.ID, ParentID: parentID,
			Name: spec.Name, Description: spec.Description, Status: driver.BackupCreating, Size: size,
			Container: spec.Container, Metadata: spec.Metadata, CreatedAt: tx.Now, DataTimestamp: tx.Now,
		}, Service: d.store.Layout().Service(), Host: d.o.Host}
		if s != nil {
			b.SnapshotID, b.DataTimestamp = s.ID, s.CreatedAt
		}
		for _, binary := range []string{schedulerService, backupService} {
			if off, err := disabled(tx, binary); err != nil || off {
				return errors.Join(err, d.unscheduledBackup(tx, who, b))
			}
		}
		j := d.job(who, backupJob, v.ID, arguments{Previous: v.Status})
		j.BackupID, j.VolumeID = b.ID, v.ID
		if s == nil {
			v.Status, v.PreviousStatus = backingUp, v.Status
			err = tx.TouchVolume(v)
		} else {
			j.SnapshotID, j.Resource = s.ID, s.ID
			s.Status = backingUp
			err = tx.TouchSnapshot(s)
		}
		if err != nil {
			return err
		}
		if err := tx.PutBackup(b); err != nil {
			return err
		}
		return d.enqueue(tx, j)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return b.Backup, nil
}

// unscheduledBackup stores a backup that no service takes
// (cinder/scheduler/manager.py create_backup).
func (d *Driver) unscheduledBackup(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	row := *b // the answer says creating
	row.Status, row.FailReason = driver.BackupError, "Service not found for creating backup."
	if err := tx.PutBackup(&row); err != nil {
		return err
	}
	return d.tell(tx, who, actionBackup, detailNoService, backupResource, b.ID, "")
}

func checkBackupSource(v *meta.Volume, s *meta.Snapshot, force bool) error {
	switch {
	case s != nil && s.VolumeID != v.ID:
		return driver.InvalidVolume("Volume %s does not match with snapshot.volume_id %s.", v.ID, s.VolumeID)
	case s != nil && s.Status != available:
		return driver.SnapshotUnfit.Errorf("Snapshot to be backed up must be available, but the current status is \"%s\".", s.Status)
	case s != nil:
		return nil
	}
	return driver.CheckSource(v.Status, force, false)
}

// chooseParent picks the backup that an incremental builds on: the one whose data
// is newest, or of a snapshot the newest that is older than the snapshot. Of equal
// ones it is the one created last, then one that is not itself a parent.
func chooseParent(tx *meta.Tx, projectID, volumeID string, s *meta.Snapshot) (*meta.Backup, error) {
	all, err := tx.BackupsOfVolume(projectID, volumeID)
	if err != nil {
		return nil, err
	}
	isParent := map[string]bool{}
	for _, b := range all {
		isParent[b.ParentID] = true
	}
	var best *meta.Backup
	unavailable := false
	for _, b := range all {
		if s != nil && !b.DataTimestamp.Before(s.CreatedAt) {
			continue
		}
		if b.Status != driver.BackupAvailable {
			unavailable = true
			continue
		}
		if best == nil || newer(b, best, isParent) {
			best = b
		}
	}
	switch {
	case best != nil:
		return best, nil
	case unavailable || (s != nil && hasUnavailable(all)):
		return nil, driver.BackupHasNoParent.Errorf("The parent backup must be available for incremental backup.")
	}
	return nil, driver.BackupHasNoParent.Errorf("No backups available to do an incremental backup.")
}

func newer(a, b *meta.Backup, isParent map[string]bool) bool {
	if c := a.DataTimestamp.Compare(b.DataTimestamp); c != 0 {
		return c > 0
	}
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c > 0
	}
	if isParent[a.ID] != isParent[b.ID] {
		return isParent[b.ID]
	}
	return a.ID > b.ID
}

func hasUnavailable(all []*meta.Backup) bool {
	for _, b := range all {
		if b.Status != driver.BackupAvailable {
			return true
		}
	}
	return false
}

// UpdateBackup renames and describes a backup in any status.
func (d *Driver) UpdateBackup(ctx context.Context, who driver.Caller, backupID string, patch driver.BackupPatch) (driver.Backup, error) {
	var b *meta.Backup
	err := d.write(ctx, func(tx *meta.Tx) (err error) {
		if b, err = d.ownBackup(tx, who, backupID); err != nil {
			return err
		}
		if patch.Name.Set {
			b.Name = patch.Name.Value
		}
		if patch.Description.Set {
			b.Description = patch.Description.Value
		}
		if patch.Metadata.Set {
			b.Metadata = patch.Metadata.Value
		}
		return tx.TouchBackup(b)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return d.GetBackup(ctx, who, b.ID)
}

// DeleteBackup accepts a delete (cinder/backup/api.py delete).
func (d *Driver) DeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return d.writeFreeing(ctx, func(tx *meta.Tx) error {
		b, err := d.ownBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if b.Status != driver.BackupAvailable && b.Status != driver.BackupError {
			return driver.NotDeletable()
		}
		// A volume is being made from it: Cinder's status would be restoring.
		if jobs, err := tx.JobsOfBackup(b.ID); err != nil || len(jobs) > 0 {
			if err != nil {
				return err
			}
			return driver.NotDeletable()
		}
		return d.startDelete(tx, who, b)
	})
}

// ForceDeleteBackup deletes in any status; jobs that use the backup are cancelled.
func (d *Driver) ForceDeleteBackup(ctx context.Context, who driver.Caller, backupID string) error {
	return d.writeFreeing(ctx, func(tx *meta.Tx) error {
		b, err := d.ownBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if err := checkNoChildren(tx, b); err != nil {
			return err
		}
		if err := d.cancelJobs(tx, b); err != nil {
			return err
		}
		return d.startDelete(tx, who, b)
	})
}

func (d *Driver) startDelete(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	if err := checkNoChildren(tx, b); err != nil {
		return err
	}
	b.Status = driver.BackupDeleting
	if err := tx.TouchBackup(b); err != nil {
		return err
	}
	// Backups that share objects are deleted one after the other, so that the last
	// of them knows that it is.
	j := d.job(who, deleteJob, d.container(b)+"/"+b.ServiceMetadata, arguments{})
	j.BackupID = b.ID
	return d.enqueue(tx, j)
}

// checkNoChildren looks at all projects. Cinder looks at the caller's only
// (cinder/backup/api.py delete), so that an admin of another can orphan a child.
func checkNoChildren(tx *meta.Tx, b *meta.Backup) error {
	children, err := tx.Children(b.ID)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		return driver.BackupHasDependents.Errorf("Incremental backups exist for this backup.")
	}
	return backupServiceUp(tx)
}

// ResetBackupStatus sets the status. Work on the backup is cancelled, as Cinder does
// when it notices. Cinder also makes a backup available that has no data; here its
// objects are looked at first, for an available backup can be restored.
func (d *Driver) ResetBackupStatus(ctx context.Context, who driver.Caller, backupID string, to driver.BackupStatus) error {
	if to == driver.BackupAvailable {
		return d.resetToAvailable(ctx, who, backupID)
	}
	return d.writeFreeing(ctx, func(tx *meta.Tx) error {
		b, err := d.ownBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if err := errors.Join(backupServiceUp(tx), d.cancelJobs(tx, b)); err != nil {
			return err
		}
		b.Status = to
		return tx.TouchBackup(b)
	})
}

func (d *Driver) resetToAvailable(ctx context.Context, who driver.Caller, backupID string) error {
	var b *meta.Backup
	checked := false // the status says already that the data is whole
	err := d.write(ctx, func(tx *meta.Tx) (err error) {
		if b, err = d.ownBackup(tx, who, backupID); err != nil {
			return err
		}
		if err := backupServiceUp(tx); err != nil {
			return err
		}
		if b.ServiceMetadata == "" || b.Status == driver.BackupDeleting {
			return driver.InvalidBackup("Backup %s cannot be reset to available: it has no data or is being deleted, its status is %s.",
				b.ID, b.Status)
		}
		checked = b.Status == driver.BackupAvailable || b.Status == driver.BackupRestoring
		if !checked {
			return nil
		}
		if err := d.cancelJobs(tx, b); err != nil {
			return err
		}
		b.Status = driver.BackupAvailable
		return tx.TouchBackup(b)
	})
	if err != nil || checked {
		return err
	}
	if err := d.checkData(ctx, b); err != nil {
		if ctx.Err() != nil {
			return classify(ctx.Err())
		}
		return driver.Wrap(driver.InvalidState, err, "Invalid backup: Backup %s cannot be reset to available: %s", b.ID, reasonOf(err))
	}
	return d.write(ctx, func(tx *meta.Tx) error {
		now, err := d.ownBackup(tx, who, backupID)
		if err != nil {
			return err
		}
		if now.Status != b.Status || now.ServiceMetadata != b.ServiceMetadata {
			return driver.InvalidBackup("Backup %s was changed meanwhile, its status is %s.", b.ID, now.Status)
		}
		now.Status, now.FailReason = driver.BackupAvailable, ""
		return tx.TouchBackup(now)
	})
}

// checkData checks that a backup can be restored, as far as that can be known
// without reading all of its data.
func (d *Driver) checkData(ctx context.Context, b *meta.Backup) error {
	if err := d.storeReady(ctx); err != nil {
		return err
	}
	chain, err := d.chain(ctx, b)
	if err != nil {
		return err
	}
	return chunked.Check(ctx, d.store, d.bytes(b.Size), chain)
}

// cancelJobs removes the jobs of a backup and gives the volumes and snapshots that
// they hold the status that is true then.
func (d *Driver) cancelJobs(tx *meta.Tx, b *meta.Backup) error {
	jobs, err := tx.JobsOfBackup(b.ID)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := tx.RemoveJob(j.ID); err != nil {
			return err
		}
		tx.AfterCommit(func() { d.cancelFlight(j.ID) })
		switch j.Kind {
		case backupJob:
			err = freeSource(tx, j)
		case restoreJob:
			err = failVolume(tx, j.VolumeID, failed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ownBackup returns a backup that the caller may see.
func (d *Driver) ownBackup(tx *meta.Tx, who driver.Caller, id string) (*meta.Backup, error) {
	b, err := tx.Backup(id)
	if err != nil {
		return nil, err
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return nil, driver.BackupNotFound(id)
	}
	return b, nil
}
