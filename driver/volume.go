package driver

import (
	"context"
	"slices"
	"time"
)

// VolumeReader shows the volumes that backups are made of and restored to. A backend that
// cannot show volumes does not implement it.
type VolumeReader interface {
	GetVolume(ctx context.Context, caller Caller, volumeID string) (Volume, error)
}

// VolumeLister lists volumes, where the gateway serves them. Clients look up a volume
// before they back it up or restore to it. Without a list, `openstack volume backup restore
// BACKUP VOLUME` would take an existing volume's id for the name of a new volume.
type VolumeLister interface {
	VolumeReader
	ListVolumes(ctx context.Context, caller Caller, q Query) (Page[Volume], error)
}

// VolumeSummary counts a set of volumes.
type VolumeSummary struct {
	Count, Size int // Size in GiB
	// Metadata has the distinct values of each key, in the order of the volumes.
	Metadata map[string][]string
}

// Summarize returns the summary of volumes.
func Summarize(volumes []Volume) VolumeSummary {
	s := VolumeSummary{Count: len(volumes), Metadata: map[string][]string{}}
	for i := range volumes {
		s.Size += volumes[i].Size
		for key, value := range volumes[i].Metadata {
			if !slices.Contains(s.Metadata[key], value) {
				s.Metadata[key] = append(s.Metadata[key], value)
			}
		}
	}
	return s
}

// VolumeSummarizer summarizes the volumes of a query. A Passthrough implements it if its
// backend has no GET /volumes/summary.
type VolumeSummarizer interface {
	SummarizeVolumes(ctx context.Context, caller Caller, q Query) (VolumeSummary, error)
}

// VolumeManager creates, changes and deletes volumes.
type VolumeManager interface {
	VolumeLister
	// CreateVolume starts to create a volume: an empty one, or a copy of the one source in
	// spec.
	CreateVolume(ctx context.Context, caller Caller, spec VolumeSpec) (Volume, error)
	UpdateVolume(ctx context.Context, caller Caller, volumeID string, patch VolumePatch) (Volume, error)
	DeleteVolume(ctx context.Context, caller Caller, volumeID string, how VolumeDelete) error
	// ActOnVolume performs one action of POST /volumes/{id}/action. It checks and changes
	// the volume's status in one step.
	ActOnVolume(ctx context.Context, caller Caller, volumeID string, action VolumeAction) error
}

// SnapshotManager creates, shows, changes and deletes snapshots.
type SnapshotManager interface {
	GetSnapshot(ctx context.Context, caller Caller, snapshotID string) (Snapshot, error)
	ListSnapshots(ctx context.Context, caller Caller, q Query) (Page[Snapshot], error)
	CreateSnapshot(ctx context.Context, caller Caller, spec SnapshotSpec) (Snapshot, error)
	UpdateSnapshot(ctx context.Context, caller Caller, snapshotID string, patch SnapshotPatch) (Snapshot, error)
	// DeleteSnapshot starts to delete a snapshot. force ignores its status.
	DeleteSnapshot(ctx context.Context, caller Caller, snapshotID string, force bool) error
	// ResetSnapshotStatus sets status unconditionally, and progress unless it is "".
	ResetSnapshotStatus(ctx context.Context, caller Caller, snapshotID, status, progress string) error
}

// Volume is a Block Storage volume.
type Volume struct {
	ID, ProjectID, UserID string
	Name, Description     *string
	Status                string
	PreviousStatus        string // status before a running backup or restore, or ""
	Size                  int    // GiB
	AvailabilityZone      string
	VolumeTypeID          string
	VolumeType            string // the type's name
	SnapshotID            string // source, "" if none
	SourceVolumeID        string // source, "" if none
	Bootable              bool
	Encrypted             bool
	Multiattach           bool
	AttachStatus          string // attached, detached, attaching, detaching
	MigrationStatus       string
	Host                  string // service host@backend#pool, shown to admins
	ServiceUUID           string // of the service that manages the volume, or ""
	GroupID               string
	Metadata              map[string]string
	AdminMetadata         map[string]string // readonly, attached_mode
	ImageMetadata         map[string]string // volume_image_metadata
	Attachments           []Attachment
	CreatedAt, UpdatedAt  time.Time // zero: null on the wire
}

// VolumeSpec is a request for a new volume. At most one source is set.
type VolumeSpec struct {
	Name, Description *string
	Size              int // GiB; 0: the source's size
	VolumeType        string
	AvailabilityZone  string
	Metadata          map[string]string
	SnapshotID        string
	SourceVolumeID    string
	BackupID          string
	GroupID           string
	Multiattach       bool
}

// VolumePatch changes a volume. Fields that are not set stay unchanged.
type VolumePatch struct {
	Name, Description Optional[*string]
	Metadata          Optional[MetadataChange]
}

// VolumeDelete says how a volume is deleted.
type VolumeDelete struct {
	Cascade bool // delete its snapshots, too
	Force   bool // ignore its status
}

// VolumeAction is one of the action types below.
type VolumeAction interface{ volumeAction() }

// The actions of POST /volumes/{id}/action.
type (
	// ExtendVolume grows an available volume to Size GiB. With Attached it also grows an
	// attached one (microversion 3.42).
	ExtendVolume struct {
		Size     int
		Attached bool
	}
	SetVolumeBootable struct{ Bootable bool }
	SetVolumeReadonly struct{ Readonly bool }
	// ResetVolumeStatus sets the fields that are not "", unconditionally.
	ResetVolumeStatus struct{ Status, AttachStatus, MigrationStatus string }
	ReserveVolume     struct{}
	UnreserveVolume   struct{}
	BeginDetaching    struct{}
	RollDetaching     struct{}
	AttachVolume      struct{ ServerID, HostName, Device, Mode string }
	DetachVolume      struct{ AttachmentID string }
	// RetypeVolume changes the type. Policy is never or on-demand.
	RetypeVolume struct{ VolumeType, Policy string }
	// SetImageMetadata merges Metadata into volume_image_metadata.
	SetImageMetadata struct{ Metadata map[string]string }
	// UnsetImageMetadata removes one key of volume_image_metadata.
	UnsetImageMetadata struct{ Key string }
	// RevertVolume reverts the volume to its latest snapshot.
	RevertVolume struct{ SnapshotID string }
)

func (ExtendVolume) volumeAction()       {}
func (SetVolumeBootable) volumeAction()  {}
func (SetVolumeReadonly) volumeAction()  {}
func (ResetVolumeStatus) volumeAction()  {}
func (ReserveVolume) volumeAction()      {}
func (UnreserveVolume) volumeAction()    {}
func (BeginDetaching) volumeAction()     {}
func (RollDetaching) volumeAction()      {}
func (AttachVolume) volumeAction()       {}
func (DetachVolume) volumeAction()       {}
func (RetypeVolume) volumeAction()       {}
func (SetImageMetadata) volumeAction()   {}
func (UnsetImageMetadata) volumeAction() {}
func (RevertVolume) volumeAction()       {}

// Snapshot is a point-in-time copy of a volume.
type Snapshot struct {
	ID, ProjectID, UserID string
	VolumeID              string
	Name, Description     *string
	Status                string
	Progress              string // "0%" to "100%"
	Size                  int    // GiB
	VolumeTypeID          string
	GroupSnapshotID       string // the group snapshot that it is part of; "" if none
	Metadata              map[string]string
	CreatedAt, UpdatedAt  time.Time
}

// SnapshotSpec is a request for a new snapshot.
type SnapshotSpec struct {
	VolumeID          string
	Name, Description *string
	Metadata          map[string]string
	Force             bool // snapshot an in-use volume, too
}

// SnapshotPatch changes a snapshot. Fields that are not set stay unchanged.
type SnapshotPatch struct {
	Name, Description Optional[*string]
	Metadata          Optional[MetadataChange]
}

// MetadataChange changes a metadata map in three steps: Replace removes all keys, then the
// keys in Remove are removed, then Set is added. A key in Remove that does not exist is
// NotFound.
type MetadataChange struct {
	Replace bool
	Remove  []string
	Set     map[string]string
}
