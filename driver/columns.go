package driver

import (
	"strings"
	"time"
)

// The columns by which lists filter and sort. Their names are those of Cinder's database
// (cinder/db/sqlalchemy/models.py): its API accepts them as sort keys and, from admins, as
// filters.

// BackupColumns are the columns of a backup.
var BackupColumns = Columns[Backup]{
	"id":                  func(b *Backup) any { return b.ID },
	"volume_id":           func(b *Backup) any { return b.VolumeID },
	"user_id":             func(b *Backup) any { return b.UserID },
	"project_id":          func(b *Backup) any { return b.ProjectID },
	"availability_zone":   func(b *Backup) any { return orNil(b.AvailabilityZone) },
	"display_name":        func(b *Backup) any { return deref(b.Name) },
	"display_description": func(b *Backup) any { return deref(b.Description) },
	"container":           func(b *Backup) any { return orNil(b.Container) },
	"parent_id":           func(b *Backup) any { return orNil(b.ParentID) },
	"status":              func(b *Backup) any { return string(b.Status) },
	"fail_reason":         func(b *Backup) any { return orNil(b.FailReason) },
	"size":                func(b *Backup) any { return b.Size },
	"deleted":             never[Backup],
	"deleted_at":          null[Backup],
	"object_count":        func(b *Backup) any { return b.ObjectCount },
	"snapshot_id":         func(b *Backup) any { return orNil(b.SnapshotID) },
	"data_timestamp":      func(b *Backup) any { return timeOrNil(b.DataTimestamp) },
	"created_at":          func(b *Backup) any { return timeOrNil(b.CreatedAt) },
	"updated_at":          func(b *Backup) any { return timeOrNil(b.UpdatedAt) },
}

// VolumeColumns are the columns of a volume.
var VolumeColumns = Columns[Volume]{
	"id":                  func(v *Volume) any { return v.ID },
	"user_id":             func(v *Volume) any { return v.UserID },
	"project_id":          func(v *Volume) any { return v.ProjectID },
	"host":                func(v *Volume) any { return orNil(v.Host) },
	"size":                func(v *Volume) any { return v.Size },
	"availability_zone":   func(v *Volume) any { return orNil(v.AvailabilityZone) },
	"status":              func(v *Volume) any { return v.Status },
	"attach_status":       func(v *Volume) any { return v.AttachStatus },
	"migration_status":    func(v *Volume) any { return orNil(v.MigrationStatus) },
	"display_name":        func(v *Volume) any { return deref(v.Name) },
	"display_description": func(v *Volume) any { return deref(v.Description) },
	"volume_type_id":      func(v *Volume) any { return orNil(v.VolumeTypeID) },
	"snapshot_id":         func(v *Volume) any { return orNil(v.SnapshotID) },
	"source_volid":        func(v *Volume) any { return orNil(v.SourceVolumeID) },
	"group_id":            func(v *Volume) any { return orNil(v.GroupID) },
	"bootable":            func(v *Volume) any { return v.Bootable },
	"shared_targets":      never[Volume],
	"use_quota":           always[Volume],
	"deleted":             never[Volume],
	"metadata":            func(v *Volume) any { return Pairs{v.Metadata, v.AdminMetadata} },
	"glance_metadata":     func(v *Volume) any { return Pairs{v.ImageMetadata} },
	"ec2_id":              null[Volume],
	"terminated_at":       null[Volume],
	"scheduled_at":        placedAt,
	"launched_at":         placedAt,
	"previous_status":     func(v *Volume) any { return orNil(v.PreviousStatus) },
	"cluster_name":        null[Volume],
	"consistencygroup_id": null[Volume],
	"encryption_key_id":   null[Volume],
	"replication_status":  null[Volume],
	"provider_id":         null[Volume],
	"provider_location":   null[Volume],
	"deleted_at":          null[Volume],
	"multiattach":         func(v *Volume) any { return v.Multiattach },
	"created_at":          func(v *Volume) any { return timeOrNil(v.CreatedAt) },
	"updated_at":          func(v *Volume) any { return timeOrNil(v.UpdatedAt) },
}

// SnapshotColumns are the columns of a snapshot.
var SnapshotColumns = Columns[Snapshot]{
	"id":                  func(s *Snapshot) any { return s.ID },
	"user_id":             func(s *Snapshot) any { return s.UserID },
	"project_id":          func(s *Snapshot) any { return s.ProjectID },
	"volume_id":           func(s *Snapshot) any { return s.VolumeID },
	"volume_size":         func(s *Snapshot) any { return s.Size },
	"volume_type_id":      func(s *Snapshot) any { return orNil(s.VolumeTypeID) },
	"display_name":        func(s *Snapshot) any { return deref(s.Name) },
	"display_description": func(s *Snapshot) any { return deref(s.Description) },
	"status":              func(s *Snapshot) any { return s.Status },
	"group_snapshot_id":   func(s *Snapshot) any { return orNil(s.GroupSnapshotID) },
	"progress":            func(s *Snapshot) any { return s.Progress },
	"use_quota":           always[Snapshot],
	"deleted":             never[Snapshot],
	"metadata":            func(s *Snapshot) any { return Pairs{s.Metadata} },
	"cgsnapshot_id":       null[Snapshot],
	"encryption_key_id":   null[Snapshot],
	"provider_id":         null[Snapshot],
	"provider_location":   null[Snapshot],
	"deleted_at":          null[Snapshot],
	"created_at":          func(s *Snapshot) any { return timeOrNil(s.CreatedAt) },
	"updated_at":          func(s *Snapshot) any { return timeOrNil(s.UpdatedAt) },
}

// JobColumns are the columns of a job.
var JobColumns = Columns[Job]{
	"id":             func(j *Job) any { return j.ID },
	"action":         func(j *Job) any { return j.Action },
	"state":          func(j *Job) any { return j.State },
	"project_id":     func(j *Job) any { return j.ProjectID },
	"request_id":     func(j *Job) any { return j.RequestID },
	"backup_id":      func(j *Job) any { return j.BackupID },
	"volume_id":      func(j *Job) any { return j.VolumeID },
	"snapshot_id":    func(j *Job) any { return j.SnapshotID },
	"created_at":     func(j *Job) any { return timeOrNil(j.Queued) },
	"queue_position": func(j *Job) any { return int(j.Position) },
}

// MessageColumns are the columns of a user message.
var MessageColumns = Columns[Message]{
	"id":            func(m *Message) any { return m.ID },
	"project_id":    func(m *Message) any { return m.ProjectID },
	"event_id":      func(m *Message) any { return m.EventID },
	"message_level": func(m *Message) any { return m.Level },
	"request_id":    func(m *Message) any { return m.RequestID },
	"resource_type": func(m *Message) any { return m.ResourceType },
	"resource_uuid": func(m *Message) any { return m.ResourceUUID },
	"created_at":    func(m *Message) any { return timeOrNil(m.CreatedAt) },
	"action_id":     func(m *Message) any { return eventPart(m, 2) },
	"detail_id":     func(m *Message) any { return eventPart(m, 1) },
	"expires_at":    func(m *Message) any { return timeOrNil(m.GuaranteedUntil) },
	"updated_at":    null[Message],
	"deleted":       never[Message],
	"deleted_at":    null[Message],
}

// always, never and null are columns with the same value in every row.
func always[T any](*T) any { return true }
func never[T any](*T) any  { return false }
func null[T any](*T) any   { return nil }

// eventPart returns one part of a message's event id, counted from its end. The id ends
// with the numbers of the action and of the detail.
func eventPart(m *Message, fromEnd int) any {
	parts := strings.Split(m.EventID, "_")
	if len(parts) < fromEnd {
		return nil
	}
	return parts[len(parts)-fromEnd]
}

// placedAt returns when the scheduler placed a volume, which is when it accepted the
// request; NULL if the volume has no host.
func placedAt(v *Volume) any {
	if v.Host == "" {
		return nil
	}
	return timeOrNil(v.CreatedAt)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func deref(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
