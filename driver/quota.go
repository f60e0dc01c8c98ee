package driver

import "context"

// Names of the quotas that every project has, in Cinder's order.
const (
	QuotaVolumes            = "volumes"
	QuotaPerVolumeGigabytes = "per_volume_gigabytes"
	QuotaSnapshots          = "snapshots"
	QuotaGigabytes          = "gigabytes"
	QuotaBackups            = "backups"
	QuotaBackupGigabytes    = "backup_gigabytes"
	QuotaGroups             = "groups"
)

// Quota is the limit (-1: none) and the use of one resource in a project.
type Quota struct {
	Resource              string
	Limit, InUse, Reserve int
}

// QuotaReader returns the project quotas that the backend supports. Lists are in Cinder's
// order: the names above, with volumes_<type>, gigabytes_<type> and snapshots_<type> of
// every type before groups.
type QuotaReader interface {
	Quotas(ctx context.Context, caller Caller, projectID string) ([]Quota, error)
}

// BackupQuotaReader returns the caller's backup quotas. Passthrough drivers implement it
// because they do not parse /os-quota-sets.
type BackupQuotaReader interface {
	BackupQuotas(ctx context.Context, caller Caller) ([]Quota, error)
}

// QuotaManager shows and sets the quotas of projects.
type QuotaManager interface {
	QuotaReader
	// DefaultQuotas returns the quotas of a project that has no limits of its own.
	DefaultQuotas(ctx context.Context, caller Caller) ([]Quota, error)
	// SetQuotas sets limits, which may be below the current use. Errors: InvalidInput for
	// an unknown quota name.
	SetQuotas(ctx context.Context, caller Caller, projectID string, limits map[string]int) ([]Quota, error)
	// SetDefaultQuotas sets limits of the quota class "default".
	SetDefaultQuotas(ctx context.Context, caller Caller, limits map[string]int) ([]Quota, error)
	// ResetQuotas gives a project the default limits again.
	ResetQuotas(ctx context.Context, caller Caller, projectID string) error
}
