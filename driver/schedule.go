package driver

import "context"

// Schedulable is for a backend without schedules of its own, whose backup policies the gateway follows
// (docs/policies.md, "Remote backends").
type Schedulable interface {
	// AllVolumes returns all volumes of the caller's own project, with their metadata, or an error: never
	// a part of them.
	AllVolumes(ctx context.Context, caller Caller) ([]Volume, error)
	// KeepsBackupMetadata reports whether a backup shows the metadata that it was made with. Otherwise
	// CreateBackup takes none.
	KeepsBackupMetadata(ctx context.Context) (bool, error)
}

// MaxVolumes is how many volumes of a project [Schedulable] lists. More are an error: a list that is cut
// short would look like volumes that are gone.
const MaxVolumes = 100_000
