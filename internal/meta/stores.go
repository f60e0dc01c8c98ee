package meta

import (
	"context"
	"fmt"
)

// Store is a row of stores: a backup store that has been used. Name is the key. Marker is
// the id in the store's marker, which tells it from another store of the same name.
type Store struct{ Name, Marker string }

var stores = table[Store]{name: "stores", key: func(s *Store) string { return s.Name }, columns: []column[Store]{
	{"id", func(s *Store) any { return &s.Name }},
	{"marker", func(s *Store) any { return &s.Marker }},
}}

// Store returns the row of a store; nil if it has never been used.
func (db *DB) Store(ctx context.Context, name string) (*Store, error) {
	rows, err := stores.find(ctx, db.reader, "WHERE id = $1", name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// Store returns the row of a store; nil if it has never been used.
func (tx *Tx) Store(name string) (*Store, error) { return stores.get(tx.ctx, tx.q, name) }

// PutStore inserts or replaces a row.
func (tx *Tx) PutStore(s *Store) error { return stores.put(tx.ctx, tx.q, s) }

// StoresInUse returns the number of live backups by the store's name; "" is the one in the
// data directory.
func (db *DB) StoresInUse(ctx context.Context) (map[string]int, error) {
	rows, err := db.reader.QueryContext(ctx, "SELECT COALESCE(store, ''), COUNT(*) FROM backups WHERE deleted_at IS NULL GROUP BY COALESCE(store, '')")
	if err != nil {
		return nil, fmt.Errorf("read backups: %w", err)
	}
	defer func() { _ = rows.Close() }()
	used := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return nil, fmt.Errorf("read backups: %w", err)
		}
		used[name] = n
	}
	return used, rows.Err()
}
