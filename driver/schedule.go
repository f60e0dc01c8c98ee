package driver

import "context"

// Schedulable is for a backend without schedules of its own, whose backup policies the gateway follows
// (docs/policies.md, "Remote backends").
type Schedulable interface {
	// AllVolumes returns all volumes of the caller's own project, with their metadata, or an error: never
	// a part of them.
	AllVolumes(ctx context.Context, caller Caller) ([]Volume, error)
	// ScheduleTraits returns what schedules must know of the backend.
	ScheduleTraits(ctx context.Context) (ScheduleTraits, error)
}

// ScheduleTraits are what schedules must know of a backend.
type ScheduleTraits struct {
	// BackupMetadata says that a backup shows the metadata that it was made with. Otherwise CreateBackup
	// takes none.
	BackupMetadata bool
	// Independent says that a backup can be deleted although others build on it: these stay whole.
	Independent bool
}

// MaxVolumes is how many volumes of a project [Schedulable] lists. More are an error: a list that is cut
// short would look like volumes that are gone.
const MaxVolumes = 100_000
