package backups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// ImportRecord accepts a record; a job checks it and looks for the data. If a deleted
// backup has the record's id, the import revives it (cinder/backup/api.py
// _get_import_backup). A failed import can be repeated.
func (bs *Backups) ImportRecord(ctx context.Context, who driver.Caller, r driver.BackupRecord) (driver.Backup, error) {
	raw, id, size, err := decodeRecord(r.URL)
	if err != nil {
		return driver.Backup{}, err
	}
	var b *meta.Backup
	err = bs.request(ctx, who, func(tx *meta.Tx) error {
		if b, err = tx.AnyBackup(id); err != nil {
			return err
		}
		live := b != nil && b.DeletedAt.IsZero()
		if live && (b.Pending == nil || b.Status != driver.BackupError || b.ProjectID != who.ProjectID) {
			return driver.BackupExists.Errorf("Backup already exists in database.")
		}
		if up, err := bs.core.TakesWork(tx, "", core.BackupService); err != nil || !up {
			// Not 404 here, unlike elsewhere (cinder/api/contrib/backups.py import_record).
			return errors.Join(err, driver.Errorf(driver.Unavailable, "Service %s could not be found.", core.BackupService))
		}
		more, own := 1, 0
		if live {
			more, own = 0, b.Size
		}
		if err := bs.volumes.CheckBackupQuota(tx, who.ProjectID, more, size, own); err != nil {
			return err
		}
		if b == nil {
			b = &meta.Backup{Backup: driver.Backup{ID: id, CreatedAt: tx.Now}}
		}
		b.ProjectID, b.UserID, b.VolumeID, b.Size = who.ProjectID, who.UserID, importVolumeID, size
		if !live { // else they are what somebody has set since the import that failed
			b.DeletedAt, b.Metadata = time.Time{}, map[string]string{}
		}
		// A deleted backup still has these values. They would be mistaken for existing
		// data.
		b.ParentID, b.Container, b.ServiceMetadata, b.DataBackupID, b.Store, b.ObjectCount = "", "", "", "", "", 0
		b.DataBytes = nil
		b.Imported, b.Pending = true, &meta.PendingImport{Service: r.Service, Record: raw}
		for _, s := range bs.candidates(b.Pending) {
			if err := bs.core.Use(s.Row(), who.ProjectID); err != nil {
				return err
			}
		}
		return bs.startImport(tx, who, b)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return b.Backup, nil
}

// startImport stores a backup that is being imported and queues the job. The job's resource
// is the objects, so the job waits for deletes of the same objects.
func (bs *Backups) startImport(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	b.Status, b.FailReason = driver.BackupCreating, ""
	if err := tx.PutBackup(b); err != nil {
		return err
	}
	var at struct {
		Container       any `json:"container"`
		ServiceMetadata any `json:"service_metadata"`
	}
	_ = json.Unmarshal(b.Pending.Record, &at) // the job reports errors in them
	j, err := bs.jobs.New(who, importJob, fmt.Sprint(at.Container, "/", at.ServiceMetadata), struct{}{})
	if err != nil {
		return err
	}
	j.BackupID = b.ID
	return bs.jobs.Enqueue(tx, j)
}

// importVolumeID is the volume id of a backup during its import (cinder/backup/api.py
// IMPORT_VOLUME_ID).
const importVolumeID = "00000000-0000-0000-0000-000000000000"
