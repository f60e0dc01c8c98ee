package backups

import (
	"context"
	"errors"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// GetBackup returns one backup. Callers must not change its maps.
func (bs *Backups) GetBackup(ctx context.Context, who driver.Caller, backupID string) (driver.Backup, error) {
	b, err := bs.core.DB.Backup(ctx, backupID)
	if err != nil {
		return driver.Backup{}, core.Classify(err)
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return driver.Backup{}, driver.BackupNotFound(backupID)
	}
	return b.Backup, nil
}

// ListBackups returns one page of backups. Callers must not change their maps.
func (bs *Backups) ListBackups(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	rows, err := core.Visible(ctx, who, q, bs.core.DB.Backups, bs.core.DB.AllBackups)
	if err != nil {
		return driver.Page[driver.Backup]{}, err
	}
	return core.List(rows, q, driver.BackupColumns, driver.BackupNotFound)
}

// CreateBackup accepts a backup and queues its job. The checks, their order and their texts
// are those of cinder/backup/api.py create.
func (bs *Backups) CreateBackup(ctx context.Context, who driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	return bs.CreateFor(ctx, who, spec, func(*meta.Tx, *meta.Backup) error { return nil })
}

// CreateFor is [Backups.CreateBackup] with a change that is part of its transaction.
func (bs *Backups) CreateFor(ctx context.Context, who driver.Caller, spec driver.BackupSpec, also func(*meta.Tx, *meta.Backup) error) (driver.Backup, error) {
	named, container := bs.core.Stores.Choose(spec.Container)
	if named != nil {
		if err := checkContainer(named, container); err != nil {
			return driver.Backup{}, err
		}
	}
	var b *meta.Backup
	err := bs.request(ctx, who, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, spec.VolumeID)
		if err != nil {
			return err
		}
		var s *meta.Snapshot
		if spec.SnapshotID != "" {
			if s, err = core.OwnSnapshot(tx, who, spec.SnapshotID); err != nil {
				return err
			}
		}
		if err := checkBackupSource(v, s, spec.Force); err != nil {
			return err
		}
		metadata, err := bs.copyTarget(spec.Metadata, v)
		if err != nil {
			return err
		}
		size := v.Size
		if s != nil {
			size = s.Size // the volume may have grown since the snapshot
		}
		if err := bs.volumes.CheckBackupQuota(tx, who.ProjectID, 1, size, 0); err != nil {
			return err
		}
		parentID := ""
		store, err := bs.chooseStore(tx, named, v)
		if err != nil {
			return err
		}
		if spec.Incremental {
			parent, err := chooseParent(tx, who.ProjectID, v.ID, s)
			if err != nil {
				return err
			}
			parentID = parent.ID
			if store, err = bs.besideParent(named, parent); err != nil {
				return err
			}
		}
		if err := checkContainer(store, container); err != nil {
			return err
		}
		if err := bs.core.Use(store.Row(), who.ProjectID); err != nil {
			return err
		}
		b = &meta.Backup{Backup: driver.Backup{
			ID: bs.core.NewID(), ProjectID: who.ProjectID, UserID: who.UserID, VolumeID: v.ID, ParentID: parentID,
			Name: spec.Name, Description: spec.Description, Status: driver.BackupCreating, Size: size,
			Container: container, Metadata: metadata, CreatedAt: tx.Now, DataTimestamp: tx.Now,
		}, Service: store.Layout().Service(), Store: store.Row(), Host: bs.core.Host}
		if s != nil {
			b.SnapshotID, b.DataTimestamp = s.ID, s.CreatedAt
		}
		if err := errors.Join(bs.checkMetadata(b, nil, tx.Now), checkSynthetic(b), also(tx, b)); err != nil {
			return err
		}
		bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
		scheduled, err := bs.core.TakesWork(tx, "", core.SchedulerService)
		if err == nil && scheduled {
			scheduled, err = bs.core.TakesWork(tx, bs.core.GatewayOf(v.Host), core.BackupService)
		}
		if err != nil || !scheduled {
			return errors.Join(err, bs.unscheduledBackup(tx, who, b))
		}
		j, err := bs.jobs.New(who, backupJob, v.ID, backupArguments{Previous: v.Status})
		if err != nil {
			return err
		}
		j.BackupID, j.VolumeID = b.ID, v.ID
		if s == nil {
			v.Status, v.PreviousStatus = core.BackingUp, v.Status
			err = tx.TouchVolume(v)
		} else {
			j.SnapshotID, j.Resource = s.ID, s.ID
			s.Status = core.BackingUp
			err = tx.TouchSnapshot(s)
		}
		if err != nil {
			return err
		}
		if err := bs.startCopy(tx, b); err != nil {
			return err
		}
		if err := tx.PutBackup(b); err != nil {
			return err
		}
		return bs.jobs.Enqueue(tx, j)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return b.Backup, nil
}

// unscheduledBackup stores a backup for which no service is available
// (cinder/scheduler/manager.py create_backup).
func (bs *Backups) unscheduledBackup(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	row := *b // the answer shows the status creating
	row.Status, row.FailReason = driver.BackupError, "Service not found for creating backup."
	if err := tx.PutBackup(&row); err != nil {
		return err
	}
	return bs.core.AddMessage(tx, who, core.ActionBackup, core.DetailNoService, core.BackupResource, b.ID, "")
}

func checkBackupSource(v *meta.Volume, s *meta.Snapshot, force bool) error {
	switch {
	case s != nil && s.VolumeID != v.ID:
		return driver.InvalidVolume("Volume %s does not match with snapshot.volume_id %s.", v.ID, s.VolumeID)
	case s != nil && s.Status != core.Available:
		return driver.SnapshotUnfit.Errorf("Snapshot to be backed up must be available, but the current status is \"%s\".", s.Status)
	case s != nil:
		return nil
	}
	return driver.CheckSource(v.Status, force, false)
}

// UpdateBackup changes a backup's name, description and metadata in any status.
func (bs *Backups) UpdateBackup(ctx context.Context, who driver.Caller, backupID string, patch driver.BackupPatch) (driver.Backup, error) {
	var b *meta.Backup
	err := bs.core.Write(ctx, func(tx *meta.Tx) (err error) {
		if b, err = core.OwnBackup(tx, who, backupID); err != nil {
			return err
		}
		if patch.Name.Set {
			b.Name = patch.Name.Value
		}
		if patch.Description.Set {
			b.Description = patch.Description.Value
		}
		if patch.Metadata.Set {
			old := b.Metadata
			if err := bs.setMetadata(tx, b, patch.Metadata.Value); err != nil {
				return err
			}
			if err := bs.relock(tx, b, old); err != nil {
				return err
			}
			bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
		}
		return tx.TouchBackup(b)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return bs.GetBackup(ctx, who, b.ID)
}
