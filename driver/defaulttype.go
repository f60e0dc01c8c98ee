package driver

import "context"

// DefaultType is the type that a project's volumes get if the request names none.
type DefaultType struct{ ProjectID, VolumeTypeID string }

// DefaultTypeManager sets the default volume types of projects.
type DefaultTypeManager interface {
	ListDefaultTypes(ctx context.Context, caller Caller) ([]DefaultType, error)
	GetDefaultType(ctx context.Context, caller Caller, projectID string) (DefaultType, error)
	// SetDefaultType accepts a type's id or name.
	SetDefaultType(ctx context.Context, caller Caller, projectID, volumeType string) (DefaultType, error)
	UnsetDefaultType(ctx context.Context, caller Caller, projectID string) error
}
