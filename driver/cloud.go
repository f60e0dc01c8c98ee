package driver

import (
	"context"
	"time"
)

// Quota names of Cinder that every project has, in Cinder's order.
const (
	QuotaVolumes            = "volumes"
	QuotaPerVolumeGigabytes = "per_volume_gigabytes"
	QuotaSnapshots          = "snapshots"
	QuotaGigabytes          = "gigabytes"
	QuotaBackups            = "backups"
	QuotaBackupGigabytes    = "backup_gigabytes"
	QuotaGroups             = "groups"
)

// Quota is one resource's limit (-1: none) and use in a project.
type Quota struct {
	Resource              string
	Limit, InUse, Reserve int
}

// QuotaReader shows the quotas of projects, those that it has. Lists are in Cinder's
// order: the names above, with volumes_<type>, gigabytes_<type> and
// snapshots_<type> of every type before groups.
type QuotaReader interface {
	Quotas(ctx context.Context, who Caller, projectID string) ([]Quota, error)
}

// BackupQuotaReader shows the caller's own quotas of backups, where a backend forwards
// what it is asked about quotas as it is.
type BackupQuotaReader interface {
	BackupQuotas(ctx context.Context, who Caller) ([]Quota, error)
}

// QuotaManager shows and sets the quotas of projects.
type QuotaManager interface {
	QuotaReader
	// DefaultQuotas are those of a project that has none of its own.
	DefaultQuotas(ctx context.Context, who Caller) ([]Quota, error)
	// SetQuotas sets limits, also below what is in use; InvalidInput if one has an
	// unknown name.
	SetQuotas(ctx context.Context, who Caller, projectID string, limits map[string]int) ([]Quota, error)
	// SetDefaultQuotas sets limits of the class default.
	SetDefaultQuotas(ctx context.Context, who Caller, limits map[string]int) ([]Quota, error)
	// ResetQuotas gives a project the defaults again.
	ResetQuotas(ctx context.Context, who Caller, projectID string) error
}

// Service is one of Cinder's processes as os-services shows it.
type Service struct {
	Binary, Host, Zone string // cinder-backup, cinder-scheduler, cinder-volume
	Disabled           bool
	DisabledReason     string
	Frozen             bool // cinder-volume takes no changes
	Up                 bool
	UpdatedAt          time.Time
}

// Pool is a storage pool as scheduler-stats/get_pools shows it.
type Pool struct {
	Name string
	// Capabilities are what extra specs of types may ask for.
	Capabilities map[string]any
	// TotalCapacityGB and FreeCapacityGB are the storage's, in GiB.
	TotalCapacityGB, FreeCapacityGB float64
	// AllocatedCapacityGB is the size of all volumes, ProvisionedCapacityGB that of all
	// volumes and snapshots, in GiB. Sparse files take less.
	AllocatedCapacityGB, ProvisionedCapacityGB int
	ReportedAt                                 time.Time
}

// Cloud tells about the backend as a whole.
type Cloud interface {
	Services(ctx context.Context, who Caller) ([]Service, error)
	Pools(ctx context.Context, who Caller) ([]Pool, error)
	// AvailabilityZones maps a zone's name to whether it is available.
	AvailabilityZones(ctx context.Context, who Caller) (map[string]bool, error)
}

// VolumeType is a volume type.
type VolumeType struct {
	ID, Name             string
	Description          *string
	IsPublic             bool
	ExtraSpecs           map[string]string
	QoSSpecsID           string
	Encryption           *TypeEncryption // nil: none
	Projects             []string        // with access, if not public
	CreatedAt, UpdatedAt time.Time
}

// VolumeTypePatch changes a type; what is not set stays.
type VolumeTypePatch struct {
	Name        Optional[string]
	Description Optional[*string]
	IsPublic    Optional[bool]
	ExtraSpecs  Optional[MetadataChange]
	// AddProject and RemoveProject change who may use a private type.
	AddProject, RemoveProject string
}

// TypeReader shows volume types.
type TypeReader interface {
	// ListVolumeTypes returns every type that the caller may see, newest first.
	ListVolumeTypes(ctx context.Context, who Caller) ([]VolumeType, error)
	GetVolumeType(ctx context.Context, who Caller, typeID string) (VolumeType, error)
	DefaultVolumeType(ctx context.Context, who Caller) (VolumeType, error)
}

// TypeManager makes, changes and deletes volume types.
type TypeManager interface {
	TypeReader
	CreateVolumeType(ctx context.Context, who Caller, spec VolumeType) (VolumeType, error)
	UpdateVolumeType(ctx context.Context, who Caller, typeID string, patch VolumeTypePatch) (VolumeType, error)
	DeleteVolumeType(ctx context.Context, who Caller, typeID string) error
}

// Message tells a user why an asynchronous operation failed.
type Message struct {
	ID, ProjectID              string
	EventID                    string // VOLUME_VOLUME_BACKUP_009_014
	UserMessage                string
	Level                      string // ERROR
	RequestID                  string
	ResourceType, ResourceUUID string
	CreatedAt, GuaranteedUntil time.Time
}

// MessageReader shows and deletes user messages.
type MessageReader interface {
	GetMessage(ctx context.Context, who Caller, messageID string) (Message, error)
	ListMessages(ctx context.Context, who Caller, q Query) (Page[Message], error)
	DeleteMessage(ctx context.Context, who Caller, messageID string) error
}

// MessageNotFound is MessageNotFound of cinder/exception.py.
func MessageNotFound(id string) error { return notFound("Message", id) }

// VolumeTypeNotFound is VolumeTypeNotFound of cinder/exception.py.
func VolumeTypeNotFound(id string) error {
	return Errorf(NotFound, "Volume type %s could not be found.", id)
}
