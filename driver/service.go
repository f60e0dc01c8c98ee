package driver

import (
	"context"
	"time"
)

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
	Services(ctx context.Context, caller Caller) ([]Service, error)
	Pools(ctx context.Context, caller Caller) ([]Pool, error)
	// AvailabilityZones maps a zone's name to whether it is available.
	AvailabilityZones(ctx context.Context, caller Caller) (map[string]bool, error)
}

// ServicePatch changes a service; what is not set stays.
type ServicePatch struct {
	Disabled       Optional[bool]
	DisabledReason Optional[string]
	Frozen         Optional[bool]
}

// ServiceManager enables, disables, freezes and thaws services.
type ServiceManager interface {
	// UpdateService changes one service; NotFound if the host has no such binary.
	UpdateService(ctx context.Context, caller Caller, host, binary string, patch ServicePatch) error
	// HostUse counts volumes and snapshots by project on a host of cinder-volume.
	HostUse(ctx context.Context, caller Caller, host string) ([]HostUse, error)
}

// HostUse is what a project has on a host.
type HostUse struct {
	ProjectID              string
	Volumes, VolumeGB      int
	Snapshots, SnapshotsGB int
}

// ServiceNotFound is ServiceNotFound of cinder/exception.py.
func ServiceNotFound(host, binary string) error {
	return Errorf(NotFound, "Service %s could not be found on host %s.", binary, host)
}
