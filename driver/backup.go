package driver

import "time"

// BackupStatus is a backup's status, one of the constants below (cinder/objects/fields.py
// BackupStatus). The gateway never sets error_restoring on a backup; the v2 reference lists
// it, so clients may filter by it.
type BackupStatus string

// The statuses of backups.
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
	ObjectCount           int    // data objects in the store; 0 until the backup is finished
	Container             string // "" until the backend chooses one
	AvailabilityZone      string
	IsIncremental         bool
	HasDependents         bool
	EncryptionKeyID       string
	Metadata              map[string]string
	CreatedAt, UpdatedAt  time.Time // zero: null on the wire
	DataTimestamp         time.Time // the time of the state that the backup holds
}

// BackupSpec is a request for a new backup.
type BackupSpec struct {
	VolumeID          string
	SnapshotID        string // "": the volume itself
	Name, Description *string
	Container         string
	AvailabilityZone  string
	Metadata          map[string]string
	// MetadataAsTags is true for a client of VBS's native API. That API accepts tags but
	// never shows them, so a backend may store Metadata where the Block Storage API does
	// not show it.
	MetadataAsTags bool
	Incremental    bool
	Force          bool // back up an in-use volume, too
}

// BackupPatch changes a backup. Fields that are not set stay unchanged. Metadata replaces
// the whole map.
type BackupPatch struct {
	Name, Description Optional[*string]
	Metadata          Optional[map[string]string]
}

// BackupRecord is a backup's exported record.
type BackupRecord struct {
	Service string // the Cinder driver that wrote the backup: cinder.backup.drivers.…
	URL     string // base64 of a JSON object
}

// Restore describes an accepted restore.
type Restore struct{ BackupID, VolumeID, VolumeName string }

// RestoreTarget is either an existing volume or a new one. The zero value is a new volume
// that the backend names.
type RestoreTarget struct {
	volumeID string
	newName  *string
}

// ToVolume restores into an existing volume.
func ToVolume(id string) RestoreTarget { return RestoreTarget{volumeID: id} }

// ToNewVolume restores into a new volume of the backup's size.
func ToNewVolume(name string) RestoreTarget { return RestoreTarget{newName: &name} }

// VolumeID returns the id of the existing volume. ok is false for a new volume.
func (t RestoreTarget) VolumeID() (id string, ok bool) { return t.volumeID, t.volumeID != "" }

// NewName returns the name that the client chose for a new volume. ok is false if the
// backend chooses it: restore_backup_<backup id> while the restore runs, then the source
// volume's name.
func (t RestoreTarget) NewName() (name string, ok bool) {
	if t.newName == nil {
		return "", false
	}
	return *t.newName, true
}
