package embedded

import (
	"context"

	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
)

// Rescue says which backups get rows, and who becomes their owner.
type Rescue struct {
	// Store is the name of a configured store, or "STORE:CONTAINER".
	Store string
	// ProjectID is the owner of all; "": the project that owned the volume of each, which
	// its objects say. A store that has an account for each project needs it: it says whose
	// account to look in.
	ProjectID string
	// Report, if set, is called for each backup that had no row.
	Report func(Adopted)
}

// Rescue creates rows for the backups in a store that have none: the catalogue of backups,
// after the database was lost. It changes neither objects nor rows that exist. Backups
// whose data is incomplete get the status error.
func (d *Driver) Rescue(ctx context.Context, r Rescue) error {
	store, container := d.core.Stores.Choose(r.Store)
	if store == nil {
		return core.Reasonf("The backup store %s is not configured.", r.Store)
	}
	store, err := store.In(r.ProjectID)
	if err != nil {
		return err
	}
	report := r.Report
	if report == nil {
		report = func(Adopted) {}
	}
	return d.adoptBackups(ctx, backups.Finding{Store: store, Container: container, ProjectID: r.ProjectID}, report)
}
