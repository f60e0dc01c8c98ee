package meta

import (
	"context"

	"cindergate/driver"
)

// The reads in this file answer from memory. They return the rows of the last committed
// transaction, or of a later one. Callers must not change these rows. Those of a shared database
// fail if the database does not tell in time whether the rows are current.

// Backup returns a live backup of any project; nil if there is none.
func (db *DB) Backup(ctx context.Context, id string) (*Backup, error) {
	return known(ctx, db, func() *Backup { return db.backups.get(id) })
}

// Backups returns the live backups of a project. The project "" has none.
func (db *DB) Backups(ctx context.Context, projectID string) (Rows[Backup, driver.Backup], error) {
	return known(ctx, db, func() Rows[Backup, driver.Backup] { return db.backups.ofProject(projectID) })
}

// AllBackups returns the live backups of all projects.
func (db *DB) AllBackups(ctx context.Context) (Rows[Backup, driver.Backup], error) {
	return known(ctx, db, db.backups.all)
}

// CountChildren counts the live backups, of any project, whose parent is the backup.
func (db *DB) CountChildren(ctx context.Context, backupID string) (int, error) {
	return known(ctx, db, func() int { return db.backups.countChildren(backupID) })
}

// Volume returns a volume of any project, nil if there is none.
func (db *DB) Volume(ctx context.Context, id string) (*Volume, error) {
	return known(ctx, db, func() *Volume { return db.volumes.get(id) })
}

// Volumes returns the volumes of a project. The project "" has none.
func (db *DB) Volumes(ctx context.Context, projectID string) (Rows[Volume, driver.Volume], error) {
	return known(ctx, db, func() Rows[Volume, driver.Volume] { return db.volumes.ofProject(projectID) })
}

// AllVolumes returns the volumes of all projects.
func (db *DB) AllVolumes(ctx context.Context) (Rows[Volume, driver.Volume], error) {
	return known(ctx, db, db.volumes.all)
}

// Snapshot returns a snapshot of any project, nil if there is none.
func (db *DB) Snapshot(ctx context.Context, id string) (*Snapshot, error) {
	return known(ctx, db, func() *Snapshot { return db.snapshots.get(id) })
}

// Snapshots returns the snapshots of a project. The project "" has none.
func (db *DB) Snapshots(ctx context.Context, projectID string) (Rows[Snapshot, driver.Snapshot], error) {
	return known(ctx, db, func() Rows[Snapshot, driver.Snapshot] { return db.snapshots.ofProject(projectID) })
}

// AllSnapshots returns the snapshots of all projects.
func (db *DB) AllSnapshots(ctx context.Context) (Rows[Snapshot, driver.Snapshot], error) {
	return known(ctx, db, db.snapshots.all)
}

// VolumeType returns a volume type, nil if there is none.
func (db *DB) VolumeType(ctx context.Context, id string) (*VolumeType, error) {
	return known(ctx, db, func() *VolumeType { return db.types.get(id) })
}

// VolumeTypes returns all volume types, newest first.
func (db *DB) VolumeTypes(ctx context.Context) (Rows[VolumeType, driver.VolumeType], error) {
	return known(ctx, db, db.types.all)
}

// isKnown marks a context whose reads need not ask again.
type isKnown struct{}

// Current makes sure once that the rows in memory are current. Reads with the context that it
// returns do not ask again: they see the rows of this moment, or later ones.
func (db *DB) Current(ctx context.Context) (context.Context, error) {
	if !db.sql.Shared {
		return ctx, nil
	}
	return context.WithValue(ctx, isKnown{}, db), db.isCurrent(ctx)
}

// known returns what read finds in memory, once the rows there are known to be current.
func known[R any](ctx context.Context, db *DB, read func() R) (R, error) {
	if err := db.isCurrent(ctx); err != nil {
		var none R
		return none, err
	}
	return read(), nil
}
