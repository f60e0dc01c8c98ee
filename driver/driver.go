// Package driver is the contract between the Block Storage API and a backend: domain types
// in Cinder's vocabulary, typed errors, and the interfaces that backends implement.
//
// [Driver] is the small core that every backend must have. Every other interface is
// optional and covers one noun; the gateway finds it by type assertion. If a backend lacks
// an interface, the gateway answers 501 for its routes. A backend that implements an
// interface but cannot perform one of its calls returns a [NotSupported] error from that
// call.
//
// Do not wrap drivers: a wrapper would hide the optional interfaces. Retries and tracing
// belong in a driver's HTTP transport, metrics and logs in the gateway.
package driver

import (
	"context"
	"net/http"
)

// Driver creates, lists, deletes and restores backups on one backend.
//
// Methods are safe for concurrent use. They return once the backend has accepted the
// request; they do not wait until the data has moved. [Backup.Status] and [Volume.Status]
// show the progress. A caller sees the resources of its own project, an admin those of all
// projects; any other resource is [NotFound]. Every error is or wraps an [*Error].
type Driver interface {
	// CreateBackup starts a backup of a volume or snapshot. The returned backup has the
	// status creating. Errors: NotFound (volume or snapshot), InvalidState (the source's
	// status, or no parent for an incremental backup), OverLimit (quota).
	CreateBackup(ctx context.Context, caller Caller, spec BackupSpec) (Backup, error)
	// GetBackup returns one backup.
	GetBackup(ctx context.Context, caller Caller, backupID string) (Backup, error)
	// ListBackups returns one page of the caller's backups, or of all projects' backups if
	// an admin asks for them. An unknown marker is NotFound.
	ListBackups(ctx context.Context, caller Caller, q Query) (Page[Backup], error)
	// DeleteBackup starts to delete a backup. Errors: InvalidState if its status is neither
	// available nor error, or if it has dependents.
	DeleteBackup(ctx context.Context, caller Caller, backupID string) error
	// RestoreBackup starts to write a backup into a volume. The returned volume id is
	// final. Errors: InvalidState (the backup is not available, or the volume is not
	// available or is too small), NotFound, OverLimit (quota for a new volume).
	RestoreBackup(ctx context.Context, caller Caller, backupID string, to RestoreTarget) (Restore, error)
}

// BackupUpdater changes the name, description and metadata of backups (PUT /backups/{id}).
type BackupUpdater interface {
	UpdateBackup(ctx context.Context, caller Caller, backupID string, patch BackupPatch) (Backup, error)
}

// RecordPorter exports and imports backup records. One service can then restore a backup
// that another made, if both reach the same store.
type RecordPorter interface {
	ExportRecord(ctx context.Context, caller Caller, backupID string) (BackupRecord, error)
	ImportRecord(ctx context.Context, caller Caller, record BackupRecord) (Backup, error)
}

// BackupAdmin has the operations on backups that only admins may use.
type BackupAdmin interface {
	// ResetBackupStatus sets the status to available or error, whatever it is now.
	ResetBackupStatus(ctx context.Context, caller Caller, backupID string, to BackupStatus) error
	// ForceDeleteBackup deletes a backup in any status and cancels its running job.
	ForceDeleteBackup(ctx context.Context, caller Caller, backupID string) error
}

// Passthrough is for a backend with a Block Storage API of its own. The gateway serves the
// routes of backups itself. It streams requests for all routes that it does not serve to
// the backend, and the answers back.
type Passthrough interface {
	// Forward answers r, whose path begins with /v2/ or /v3/. Links in the answer begin
	// with base, the gateway's own URL. If Forward returns an error, it has written nothing
	// to w.
	Forward(w http.ResponseWriter, r *http.Request, caller Caller, base string) error
}

// Versioner is for a backend with microversions of its own.
type Versioner interface {
	// MaxMicroversion returns the minor of the highest 3.x that the backend has; 0 for a v2
	// backend.
	MaxMicroversion(ctx context.Context) (minor int, err error)
}

// Runner does a driver's background work. Run returns when ctx ends, and leaves a state
// from which the next Run continues.
type Runner interface {
	Run(ctx context.Context) error
}

// Checker reports whether the backend can serve requests now. It asks the services that the
// backend needs.
type Checker interface {
	Check(ctx context.Context) error
}

// Readier reports whether the gateway itself can serve requests for this backend: whether its own
// database and directories are there. Unlike [Checker] it asks no other service.
type Readier interface {
	Ready(ctx context.Context) error
}

// StoreChecker is a driver with backup stores of its own.
type StoreChecker interface {
	// StoreChecks returns a check for each store, by the store's name. A check fails unless the store
	// answers and is the one that was used before. It changes nothing, and logs in to stores as the
	// gateway itself.
	StoreChecks() map[string]func(context.Context) error
}

// Prober describes a backend to operators, for `config check --online`.
type Prober interface {
	// Probe returns findings as text, one per line. It returns the problem, if any, as the
	// error.
	Probe(ctx context.Context, caller Caller) (findings []string, err error)
}
