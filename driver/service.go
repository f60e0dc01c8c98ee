package driver

import "context"

// ServicePatch changes a service; what is not set stays.
type ServicePatch struct {
	Disabled       Optional[bool]
	DisabledReason Optional[string]
	Frozen         Optional[bool]
}

// ServiceManager enables, disables, freezes and thaws services.
type ServiceManager interface {
	// UpdateService changes one service; NotFound if the host has no such binary.
	UpdateService(ctx context.Context, who Caller, host, binary string, patch ServicePatch) error
	// HostUse counts volumes and snapshots by project on a host of cinder-volume.
	HostUse(ctx context.Context, who Caller, host string) ([]HostUse, error)
}

// HostUse is what a project has on a host.
type HostUse struct {
	ProjectID              string
	Volumes, VolumeGB      int
	Snapshots, SnapshotsGB int
}

// DefaultType is the volume type of volumes that a project asks for without one.
type DefaultType struct{ ProjectID, VolumeTypeID string }

// DefaultTypeManager sets the default volume types of projects.
type DefaultTypeManager interface {
	ListDefaultTypes(ctx context.Context, who Caller) ([]DefaultType, error)
	GetDefaultType(ctx context.Context, who Caller, projectID string) (DefaultType, error)
	// SetDefaultType takes a type by id or name.
	SetDefaultType(ctx context.Context, who Caller, projectID, volumeType string) (DefaultType, error)
	UnsetDefaultType(ctx context.Context, who Caller, projectID string) error
}

// ServiceNotFound is ServiceNotFound of cinder/exception.py.
func ServiceNotFound(host, binary string) error {
	return Errorf(NotFound, "Service %s could not be found on host %s.", binary, host)
}
