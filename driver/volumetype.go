package driver

import (
	"context"
	"time"
)

// VolumeType is a volume type.
type VolumeType struct {
	ID, Name             string
	Description          *string
	IsPublic             bool
	ExtraSpecs           map[string]string
	QoSSpecsID           string
	Encryption           *TypeEncryption // nil: none
	Projects             []string        // that may use the type, if it is not public
	CreatedAt, UpdatedAt time.Time
}

// VolumeTypePatch changes a type. Fields that are not set stay unchanged.
type VolumeTypePatch struct {
	Name        Optional[string]
	Description Optional[*string]
	IsPublic    Optional[bool]
	ExtraSpecs  Optional[MetadataChange]
	// AddProject and RemoveProject change which projects may use a private type.
	AddProject, RemoveProject string
}

// TypeReader shows volume types.
type TypeReader interface {
	// ListVolumeTypes returns every type that the caller may see, newest first.
	ListVolumeTypes(ctx context.Context, caller Caller) ([]VolumeType, error)
	GetVolumeType(ctx context.Context, caller Caller, typeID string) (VolumeType, error)
	DefaultVolumeType(ctx context.Context, caller Caller) (VolumeType, error)
}

// TypeManager creates, changes and deletes volume types.
type TypeManager interface {
	TypeReader
	CreateVolumeType(ctx context.Context, caller Caller, spec VolumeType) (VolumeType, error)
	UpdateVolumeType(ctx context.Context, caller Caller, typeID string, patch VolumeTypePatch) (VolumeType, error)
	DeleteVolumeType(ctx context.Context, caller Caller, typeID string) error
}

// VolumeTypeNotFound returns Cinder's VolumeTypeNotFound (cinder/exception.py).
func VolumeTypeNotFound(id string) error {
	return Errorf(NotFound, "Volume type %s could not be found.", id)
}
