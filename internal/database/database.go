// Package database opens the SQL databases that Cindergate keeps its rows in: a file of SQLite, or
// a database of PostgreSQL that several gateways share.
//
// SQL is written once for both: placeholders are $1, ids and documents are TEXT, times are BIGINT
// (unix microseconds), and ON CONFLICT makes an insert an update.
package database

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// DB is an open database.
type DB struct {
	// Writer is for transactions that change something. With SQLite it has one connection, and
	// its transactions take the write lock at once.
	Writer *sql.DB
	// Reader is for everything else. With SQLite it refuses to write.
	Reader *sql.DB
	// Shared says that other processes may change the database as well: it is PostgreSQL.
	Shared bool
	// URL is what it was opened with, for connections that listen.
	URL string

	written, read *statements // of Writer and Reader; nil: the driver of PostgreSQL prepares by itself
}

// IsPostgres reports whether a database setting names PostgreSQL. Anything else is the path of a
// SQLite file.
func IsPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// Open opens the database that url names: postgres://… or the path of a SQLite file, which it
// creates if it is missing. A PostgreSQL server that does not answer is an error of the first
// statement, not of Open.
func Open(url string) (*DB, error) {
	if IsPostgres(url) {
		return openPostgres(url)
	}
	return openSQLite(url)
}

// Close closes all connections.
func (db *DB) Close() error {
	if db.Reader == db.Writer {
		return db.Writer.Close()
	}
	return errors.Join(db.Reader.Close(), db.Writer.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.Reader.PingContext(ctx) }

// Conflict reports whether err means that a transaction came into conflict with another one, so
// that it may succeed if it is run again.
func Conflict(err error) bool { return conflictSQLite(err) || conflictPostgres(err) }

// Unwritable reports whether err means that the database cannot be written now because its disk
// is full or has I/O errors.
func Unwritable(err error) bool { return unwritableSQLite(err) || unwritablePostgres(err) }

// Unstorable reports whether err means that the database takes no such text: PostgreSQL stores
// neither the character U+0000 nor what is not UTF-8.
func Unstorable(err error) bool { return code(err) == untranslatable }

// Away is an error of a database that cannot be reached now; see [Unavailable]. Package meta marks
// such errors, so that work that meets one can be told from work that has failed.
type Away struct{ Err error }

func (a *Away) Error() string { return a.Err.Error() }
func (a *Away) Unwrap() error { return a.Err }

// Mark returns err as [Away] if it means that the database cannot be reached.
func Mark(err error) error {
	if err == nil || errors.As(err, new(*Away)) || !Unavailable(err) {
		return err
	}
	return &Away{err}
}

// Unavailable reports whether err means that the server of the database cannot be reached, is
// starting or stopping, or is a standby that takes no changes.
func Unavailable(err error) bool { return unavailablePostgres(err) }
