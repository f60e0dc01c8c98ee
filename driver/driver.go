// Package driver is the contract between the Block Storage API and whatever
// stores the backups: the domain types in Cinder's vocabulary, the typed errors,
// and the interfaces that a backend implements.
//
// [Driver] is the small core that every backend must have. Everything else is an
// optional interface of one noun, found by type assertion; a backend that lacks
// one answers 501 for its routes. A backend that implements an interface but
// cannot perform one call returns a [NotSupported] error from it.
//
// Drivers are never wrapped: a wrapper would hide the optional interfaces.
// Retries and tracing belong into a driver's HTTP transport, metrics and logs
// into the gateway.
package driver

import (
	"context"
	"net/http"
)

// Driver makes, lists, deletes and restores backups on one backend.
//
// Methods are safe for concurrent use. They return once the backend has accepted
// the request, not once data has moved; progress shows in [Backup.Status] and
// [Volume.Status]. A caller sees only resources of its own project, an admin sees
// all; everything else is [NotFound]. Every error is or wraps an [*Error].
type Driver interface {
	// CreateBackup starts a backup of a volume or snapshot. The answer has status
	// creating. Errors: NotFound (volume, snapshot), InvalidState (their status, no
	// parent for an incremental), OverLimit (quota).
	CreateBackup(ctx context.Context, caller Caller, spec BackupSpec) (Backup, error)
	// GetBackup returns one backup.
	GetBackup(ctx context.Context, caller Caller, backupID string) (Backup, error)
	// ListBackups returns one page of the caller's backups (of all projects' for an
	// admin who asks). An unknown marker is NotFound.
	ListBackups(ctx context.Context, caller Caller, q Query) (Page[Backup], error)
	// DeleteBackup starts to delete a backup. Errors: InvalidState unless it is
	// available or error, or when incrementals depend on it.
	DeleteBackup(ctx context.Context, caller Caller, backupID string) error
	// RestoreBackup starts to write a backup into a volume. The volume's id in the
	// answer is final. Errors: InvalidState (backup not available; volume not
	// available or smaller than the backup), NotFound, OverLimit (a new volume).
	RestoreBackup(ctx context.Context, caller Caller, backupID string, to RestoreTarget) (Restore, error)
}

// BackupUpdater renames and describes backups (PUT /backups/{id}).
type BackupUpdater interface {
	UpdateBackup(ctx context.Context, caller Caller, backupID string, patch BackupPatch) (Backup, error)
}

// RecordPorter exports a backup's record and imports one, so that a backup made
// by one service can be restored by another that reaches the same store.
type RecordPorter interface {
	ExportRecord(ctx context.Context, caller Caller, backupID string) (BackupRecord, error)
	ImportRecord(ctx context.Context, caller Caller, record BackupRecord) (Backup, error)
}

// BackupAdmin is what only admins do to backups.
type BackupAdmin interface {
	// ResetBackupStatus sets the status, available or error, whatever it is now.
	ResetBackupStatus(ctx context.Context, caller Caller, backupID string, to BackupStatus) error
	// ForceDeleteBackup deletes in any status and cancels a running job.
	ForceDeleteBackup(ctx context.Context, caller Caller, backupID string) error
}

// Passthrough streams requests for routes that the gateway does not serve itself
// to the backend, and the answer back. A driver that has it leaves everything but
// backups to it.
type Passthrough interface {
	// Forward answers r, whose path begins with /v2/ or /v3/. Links in the answer
	// begin with base, the gateway's own URL. An error means that nothing has been
	// written yet.
	Forward(w http.ResponseWriter, r *http.Request, caller Caller, base string) error
}

// Versioner is a backend with microversions of its own.
type Versioner interface {
	// MaxMicroversion is the highest 3.x that the backend has; 0 for a v2 backend.
	MaxMicroversion(ctx context.Context) (minor int, err error)
}

// Runner does a driver's background work until ctx ends, then leaves a state
// from which the next Run continues.
type Runner interface {
	Run(ctx context.Context) error
}

// Checker tells whether the backend can serve requests now.
type Checker interface {
	Check(ctx context.Context) error
}

// Prober tells operators what a backend is, for `config check --online`.
type Prober interface {
	// Probe returns findings in words, one a line, and what is wrong as the error.
	Probe(ctx context.Context, caller Caller) (findings []string, err error)
}
