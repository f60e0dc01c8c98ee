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

// dialect holds everything that differs between SQL databases for this package.
type dialect struct {
	// skipLocked ends a SELECT that locks its rows and skips rows that another transaction
	// has locked. It is "" if only one transaction writes at a time.
	skipLocked string
	// conflict reports whether err means a conflict with another transaction, so that a
	// retry may succeed.
	conflict func(err error) bool
}

// sqliteDialect is the dialect of SQLite. Its transactions begin IMMEDIATE and run one
// after the other. So only other processes could cause conflicts, and those must not write.
var sqliteDialect = dialect{
	conflict: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_BUSY_SNAPSHOT
	},
}

// openSQLite opens or creates the database file at path. writer has one connection; reader
// has several read-only ones.
func openSQLite(path string) (writer, reader *sql.DB, err error) {
	if err := protect(path); err != nil {
		return nil, nil, err
	}
	// synchronous=FULL: with NORMAL, a commit does not flush the WAL, and a power failure
	// could lose a request that was answered with 202.
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

// Exists reports whether there is a non-empty database file at path.
func Exists(path string) (bool, error) {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && st.Size() > 0, err
}

// protect makes the database file readable by its owner only. It creates the file before
// SQLite would. SQLite gives its other files the same mode.
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

// Unwritable reports whether err means that the database cannot be written now, because the
// disk is full or has I/O errors.
func Unwritable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff // without the extension
	return code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR
}
