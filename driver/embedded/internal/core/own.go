package core

import (
	"cindergate/driver"
	"cindergate/internal/meta"
)

// OwnVolume returns a volume that the caller may see.
func OwnVolume(tx *meta.Tx, who driver.Caller, id string) (*meta.Volume, error) {
	v, err := tx.Volume(id)
	if err != nil {
		return nil, err
	}
	if v == nil || !who.Owns(v.ProjectID) {
		return nil, driver.VolumeNotFound(id)
	}
	return v, nil
}

// OwnSnapshot returns a snapshot that the caller may see.
func OwnSnapshot(tx *meta.Tx, who driver.Caller, id string) (*meta.Snapshot, error) {
	s, err := tx.Snapshot(id)
	if err != nil {
		return nil, err
	}
	if s == nil || !who.Owns(s.ProjectID) {
		return nil, driver.SnapshotNotFound(id)
	}
	return s, nil
}

// OwnBackup returns a backup that the caller may see.
func OwnBackup(tx *meta.Tx, who driver.Caller, id string) (*meta.Backup, error) {
	b, err := tx.Backup(id)
	if err != nil {
		return nil, err
	}
	if b == nil || !who.Owns(b.ProjectID) {
		return nil, driver.BackupNotFound(id)
	}
	return b, nil
}
