package embedded

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/internal/meta"
)

// importVolumeID is the volume of a backup while it is imported
// (cinder/backup/api.py IMPORT_VOLUME_ID).
const importVolumeID = "00000000-0000-0000-0000-000000000000"

// record is the JSON object in backup_url: a row of Cinder's backups
// (cinder/objects/backup.py encode_record). Times have whole seconds and a Z.
type record struct {
	DriverInfo          struct{}          `json:"driver_info"`
	ID                  string            `json:"id"`
	UserID              *string           `json:"user_id"`
	ProjectID           *string           `json:"project_id"`
	VolumeID            string            `json:"volume_id"`
	Host                *string           `json:"host"`
	AvailabilityZone    *string           `json:"availability_zone"`
	Container           *string           `json:"container"`
	ParentID            *string           `json:"parent_id"`
	Status              string            `json:"status"`
	FailReason          *string           `json:"fail_reason"`
	Size                wholeNumber       `json:"size"`
	DisplayName         *string           `json:"display_name"`
	DisplayDescription  *string           `json:"display_description"`
	ServiceMetadata     *string           `json:"service_metadata"`
	Service             string            `json:"service"`
	ObjectCount         wholeNumber       `json:"object_count"`
	TempVolumeID        *string           `json:"temp_volume_id"`
	TempSnapshotID      *string           `json:"temp_snapshot_id"`
	NumDependentBackups int               `json:"num_dependent_backups"`
	SnapshotID          *string           `json:"snapshot_id"`
	DataTimestamp       recordTime        `json:"data_timestamp"`
	RestoreVolumeID     *string           `json:"restore_volume_id"`
	Metadata            map[string]string `json:"metadata"`
	EncryptionKeyID     *string           `json:"encryption_key_id"`
	CreatedAt           recordTime        `json:"created_at"`
	UpdatedAt           recordTime        `json:"updated_at"`
	DeletedAt           recordTime        `json:"deleted_at"`
	Deleted             bool              `json:"deleted"`
}

// ExportRecord returns a backup's record (cinder/backup/manager.py export_record).
func (d *Driver) ExportRecord(ctx context.Context, who driver.Caller, backupID string) (driver.BackupRecord, error) {
	b, err := d.db.Backup(ctx, backupID)
	if err != nil {
		return driver.BackupRecord{}, classify(err)
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return driver.BackupRecord{}, driver.BackupNotFound(backupID)
	}
	if b.Status != driver.BackupAvailable {
		return driver.BackupRecord{}, driver.BackupNotAvailable.Errorf("Backup status must be available and not %s.", b.Status)
	}
	if err := d.read(ctx, backupServiceUp); err != nil {
		return driver.BackupRecord{}, err
	}
	children, err := d.db.CountChildren(ctx, b.ID)
	if err != nil {
		return driver.BackupRecord{}, classify(err)
	}
	metadata := b.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	raw, err := json.Marshal(record{
		ID: b.ID, UserID: ptr(b.UserID), ProjectID: ptr(b.ProjectID), VolumeID: b.VolumeID, Host: ptr(b.Host),
		AvailabilityZone: ptr(b.AvailabilityZone), Container: ptr(b.Container), ParentID: ptr(b.ParentID),
		Status: string(b.Status), FailReason: ptr(b.FailReason), Size: wholeNumber(b.Size), DisplayName: b.Name,
		DisplayDescription: b.Description, ServiceMetadata: ptr(b.ServiceMetadata), Service: b.Service,
		ObjectCount: wholeNumber(b.ObjectCount), NumDependentBackups: children, SnapshotID: ptr(b.SnapshotID),
		DataTimestamp: recordTime{b.DataTimestamp}, RestoreVolumeID: ptr(b.RestoreVolumeID), Metadata: metadata,
		EncryptionKeyID: ptr(b.EncryptionKeyID), CreatedAt: recordTime{b.CreatedAt}, UpdatedAt: recordTime{b.UpdatedAt},
	})
	if err != nil {
		return driver.BackupRecord{}, driver.Wrap(driver.Internal, err, "The record cannot be encoded.")
	}
	return driver.BackupRecord{Service: b.Service, URL: base64.StdEncoding.EncodeToString(raw)}, nil
}

func ptr(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ImportRecord accepts a record; a job checks it and looks for the data. A deleted
// backup with the record's id is revived (cinder/backup/api.py _get_import_backup),
// and an import that failed can be repeated.
func (d *Driver) ImportRecord(ctx context.Context, who driver.Caller, r driver.BackupRecord) (driver.Backup, error) {
	raw, id, size, err := decodeRecord(r.URL)
	if err != nil {
		return driver.Backup{}, err
	}
	var b *meta.Backup
	err = d.write(ctx, func(tx *meta.Tx) error {
		if b, err = tx.AnyBackup(id); err != nil {
			return err
		}
		live := b != nil && b.DeletedAt.IsZero()
		if live && (b.Pending == nil || b.Status != driver.BackupError || b.ProjectID != who.ProjectID) {
			return driver.BackupExists.Errorf("Backup already exists in database.")
		}
		if off, err := disabled(tx, backupService); err != nil || off {
			// cinder/api/contrib/backups.py import_record: here it is no 404.
			return errors.Join(err, driver.Errorf(driver.Unavailable, "Service %s could not be found.", backupService))
		}
		more, own := 1, 0
		if live {
			more, own = 0, b.Size
		}
		if err := d.checkBackupQuota(tx, who.ProjectID, more, size, own); err != nil {
			return err
		}
		if b == nil {
			b = &meta.Backup{Backup: driver.Backup{ID: id, CreatedAt: tx.Now}}
		}
		b.ProjectID, b.UserID, b.VolumeID, b.Size = who.ProjectID, who.UserID, importVolumeID, size
		b.DeletedAt, b.Metadata = time.Time{}, map[string]string{}
		// Not of what was deleted: these would be taken for data that is here.
		b.ParentID, b.Container, b.ServiceMetadata, b.DataBackupID, b.ObjectCount = "", "", "", "", 0
		b.Imported, b.Pending = true, &meta.PendingImport{Service: r.Service, Record: raw}
		return d.startImport(tx, who, b)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return b.Backup, nil
}

// startImport shows that a backup is being imported and inserts the job that does it.
// The job and deletes of the same objects run one after the other.
func (d *Driver) startImport(tx *meta.Tx, who driver.Caller, b *meta.Backup) error {
	b.Status, b.FailReason = driver.BackupCreating, ""
	if err := tx.PutBackup(b); err != nil {
		return err
	}
	var at struct {
		Container       any `json:"container"`
		ServiceMetadata any `json:"service_metadata"`
	}
	_ = json.Unmarshal(b.Pending.Record, &at) // the job says what is wrong with them
	j := d.job(who, importJob, fmt.Sprint(at.Container, "/", at.ServiceMetadata), arguments{})
	j.BackupID = b.ID
	return d.enqueue(tx, j)
}
