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
	return one(ctx, db, db.backups, id)
}

// Backups returns the live backups of a project. The project "" has none.
func (db *DB) Backups(ctx context.Context, projectID string) (Rows[Backup, driver.Backup], error) {
	return rowsOf(ctx, db, db.backups, projectID)
}

// AllBackups returns the live backups of all projects.
func (db *DB) AllBackups(ctx context.Context) (Rows[Backup, driver.Backup], error) {
	return everyRow(ctx, db, db.backups)
}

// CountChildren counts the live backups, of any project, whose parent is the backup.
func (db *DB) CountChildren(ctx context.Context, backupID string) (int, error) {
	if err := db.isCurrent(ctx); err != nil {
		return 0, err
	}
	return db.backups.countChildren(backupID), nil
}

// Volume returns a volume of any project, nil if there is none.
func (db *DB) Volume(ctx context.Context, id string) (*Volume, error) {
	return one(ctx, db, db.volumes, id)
}

// Volumes returns the volumes of a project. The project "" has none.
func (db *DB) Volumes(ctx context.Context, projectID string) (Rows[Volume, driver.Volume], error) {
	return rowsOf(ctx, db, db.volumes, projectID)
}

// AllVolumes returns the volumes of all projects.
func (db *DB) AllVolumes(ctx context.Context) (Rows[Volume, driver.Volume], error) {
	return everyRow(ctx, db, db.volumes)
}

// Snapshot returns a snapshot of any project, nil if there is none.
func (db *DB) Snapshot(ctx context.Context, id string) (*Snapshot, error) {
	return one(ctx, db, db.snapshots, id)
}

// Snapshots returns the snapshots of a project. The project "" has none.
func (db *DB) Snapshots(ctx context.Context, projectID string) (Rows[Snapshot, driver.Snapshot], error) {
	return rowsOf(ctx, db, db.snapshots, projectID)
}

// AllSnapshots returns the snapshots of all projects.
func (db *DB) AllSnapshots(ctx context.Context) (Rows[Snapshot, driver.Snapshot], error) {
	return everyRow(ctx, db, db.snapshots)
}

// VolumeType returns a volume type, nil if there is none.
func (db *DB) VolumeType(ctx context.Context, id string) (*VolumeType, error) {
	return one(ctx, db, db.types, id)
}

// VolumeTypes returns all volume types, newest first.
func (db *DB) VolumeTypes(ctx context.Context) (Rows[VolumeType, driver.VolumeType], error) {
	return everyRow(ctx, db, db.types)
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

func one[T, V any](ctx context.Context, db *DB, c *cache[T, V], id string) (*T, error) {
	if err := db.isCurrent(ctx); err != nil {
		return nil, err
	}
	return c.get(id), nil
}

func rowsOf[T, V any](ctx context.Context, db *DB, c *cache[T, V], projectID string) (Rows[T, V], error) {
	if err := db.isCurrent(ctx); err != nil {
		return Rows[T, V]{}, err
	}
	return c.ofProject(projectID), nil
}

func everyRow[T, V any](ctx context.Context, db *DB, c *cache[T, V]) (Rows[T, V], error) {
	if err := db.isCurrent(ctx); err != nil {
		return Rows[T, V]{}, err
	}
	return c.all(), nil
}
