package meta

import (
	"context"
	"time"
)

// Tx is one transaction of [DB.Read] or [DB.Write]. It is valid only during that call, and
// uses the call's context. The caller may change the rows that it returns. In a transaction
// of Read, methods that change something return an error.
type Tx struct {
	Now time.Time // start of the transaction, in UTC, whole microseconds

	ctx       context.Context
	db        *DB
	q         querier
	committed []func() // hooks that publish the changes to readers

	// Of a shared database:
	head      head     // before the transaction
	changes   []change // rows of hot tables
	announced []string // to other processes
}

// AfterCommit runs f after the transaction is durable and before Write returns. If the
// transaction runs again, only the hooks of the committed run are called.
func (tx *Tx) AfterCommit(f func()) { tx.committed = append(tx.committed, f) }

// Backup returns a live backup of any project; nil if there is none.
func (tx *Tx) Backup(id string) (*Backup, error) {
	b, err := tx.AnyBackup(id)
	if b != nil && !b.DeletedAt.IsZero() {
		return nil, err
	}
	return b, err
}

// AnyBackup returns a backup, even a deleted one.
func (tx *Tx) AnyBackup(id string) (*Backup, error) {
	return backups.get(tx.ctx, tx.q, id)
}

// BackupsOfVolume returns a project's live backups of a volume.
func (tx *Tx) BackupsOfVolume(projectID, volumeID string) ([]*Backup, error) {
	return backups.find(tx.ctx, tx.q, "WHERE volume_id = $1 AND project_id = $2 AND deleted_at IS NULL", volumeID, projectID)
}

// Children returns the live backups, of any project, whose parent is the backup.
func (tx *Tx) Children(backupID string) ([]*Backup, error) {
	return backups.find(tx.ctx, tx.q, "WHERE parent_id = $1 AND deleted_at IS NULL", backupID)
}

// PendingChildren returns the live backups of any project whose import waits for this
// backup.
func (tx *Tx) PendingChildren(backupID string) ([]*Backup, error) {
	return backups.find(tx.ctx, tx.q,
		"WHERE parent_id = $1 AND deleted_at IS NULL AND import_record IS NOT NULL AND import_record <> 'null'", backupID)
}

// Sharers returns the live backups whose objects are in the store's container under the
// prefix.
func (tx *Tx) Sharers(store, container, prefix string) ([]*Backup, error) {
	return backups.find(tx.ctx, tx.q, "WHERE container = $1 AND service_metadata = $2 AND deleted_at IS NULL AND COALESCE(store, '') = $3",
		container, prefix, store)
}

// BackupsIn returns the live backups that have one of the statuses.
func (tx *Tx) BackupsIn(statuses ...string) ([]*Backup, error) {
	return inStatus(tx, &backups, " AND deleted_at IS NULL", statuses)
}

// PutBackup inserts or replaces a backup.
func (tx *Tx) PutBackup(b *Backup) error {
	setIncremental(b)
	notNil(&b.Metadata)
	if err := backups.put(tx.ctx, tx.q, b); err != nil {
		return err
	}
	row := *b
	tx.changed(backups.name, row.ID, func() {
		if row.DeletedAt.IsZero() {
			tx.db.backups.put(&row)
		} else {
			tx.db.backups.remove(row.ID)
		}
	})
	return nil
}

// TouchBackup is PutBackup with updated_at set to the transaction's time.
func (tx *Tx) TouchBackup(b *Backup) error {
	b.UpdatedAt = tx.Now
	return tx.PutBackup(b)
}

// Volume returns a volume of any project, nil if there is none.
func (tx *Tx) Volume(id string) (*Volume, error) { return volumes.get(tx.ctx, tx.q, id) }

// VolumesIn returns the volumes that have one of the statuses.
func (tx *Tx) VolumesIn(statuses ...string) ([]*Volume, error) {
	return inStatus(tx, &volumes, "", statuses)
}

// VolumesOfType counts the volumes that have the type.
func (tx *Tx) VolumesOfType(typeID string) (int, error) {
	rows, err := volumes.find(tx.ctx, tx.q, "WHERE volume_type_id = $1", typeID)
	return len(rows), err
}

// PutVolume inserts or replaces a volume.
func (tx *Tx) PutVolume(v *Volume) error {
	notNil(&v.Metadata)
	if err := volumes.put(tx.ctx, tx.q, v); err != nil {
		return err
	}
	row := *v
	tx.changed(volumes.name, row.ID, func() { tx.db.volumes.put(&row) })
	return nil
}

// TouchVolume is PutVolume with updated_at set to the transaction's time.
func (tx *Tx) TouchVolume(v *Volume) error {
	v.UpdatedAt = tx.Now
	return tx.PutVolume(v)
}

// RemoveVolume deletes a volume's row. The volume must have no snapshots.
func (tx *Tx) RemoveVolume(id string) error {
	tx.changed(volumes.name, id, func() { tx.db.volumes.remove(id) })
	return volumes.remove(tx.ctx, tx.q, id)
}

// Snapshot returns a snapshot of any project, nil if there is none.
func (tx *Tx) Snapshot(id string) (*Snapshot, error) { return snapshots.get(tx.ctx, tx.q, id) }

// SnapshotsOf returns a volume's snapshots, newest first.
func (tx *Tx) SnapshotsOf(volumeID string) ([]*Snapshot, error) {
	return snapshots.find(tx.ctx, tx.q, "WHERE volume_id = $1 ORDER BY created_at DESC, id DESC", volumeID)
}

// SnapshotsIn returns the snapshots that have one of the statuses.
func (tx *Tx) SnapshotsIn(statuses ...string) ([]*Snapshot, error) {
	return inStatus(tx, &snapshots, "", statuses)
}

// PutSnapshot inserts or replaces a snapshot.
func (tx *Tx) PutSnapshot(s *Snapshot) error {
	notNil(&s.Metadata)
	if err := snapshots.put(tx.ctx, tx.q, s); err != nil {
		return err
	}
	row := *s
	tx.changed(snapshots.name, row.ID, func() { tx.db.snapshots.put(&row) })
	return nil
}

// TouchSnapshot is PutSnapshot with updated_at set to the transaction's time.
func (tx *Tx) TouchSnapshot(s *Snapshot) error {
	s.UpdatedAt = tx.Now
	return tx.PutSnapshot(s)
}

// RemoveSnapshot deletes a snapshot's row.
func (tx *Tx) RemoveSnapshot(id string) error {
	tx.changed(snapshots.name, id, func() { tx.db.snapshots.remove(id) })
	return snapshots.remove(tx.ctx, tx.q, id)
}

// VolumeTypes returns all volume types, oldest first.
func (tx *Tx) VolumeTypes() ([]*VolumeType, error) {
	return volumeTypes.find(tx.ctx, tx.q, "ORDER BY created_at, id")
}

// VolumeType returns a volume type by its id, nil if there is none.
func (tx *Tx) VolumeType(id string) (*VolumeType, error) { return volumeTypes.get(tx.ctx, tx.q, id) }

// PutVolumeType inserts or replaces a volume type.
func (tx *Tx) PutVolumeType(t *VolumeType) error {
	if err := volumeTypes.put(tx.ctx, tx.q, t); err != nil {
		return err
	}
	row := *t
	tx.changed(volumeTypes.name, row.ID, func() { tx.db.types.put(&row) })
	return nil
}

// RemoveVolumeType deletes a volume type.
func (tx *Tx) RemoveVolumeType(id string) error {
	tx.changed(volumeTypes.name, id, func() { tx.db.types.remove(id) })
	return volumeTypes.remove(tx.ctx, tx.q, id)
}

// PutMessage inserts a message.
func (tx *Tx) PutMessage(m *Message) error { return messages.put(tx.ctx, tx.q, m) }

// RemoveMessage deletes a message.
func (tx *Tx) RemoveMessage(id string) error { return messages.remove(tx.ctx, tx.q, id) }

// ExpireMessages deletes the messages whose guaranteed time has passed.
func (tx *Tx) ExpireMessages() error {
	_, err := tx.q.ExecContext(tx.ctx, "DELETE FROM messages WHERE expires_at < $1", tx.Now.UnixMicro())
	return err
}

// Messages returns the messages of a project; "": of all projects.
func (db *DB) Messages(ctx context.Context, projectID string) ([]*Message, error) {
	if projectID == "" {
		return messages.find(ctx, db.reader, "")
	}
	return messages.find(ctx, db.reader, "WHERE project_id = $1", projectID)
}

// Message returns a message, nil if there is none.
func (db *DB) Message(ctx context.Context, id string) (*Message, error) {
	return messages.get(ctx, db.reader, id)
}

// notNil replaces nil metadata with an empty map, because on the wire it is {} and not
// null.
func notNil(metadata *map[string]string) {
	if *metadata == nil {
		*metadata = map[string]string{}
	}
}

func inStatus[T any](tx *Tx, t *table[T], and string, statuses []string) ([]*T, error) {
	var all []*T
	for _, status := range statuses {
		rows, err := t.find(tx.ctx, tx.q, "WHERE status = $1"+and, status)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}
