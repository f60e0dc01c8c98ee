package meta

import (
	"context"

	"cindergate/driver"
)

// The reads in this file answer from memory. They return the rows of the last committed
// transaction, or of a later one. Callers must not change these rows. The reads never fail
// today. They return an error because a database shared by several processes would have to
// check that the rows are current.

// Backup returns a live backup of any project; nil if there is none.
func (db *DB) Backup(_ context.Context, id string) (*Backup, error) { return db.backups.get(id), nil }

// Backups returns the live backups of a project. The project "" has none.
func (db *DB) Backups(_ context.Context, projectID string) (Rows[Backup, driver.Backup], error) {
	return db.backups.ofProject(projectID), nil
}

// AllBackups returns the live backups of all projects.
func (db *DB) AllBackups(context.Context) (Rows[Backup, driver.Backup], error) {
	return db.backups.all(), nil
}

// CountChildren counts the live backups, of any project, whose parent is the backup.
func (db *DB) CountChildren(_ context.Context, backupID string) (int, error) {
	return db.backups.countChildren(backupID), nil
}

// Volume returns a volume of any project, nil if there is none.
func (db *DB) Volume(_ context.Context, id string) (*Volume, error) { return db.volumes.get(id), nil }

// Volumes returns the volumes of a project. The project "" has none.
func (db *DB) Volumes(_ context.Context, projectID string) (Rows[Volume, driver.Volume], error) {
	return db.volumes.ofProject(projectID), nil
}

// AllVolumes returns the volumes of all projects.
func (db *DB) AllVolumes(context.Context) (Rows[Volume, driver.Volume], error) {
	return db.volumes.all(), nil
}

// Snapshot returns a snapshot of any project, nil if there is none.
func (db *DB) Snapshot(_ context.Context, id string) (*Snapshot, error) {
	return db.snapshots.get(id), nil
}

// Snapshots returns the snapshots of a project. The project "" has none.
func (db *DB) Snapshots(_ context.Context, projectID string) (Rows[Snapshot, driver.Snapshot], error) {
	return db.snapshots.ofProject(projectID), nil
}

// AllSnapshots returns the snapshots of all projects.
func (db *DB) AllSnapshots(context.Context) (Rows[Snapshot, driver.Snapshot], error) {
	return db.snapshots.all(), nil
}

// VolumeType returns a volume type, nil if there is none.
func (db *DB) VolumeType(_ context.Context, id string) (*VolumeType, error) {
	return db.types.get(id), nil
}

// VolumeTypes returns all volume types, newest first.
func (db *DB) VolumeTypes(context.Context) (Rows[VolumeType, driver.VolumeType], error) {
	return db.types.all(), nil
}
