package embedded

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/meta"
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
	Size                int               `json:"size"`
	DisplayName         *string           `json:"display_name"`
	DisplayDescription  *string           `json:"display_description"`
	ServiceMetadata     *string           `json:"service_metadata"`
	Service             string            `json:"service"`
	ObjectCount         int               `json:"object_count"`
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

// recordTime is a time in a record, null if zero.
type recordTime struct{ time.Time }

func (t recordTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05Z"))
}

func (t *recordTime) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05-07:00"} {
		if parsed, err := time.Parse(layout, *s); err == nil {
			t.Time = parsed.UTC().Truncate(time.Microsecond)
			return nil
		}
	}
	return reasonf("%q is not a time.", *s)
}

// ExportRecord returns a backup's record (cinder/backup/manager.py export_record).
func (d *Driver) ExportRecord(_ context.Context, who driver.Caller, backupID string) (driver.BackupRecord, error) {
	b, ok := d.db.Backups.Get(backupID)
	if !ok || !who.Owns(b.ProjectID) {
		return driver.BackupRecord{}, driver.BackupNotFound(backupID)
	}
	if b.Status != driver.BackupAvailable {
		return driver.BackupRecord{}, driver.InvalidBackup("Backup status must be available and not %s.", b.Status)
	}
	metadata := b.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	raw, err := json.Marshal(record{
		ID: b.ID, UserID: ptr(b.UserID), ProjectID: ptr(b.ProjectID), VolumeID: b.VolumeID, Host: ptr(b.Host),
		AvailabilityZone: ptr(b.AvailabilityZone), Container: ptr(b.Container), ParentID: ptr(b.ParentID),
		Status: string(b.Status), FailReason: ptr(b.FailReason), Size: b.Size, DisplayName: b.Name,
		DisplayDescription: b.Description, ServiceMetadata: ptr(b.ServiceMetadata), Service: b.Service,
		ObjectCount: b.ObjectCount, NumDependentBackups: d.db.Backups.Children(b.ID), SnapshotID: ptr(b.SnapshotID),
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
// backup with the record's id is revived (cinder/backup/api.py _get_import_backup).
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
		if b != nil && b.DeletedAt.IsZero() {
			return driver.InvalidBackup("Backup already exists in database.")
		}
		if err := d.checkBackupQuota(tx, who.ProjectID, size); err != nil {
			return err
		}
		if b == nil {
			b = &meta.Backup{Backup: driver.Backup{ID: id, CreatedAt: tx.Now}}
		}
		b.ProjectID, b.UserID, b.VolumeID, b.Size = who.ProjectID, who.UserID, importVolumeID, size
		b.Status, b.DeletedAt, b.Metadata = driver.BackupCreating, time.Time{}, map[string]string{}
		// Not of what was deleted: these would be taken for data that is here.
		b.ParentID, b.ServiceMetadata, b.DataBackupID, b.FailReason, b.ObjectCount = "", "", "", "", 0
		if err := tx.PutBackup(b); err != nil {
			return err
		}
		j := d.job(who, importJob, b.ID, arguments{Record: raw, Service: r.Service})
		j.BackupID = b.ID
		return d.enqueue(tx, j)
	})
	if err != nil {
		return driver.Backup{}, err
	}
	return b.Backup, nil
}

// decodeRecord takes a backup_url apart as far as the request needs it.
func decodeRecord(url string) (raw json.RawMessage, id string, size int, err error) {
	invalid := func(text string) error {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: %s", text)
	}
	decoded, err := base64.StdEncoding.DecodeString(url)
	if err != nil {
		return nil, "", 0, invalid("Can't decode backup record.")
	}
	if !json.Valid(decoded) {
		return nil, "", 0, invalid("Can't parse backup record.")
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(decoded, &fields) // not an object: no fields
	if json.Unmarshal(fields["id"], &id) != nil || id == "" {
		return nil, "", 0, invalid("Provided backup record is missing an id")
	}
	if json.Unmarshal(fields["size"], &size) != nil || size < 0 {
		return nil, "", 0, invalid("Provided backup record is missing size attribute")
	}
	return decoded, id, size, nil
}
