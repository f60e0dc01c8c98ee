package backups

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// record is the JSON object in backup_url. It has the fields of a row of Cinder's backups
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
func (bs *Backups) ExportRecord(ctx context.Context, who driver.Caller, backupID string) (driver.BackupRecord, error) {
	b, err := bs.core.DB.Backup(ctx, backupID)
	if err != nil {
		return driver.BackupRecord{}, core.Classify(err)
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return driver.BackupRecord{}, driver.BackupNotFound(backupID)
	}
	if b.Status != driver.BackupAvailable {
		return driver.BackupRecord{}, driver.BackupNotAvailable.Errorf("Backup status must be available and not %s.", b.Status)
	}
	if err := bs.core.Read(ctx, func(tx *meta.Tx) error { return bs.core.BackupServiceUp(tx, "") }); err != nil {
		return driver.BackupRecord{}, err
	}
	children, err := bs.core.DB.CountChildren(ctx, b.ID)
	if err != nil {
		return driver.BackupRecord{}, core.Classify(err)
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
