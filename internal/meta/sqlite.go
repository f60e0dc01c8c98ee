package meta

import (
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"

	"modernc.org/sqlite" // also the database/sql driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is all in which one SQL database differs from another for this package.
type dialect struct {
	// skipLocked ends a SELECT of rows that no other transaction has locked, which it
	// locks. Empty where only one transaction writes at a time.
	skipLocked string
	// conflict tells whether err says that another transaction came in between, so that
	// the same transaction may succeed if it is run again.
	conflict func(err error) bool
}

// sqliteDialect is SQLite's. Its transactions begin IMMEDIATE, one after the other, so
// that conflicts come from other processes only, which must not write.
var sqliteDialect = dialect{
	conflict: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_BUSY_SNAPSHOT
	},
}

// openSQLite opens the database file at path, which it creates if need be: one
// connection that writes, and some that only read.
func openSQLite(path string) (writer, reader *sql.DB, err error) {
	if err := protect(path); err != nil {
		return nil, nil, err
	}
	// synchronous=FULL: with NORMAL, a WAL is not flushed at commit, and a request
	// that was answered 202 could be forgotten by a power failure.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	if writer, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	if reader, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(4)
	return writer, reader, nil
}

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
