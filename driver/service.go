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
	Frozen             bool // cinder-volume accepts no changes
	Up                 bool
	UpdatedAt          time.Time
}

// Pool is a storage pool as scheduler-stats/get_pools shows it.
type Pool struct {
	Name string
	// Capabilities are the values that extra specs of types can require.
	Capabilities map[string]any
	// TotalCapacityGB and FreeCapacityGB are those of the underlying storage, in GiB.
	TotalCapacityGB, FreeCapacityGB float64
	// AllocatedCapacityGB is the total size of all volumes; ProvisionedCapacityGB also
	// includes snapshots. Both are in GiB. Sparse files take less space.
	AllocatedCapacityGB, ProvisionedCapacityGB int
	ReportedAt                                 time.Time
}

// Cloud describes the backend as a whole.
type Cloud interface {
	Services(ctx context.Context, caller Caller) ([]Service, error)
	Pools(ctx context.Context, caller Caller) ([]Pool, error)
	// AvailabilityZones returns, by name of the zone, whether it is available.
	AvailabilityZones(ctx context.Context, caller Caller) (map[string]bool, error)
}

// ServicePatch changes a service. Fields that are not set stay unchanged.
type ServicePatch struct {
	Disabled       Optional[bool]
	DisabledReason Optional[string]
	Frozen         Optional[bool]
}

// ServiceManager enables, disables, freezes and thaws services.
type ServiceManager interface {
	// UpdateService changes one service. Errors: NotFound if the host has no such binary.
	UpdateService(ctx context.Context, caller Caller, host, binary string, patch ServicePatch) error
	// HostUse returns what each project has on a host of cinder-volume.
	HostUse(ctx context.Context, caller Caller, host string) ([]HostUse, error)
}

// HostUse counts one project's volumes and snapshots on a host. Sizes are in GiB.
type HostUse struct {
	ProjectID              string
	Volumes, VolumeGB      int
	Snapshots, SnapshotsGB int
}

// ServiceNotFound returns Cinder's ServiceNotFound (cinder/exception.py).
func ServiceNotFound(host, binary string) error {
	return Errorf(NotFound, "Service %s could not be found on host %s.", binary, host)
}
