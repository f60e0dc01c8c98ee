package meta

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Installation is the row of installation: which data this database describes. The
// same id stands in marker files beside the data.
type Installation struct {
	ID    string
	Ready bool // the marker files have been written
}

var installations = table[Installation]{name: "installation", key: func(i *Installation) string { return i.ID }, columns: []column[Installation]{
	{"id", func(i *Installation) any { return &i.ID }},
	{"ready", func(i *Installation) any { return &i.Ready }},
}}

// Installation returns the row, nil in a database that has none yet.
func (db *DB) Installation(ctx context.Context) (*Installation, error) {
	rows, err := installations.find(ctx, db.reader, "")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// PutInstallation inserts or replaces the row.
func (tx *Tx) PutInstallation(i *Installation) error { return installations.put(tx.ctx, tx.q, i) }

// Exists tells whether a database file with anything in it is at path.
func Exists(path string) (bool, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && st.Size() > 0, err
}

// protect makes the database's file readable by its owner only, before SQLite
// creates it. SQLite gives its other files the same mode.
func protect(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Unwritable tells whether err says that the database cannot be written now: the
// disk is full, or reports an error.
func Unwritable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff // without the extension
	return code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR
}
