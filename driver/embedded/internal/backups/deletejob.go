package backups

import (
	"context"
	"errors"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/jobs"
	"cindergate/internal/chunk"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// deleteJob is the kind of jobs that delete backups.
const deleteJob = "delete"

// deleteTask deletes a backup's objects and then its row.
func (bs *Backups) deleteTask(j *meta.Job, _ struct{}) jobs.Task {
	return jobs.Task{
		Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
			b, err := bs.core.DB.Backup(ctx, j.BackupID)
			if err != nil {
				return 0, nil, err
			}
			if b == nil {
				return 0, jobs.Done, nil
			}
			if err := bs.deleteData(chunk.WithPatience(ctx, quickPatience), b); err != nil {
				return 0, nil, err
			}
			return bs.core.Bytes(b.Size), func(tx *meta.Tx) error {
				bs.core.Attention.CallAfter(tx, b.ProjectID, b.VolumeID)
				return errors.Join(bs.removeUpload(tx, j.BackupID), softDeleteBackup(tx, j.BackupID))
			}, nil
		},
		Fail: func(tx *meta.Tx, reason string) error {
			b, err := tx.Backup(j.BackupID)
			if err != nil || b == nil {
				return err
			}
			b.Status, b.FailReason = driver.BackupError, reason
			if err := tx.TouchBackup(b); err != nil {
				return err
			}
			return bs.core.AddMessage(tx, jobs.Requester(j), core.ActionDeleteBackup, core.DetailDeleteBackup, core.BackupResource, b.ID, reason)
		},
	}
}

// deleteData deletes the objects of a backup, unless another backup shares them. That
// happens if the record was imported under another id.
func (bs *Backups) deleteData(ctx context.Context, b *meta.Backup) error {
	if ownsNothing(b) {
		return nil
	}
	s, err := bs.storeOf(ctx, b)
	if err != nil {
		return err
	}
	prefixes := map[string]bool{}
	if !b.Imported { // for an imported backup, other attempts' objects may belong to another backup
		if prefixes, err = bs.attempts(ctx, s, b); err != nil {
			return core.Because(err, "The backup's objects could not be listed.")
		}
	}
	if b.ServiceMetadata != "" {
		prefixes[b.ServiceMetadata] = true
	}
	for prefix := range prefixes {
		at := chunked.Location{Container: bs.container(s, b), Prefix: prefix}
		used, err := bs.isUsed(ctx, s, b.Store, at, b.ID)
		if err != nil {
			return err
		}
		if used {
			continue
		}
		if err := chunked.Delete(ctx, s.Store, at); err != nil {
			return core.Because(err, "The backup's objects could not be deleted from the store.")
		}
	}
	return nil
}

// ownsNothing reports whether a backup has no objects that a delete has to look for: it is a
// failed import.
func ownsNothing(b *meta.Backup) bool { return b.Imported && b.ServiceMetadata == "" }

// isUsed reports whether a live backup other than the one with the id except has objects at a place.
// store is as in [meta.Backup].
func (bs *Backups) isUsed(ctx context.Context, s *core.Store, store string, at chunked.Location, except string) (bool, error) {
	var sharers []*meta.Backup
	err := bs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		sharers, err = tx.Sharers(store, at.Container, at.Prefix)
		return err
	})
	return slices.ContainsFunc(sharers, func(other *meta.Backup) bool {
		return other.ID != except && (s.ProjectID == "" || other.ProjectID == s.ProjectID)
	}), err
}

// softDeleteBackup marks the row as deleted. An import of the record revives it.
func softDeleteBackup(tx *meta.Tx, id string) error {
	b, err := tx.Backup(id)
	if err != nil || b == nil {
		return err
	}
	b.Status, b.DeletedAt = "deleted", tx.Now
	return tx.TouchBackup(b)
}
