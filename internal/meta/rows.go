package meta

import (
	"encoding/json"
	"time"

	"cindergate/driver"
)

// Backup is a row of backups. HasDependents and IsIncremental are not columns: the first is
// counted from the existing rows, the second is ParentID != "".
type Backup struct {
	driver.Backup
	Service string // the Cinder driver whose format the objects have
	// Store is the name of the store that holds the objects; "" is the one in the data
	// directory.
	Store           string
	ServiceMetadata string // prefix of the objects in Container; "" until the backup is finished
	// DataBackupID is the id under which the objects were written. It is "" if that is ID.
	// It differs after an export and an import under another id.
	DataBackupID    string
	Host            string
	RestoreVolumeID string // the last volume that it was restored to
	// Imported says that another service wrote the objects, and that a record of them was
	// imported here.
	Imported bool
	// DataBytes is what the objects hold of the volume, without those of zeroes; nil: not known, as of
	// backups of earlier versions.
	DataBytes *int64
	// LockedUntil is when it may be deleted; zero: at any time.
	LockedUntil time.Time
	// Pending is the record of an import that has not succeeded; nil otherwise. While it is
	// set, the backup owns no objects, and a delete removes only the row.
	Pending   *PendingImport
	DeletedAt time.Time // zero: live. Deleted rows are not shown or counted.
}

// PendingImport is a record as passed to ImportRecord.
type PendingImport struct {
	Service string          `json:"service"`
	Record  json.RawMessage `json:"record"`
}

// Volume is a row of volumes. VolumeType is not a column; it is the name of the type.
type Volume struct {
	driver.Volume
	LaunchedAt time.Time
	// File is the name of the file that holds the data; "" stands for volume-ID. A job
	// that writes new data writes a new file, and the end of the job names it here.
	File string
}

// Snapshot is a row of snapshots.
type Snapshot struct {
	driver.Snapshot
	File string // as in [Volume]; "" stands for snapshot-ID
}

// VolumeType is a row of volume_types.
type VolumeType struct{ driver.VolumeType }

// Message is a row of messages.
type Message struct{ driver.Message }

// Quota is the limit of a project, or of all projects if ProjectID is "*".
type Quota struct {
	ID, ProjectID, Resource string
	Limit                   int
}

// The states of a job. A finished job has no row.
const (
	Queued  = "queued"
	Running = "running"

	cancelled = "cancelled" // but its worker may still be writing
)

// Job is background work. Attempts is also the fencing token: a worker may change the job's
// resources only while Attempts still has the value of its claim.
type Job struct {
	ID, Kind                       string
	Queue                          string // the workers that run it
	BackupID, VolumeID, SnapshotID string
	Resource                       string // jobs of one resource run one after the other
	State                          string
	Attempts                       int
	Released                       int // attempts that were requeued without harm
	LeaseUntil                     time.Time
	NotBefore                      time.Time // zero: it may run at once
	CreatedAt                      time.Time
	// Seq is the place in the order of all jobs. [Tx.PutJob] sets it for a new job.
	Seq int64
	// Host is the gateway that has the files that the job needs; "": any gateway may run it.
	Host string
	// Worker is the gateway that runs it or ran it last.
	Worker                       string
	ProjectID, UserID, RequestID string
	Trace                        string // traceparent of the request's span; "": none
	Arguments                    json.RawMessage
	Progress                     // of the latest attempt, as of its latest renewal
}

// Progress is how far an attempt at a job is.
type Progress struct {
	Started     time.Time // zero: it has not begun
	Seen        time.Time // when Done was true; zero: nothing is known
	Done, Total int64     // bytes of the volume; Total 0: not known
}

// Tries returns the number of attempts that were not requeued: those whose worker died, and
// the current one.
func (j *Job) Tries() int { return j.Attempts - j.Released }

var backups = table[Backup]{name: "backups", key: func(b *Backup) string { return b.ID }, derive: setIncremental, columns: []column[Backup]{
	{"id", func(b *Backup) any { return &b.ID }},
	{"project_id", func(b *Backup) any { return &b.ProjectID }},
	{"user_id", func(b *Backup) any { return text{&b.UserID} }},
	{"volume_id", func(b *Backup) any { return &b.VolumeID }},
	{"snapshot_id", func(b *Backup) any { return text{&b.SnapshotID} }},
	{"parent_id", func(b *Backup) any { return text{&b.ParentID} }},
	{"display_name", func(b *Backup) any { return &b.Name }},
	{"display_description", func(b *Backup) any { return &b.Description }},
	{"status", func(b *Backup) any { return text{(*string)(&b.Status)} }},
	{"fail_reason", func(b *Backup) any { return text{&b.FailReason} }},
	{"size", func(b *Backup) any { return &b.Size }},
	{"object_count", func(b *Backup) any { return &b.ObjectCount }},
	{"container", func(b *Backup) any { return text{&b.Container} }},
	{"availability_zone", func(b *Backup) any { return text{&b.AvailabilityZone} }},
	{"encryption_key_id", func(b *Backup) any { return text{&b.EncryptionKeyID} }},
	{"metadata", func(b *Backup) any { return document[map[string]string]{&b.Metadata} }},
	{"service", func(b *Backup) any { return text{&b.Service} }},
	{"store", func(b *Backup) any { return text{&b.Store} }},
	{"service_metadata", func(b *Backup) any { return text{&b.ServiceMetadata} }},
	{"data_backup_id", func(b *Backup) any { return text{&b.DataBackupID} }},
	{"host", func(b *Backup) any { return text{&b.Host} }},
	{"restore_volume_id", func(b *Backup) any { return text{&b.RestoreVolumeID} }},
	{"imported", func(b *Backup) any { return &b.Imported }},
	{"locked_until", func(b *Backup) any { return micros{&b.LockedUntil} }},
	{"data_bytes", func(b *Backup) any { return &b.DataBytes }},
	{"import_record", func(b *Backup) any { return document[*PendingImport]{&b.Pending} }},
	{"created_at", func(b *Backup) any { return micros{&b.CreatedAt} }},
	{"updated_at", func(b *Backup) any { return micros{&b.UpdatedAt} }},
	{"data_timestamp", func(b *Backup) any { return micros{&b.DataTimestamp} }},
	{"deleted_at", func(b *Backup) any { return micros{&b.DeletedAt} }},
}}

func setIncremental(b *Backup) { b.IsIncremental = b.ParentID != "" }

var volumes = table[Volume]{name: "volumes", key: func(v *Volume) string { return v.ID }, columns: []column[Volume]{
	{"id", func(v *Volume) any { return &v.ID }},
	{"project_id", func(v *Volume) any { return &v.ProjectID }},
	{"user_id", func(v *Volume) any { return text{&v.UserID} }},
	{"display_name", func(v *Volume) any { return &v.Name }},
	{"display_description", func(v *Volume) any { return &v.Description }},
	{"status", func(v *Volume) any { return &v.Status }},
	{"previous_status", func(v *Volume) any { return text{&v.PreviousStatus} }},
	{"size", func(v *Volume) any { return &v.Size }},
	{"availability_zone", func(v *Volume) any { return text{&v.AvailabilityZone} }},
	{"volume_type_id", func(v *Volume) any { return text{&v.VolumeTypeID} }},
	{"snapshot_id", func(v *Volume) any { return text{&v.SnapshotID} }},
	{"source_volid", func(v *Volume) any { return text{&v.SourceVolumeID} }},
	{"bootable", func(v *Volume) any { return &v.Bootable }},
	{"multiattach", func(v *Volume) any { return &v.Multiattach }},
	{"attach_status", func(v *Volume) any { return &v.AttachStatus }},
	{"migration_status", func(v *Volume) any { return text{&v.MigrationStatus} }},
	{"host", func(v *Volume) any { return text{&v.Host} }},
	{"group_id", func(v *Volume) any { return text{&v.GroupID} }},
	{"metadata", func(v *Volume) any { return document[map[string]string]{&v.Metadata} }},
	{"admin_metadata", func(v *Volume) any { return document[map[string]string]{&v.AdminMetadata} }},
	{"image_metadata", func(v *Volume) any { return document[map[string]string]{&v.ImageMetadata} }},
	{"attachments", func(v *Volume) any { return attachments(&v.Attachments) }},
	{"created_at", func(v *Volume) any { return micros{&v.CreatedAt} }},
	{"updated_at", func(v *Volume) any { return micros{&v.UpdatedAt} }},
	{"launched_at", func(v *Volume) any { return micros{&v.LaunchedAt} }},
	{"file", func(v *Volume) any { return text{&v.File} }},
}}

var snapshots = table[Snapshot]{name: "snapshots", key: func(s *Snapshot) string { return s.ID }, columns: []column[Snapshot]{
	{"id", func(s *Snapshot) any { return &s.ID }},
	{"project_id", func(s *Snapshot) any { return &s.ProjectID }},
	{"user_id", func(s *Snapshot) any { return text{&s.UserID} }},
	{"volume_id", func(s *Snapshot) any { return &s.VolumeID }},
	{"display_name", func(s *Snapshot) any { return &s.Name }},
	{"display_description", func(s *Snapshot) any { return &s.Description }},
	{"status", func(s *Snapshot) any { return &s.Status }},
	{"progress", func(s *Snapshot) any { return text{&s.Progress} }},
	{"volume_size", func(s *Snapshot) any { return &s.Size }},
	{"volume_type_id", func(s *Snapshot) any { return text{&s.VolumeTypeID} }},
	{"group_snapshot_id", func(s *Snapshot) any { return text{&s.GroupSnapshotID} }},
	{"metadata", func(s *Snapshot) any { return document[map[string]string]{&s.Metadata} }},
	{"created_at", func(s *Snapshot) any { return micros{&s.CreatedAt} }},
	{"updated_at", func(s *Snapshot) any { return micros{&s.UpdatedAt} }},
	{"file", func(s *Snapshot) any { return text{&s.File} }},
}}

var volumeTypes = table[VolumeType]{name: "volume_types", key: func(t *VolumeType) string { return t.ID }, columns: []column[VolumeType]{
	{"id", func(t *VolumeType) any { return &t.ID }},
	{"name", func(t *VolumeType) any { return &t.Name }},
	{"description", func(t *VolumeType) any { return &t.Description }},
	{"is_public", func(t *VolumeType) any { return &t.IsPublic }},
	{"extra_specs", func(t *VolumeType) any { return document[map[string]string]{&t.ExtraSpecs} }},
	{"qos_specs_id", func(t *VolumeType) any { return text{&t.QoSSpecsID} }},
	{"encryption", func(t *VolumeType) any { return encryption(&t.Encryption) }},
	{"projects", func(t *VolumeType) any { return document[[]string]{&t.Projects} }},
	{"created_at", func(t *VolumeType) any { return micros{&t.CreatedAt} }},
	{"updated_at", func(t *VolumeType) any { return micros{&t.UpdatedAt} }},
}}

var quotas = table[Quota]{name: "quotas", key: func(q *Quota) string { return q.ID }, columns: []column[Quota]{
	{"id", func(q *Quota) any { return &q.ID }},
	{"project_id", func(q *Quota) any { return &q.ProjectID }},
	{"resource", func(q *Quota) any { return &q.Resource }},
	{"hard_limit", func(q *Quota) any { return &q.Limit }},
}}

var messages = table[Message]{name: "messages", key: func(m *Message) string { return m.ID }, columns: []column[Message]{
	{"id", func(m *Message) any { return &m.ID }},
	{"project_id", func(m *Message) any { return &m.ProjectID }},
	{"event_id", func(m *Message) any { return &m.EventID }},
	{"user_message", func(m *Message) any { return &m.UserMessage }},
	{"message_level", func(m *Message) any { return &m.Level }},
	{"request_id", func(m *Message) any { return text{&m.RequestID} }},
	{"resource_type", func(m *Message) any { return text{&m.ResourceType} }},
	{"resource_uuid", func(m *Message) any { return text{&m.ResourceUUID} }},
	{"created_at", func(m *Message) any { return micros{&m.CreatedAt} }},
	{"expires_at", func(m *Message) any { return micros{&m.GuaranteedUntil} }},
}}

var jobs = table[Job]{name: "jobs", key: func(j *Job) string { return j.ID }, columns: []column[Job]{
	{"id", func(j *Job) any { return &j.ID }},
	{"kind", func(j *Job) any { return &j.Kind }},
	{"lane", func(j *Job) any { return &j.Queue }},
	{"backup_id", func(j *Job) any { return text{&j.BackupID} }},
	{"volume_id", func(j *Job) any { return text{&j.VolumeID} }},
	{"snapshot_id", func(j *Job) any { return text{&j.SnapshotID} }},
	{"resource", func(j *Job) any { return &j.Resource }},
	{"state", func(j *Job) any { return &j.State }},
	{"attempts", func(j *Job) any { return &j.Attempts }},
	{"released", func(j *Job) any { return &j.Released }},
	{"lease_until", func(j *Job) any { return lease{&j.LeaseUntil} }},
	{"not_before", func(j *Job) any { return lease{&j.NotBefore} }},
	{"created_at", func(j *Job) any { return micros{&j.CreatedAt} }},
	{"seq", func(j *Job) any { return &j.Seq }},
	{"host", func(j *Job) any { return text{&j.Host} }},
	{"worker", func(j *Job) any { return text{&j.Worker} }},
	{"project_id", func(j *Job) any { return text{&j.ProjectID} }},
	{"user_id", func(j *Job) any { return text{&j.UserID} }},
	{"request_id", func(j *Job) any { return text{&j.RequestID} }},
	{"trace", func(j *Job) any { return text{&j.Trace} }},
	{"arguments", func(j *Job) any { return document[json.RawMessage]{&j.Arguments} }},
	{"started_at", func(j *Job) any { return micros{&j.Started} }},
	{"seen_at", func(j *Job) any { return micros{&j.Seen} }},
	{"done", func(j *Job) any { return &j.Done }},
	{"total", func(j *Job) any { return &j.Total }},
}}
