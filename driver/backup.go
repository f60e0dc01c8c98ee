package driver

import "time"

// BackupStatus is the closed set of a backup's states
// (cinder/objects/fields.py BackupStatus). A backup is never error_restoring; the
// v2 reference lists it, and clients may filter by it.
type BackupStatus string

// The states of a backup.
const (
	BackupCreating      BackupStatus = "creating"
	BackupAvailable     BackupStatus = "available"
	BackupRestoring     BackupStatus = "restoring"
	BackupDeleting      BackupStatus = "deleting"
	BackupError         BackupStatus = "error"
	BackupErrorDeleting BackupStatus = "error_deleting"
	BackupErrorRestore  BackupStatus = "error_restoring"
)

// Backup is a full or incremental copy of a volume or snapshot.
type Backup struct {
	ID, ProjectID, UserID string
	VolumeID              string
	SnapshotID            string // "" unless made from a snapshot
	ParentID              string // "" for a full backup
	Name, Description     *string
	Status                BackupStatus
	FailReason            string
	Size                  int    // of the volume, in GiB
	ObjectCount           int    // data objects in the store, 0 until finished
	Container             string // "" until the backend chose one
	AvailabilityZone      string
	IsIncremental         bool
	HasDependents         bool
	EncryptionKeyID       string
	Metadata              map[string]string
	CreatedAt, UpdatedAt  time.Time // zero: null on the wire
	DataTimestamp         time.Time // when the data was as it is in the backup
}

// BackupSpec is a request for a new backup.
type BackupSpec struct {
	VolumeID          string
	SnapshotID        string // "": the volume itself
	Name, Description *string
	Container         string
	AvailabilityZone  string
	Metadata          map[string]string
	// MetadataAsTags: the client speaks VBS's own API, which takes tags and never shows
	// them. A backend may keep Metadata where the Block Storage API does not show it.
	MetadataAsTags bool
	Incremental    bool
	Force          bool // also of a volume in use
}

// BackupPatch changes a backup; what is not set stays. Metadata replaces.
type BackupPatch struct {
	Name, Description Optional[*string]
	Metadata          Optional[map[string]string]
}

// BackupRecord is a backup's exported record.
type BackupRecord struct {
	Service string // the driver that wrote it: cinder.backup.drivers.…
	URL     string // base64 of a JSON object
}

// Restore is an accepted restore.
type Restore struct{ BackupID, VolumeID, VolumeName string }

// RestoreTarget is an existing volume or a new one, never both. The zero value is
// a new volume that the backend names.
type RestoreTarget struct {
	volumeID string
	newName  *string
}

// ToVolume restores into an existing volume.
func ToVolume(id string) RestoreTarget { return RestoreTarget{volumeID: id} }

// ToNewVolume restores into a new volume of the backup's size.
func ToNewVolume(name string) RestoreTarget { return RestoreTarget{newName: &name} }

// VolumeID returns the existing volume's id; ok is false for a new volume.
func (t RestoreTarget) VolumeID() (id string, ok bool) { return t.volumeID, t.volumeID != "" }

// NewName returns the name that was asked for a new volume; ok is false when the
// backend is to name it restore_backup_<backup id> and, when done, as the source.
func (t RestoreTarget) NewName() (name string, ok bool) {
	if t.newName == nil {
		return "", false
	}
	return *t.newName, true
}
