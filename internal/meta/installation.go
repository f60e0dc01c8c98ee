package meta

import "context"

// Installation is the row of installation. It identifies the data that this database
// describes. Marker files next to the data have the same id.
type Installation struct {
	ID    string
	Ready bool // the marker files have been written
}

var installations = table[Installation]{name: "installation", key: func(i *Installation) string { return i.ID }, columns: []column[Installation]{
	{"id", func(i *Installation) any { return &i.ID }},
	{"ready", func(i *Installation) any { return &i.Ready }},
}}

// Installation returns the row; nil if the database has none yet.
func (db *DB) Installation(ctx context.Context) (*Installation, error) {
	rows, err := installations.find(ctx, db.reader, "")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// Installations returns the row, or none if the database has none yet.
func (tx *Tx) Installations() ([]*Installation, error) {
	return installations.find(tx.ctx, tx.q, "")
}

// PutInstallation inserts or replaces the row.
func (tx *Tx) PutInstallation(i *Installation) error { return installations.put(tx.ctx, tx.q, i) }
