package meta

import (
	"context"

	"cindergate/driver"
)

// Transfer is a row of transfers. The auth key itself is not stored.
type Transfer struct {
	driver.Transfer
	Salt, KeyHash string // hexadecimal
}

var transfers = table[Transfer]{name: "transfers", key: func(t *Transfer) string { return t.ID }, columns: []column[Transfer]{
	{"id", func(t *Transfer) any { return &t.ID }},
	{"volume_id", func(t *Transfer) any { return &t.VolumeID }},
	{"display_name", func(t *Transfer) any { return &t.Name }},
	{"salt", func(t *Transfer) any { return &t.Salt }},
	{"key_hash", func(t *Transfer) any { return &t.KeyHash }},
	{"no_snapshots", func(t *Transfer) any { return &t.NoSnapshots }},
	{"source_project_id", func(t *Transfer) any { return &t.SourceProjectID }},
	{"created_at", func(t *Transfer) any { return micros{&t.CreatedAt} }},
}}

// Transfer returns a transfer, nil if there is none.
func (tx *Tx) Transfer(id string) (*Transfer, error) { return transfers.get(tx.ctx, tx.q, id) }

// PutTransfer inserts a transfer.
func (tx *Tx) PutTransfer(t *Transfer) error { return transfers.put(tx.ctx, tx.q, t) }

// RemoveTransfer deletes a transfer.
func (tx *Tx) RemoveTransfer(id string) error { return transfers.remove(tx.ctx, tx.q, id) }

// RemoveTransferOf deletes the transfer of a volume, if there is one.
func (tx *Tx) RemoveTransferOf(volumeID string) error {
	_, err := tx.q.ExecContext(tx.ctx, "DELETE FROM transfers WHERE volume_id = $1", volumeID)
	return err
}

// Transfers returns all transfers.
func (db *DB) Transfers(ctx context.Context) ([]*Transfer, error) {
	return transfers.find(ctx, db.reader, "")
}

// Transfer is [Tx.Transfer] outside a transaction.
func (db *DB) Transfer(ctx context.Context, id string) (*Transfer, error) {
	return transfers.get(ctx, db.reader, id)
}
