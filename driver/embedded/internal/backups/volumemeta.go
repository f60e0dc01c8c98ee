package backups

import (
	"context"
	"encoding/json"
	"time"

	"cindergate/internal/meta"
)

// volumeMeta returns a backup's volume_meta as JSON: the volume's row in Cinder's column
// names, its metadata and its image metadata (cinder/backup/driver.py BackupMetadataAPI).
// For a bootable volume without image metadata, the image metadata is an empty object; a
// restore makes a bootable volume of it, in Cinder and here. The result is nil if the
// volume is gone, which is possible for the backup of a snapshot.
func (bs *Backups) volumeMeta(ctx context.Context, volumeID string) (*string, error) {
	v, err := bs.core.DB.Volume(ctx, volumeID)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	return describeVolume(v)
}

// describeVolume returns the volume_meta of a volume.
func describeVolume(v *meta.Volume) (*string, error) {
	all := map[string]any{"version": 2, "volume-base-metadata": baseMetadata(v)}
	if len(v.Metadata) > 0 {
		all["volume-metadata"] = v.Metadata
	}
	if v.Bootable || len(v.ImageMetadata) > 0 {
		image := v.ImageMetadata
		if image == nil {
			image = map[string]string{}
		}
		all["volume-glance-metadata"] = image
	}
	raw, err := json.Marshal(all)
	text := string(raw)
	return &text, err
}

// baseMetadata returns the volume's row as in Cinder (cinder/db/sqlalchemy/models.py
// Volume). Its status is available, the status of an idle volume.
func baseMetadata(v *meta.Volume) map[string]any {
	return map[string]any{
		"id": v.ID, "_name_id": nil, "ec2_id": nil, "use_quota": true,
		"user_id": orNull(v.UserID), "project_id": v.ProjectID, "snapshot_id": orNull(v.SnapshotID),
		"cluster_name": nil, "host": orNull(v.Host), "size": v.Size, "availability_zone": orNull(v.AvailabilityZone),
		"status": v.Status, "attach_status": v.AttachStatus, "migration_status": orNull(v.MigrationStatus),
		"previous_status": orNull(v.PreviousStatus), "display_name": v.Name, "display_description": v.Description,
		"created_at": timeOrNull(v.CreatedAt), "updated_at": timeOrNull(v.UpdatedAt), "deleted_at": nil, "deleted": false,
		"scheduled_at": timeOrNull(v.CreatedAt), "launched_at": timeOrNull(v.LaunchedAt), "terminated_at": nil,
		"provider_location": nil, "provider_auth": nil, "provider_geometry": nil, "provider_id": nil,
		"volume_type_id": orNull(v.VolumeTypeID), "source_volid": orNull(v.SourceVolumeID), "encryption_key_id": nil,
		"consistencygroup_id": nil, "group_id": orNull(v.GroupID), "bootable": v.Bootable, "multiattach": v.Multiattach,
		"replication_status": nil, "replication_extended_status": nil, "replication_driver_data": nil,
		"service_uuid": nil, "shared_targets": false,
	}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}
