package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Schema is the history of a set of tables.
type Schema struct {
	// Name is the table that records which migrations have run.
	Name string
	// Migrations are applied in order, each in one transaction. A released entry never changes.
	// An entry only adds: programs of one version before must be able to go on.
	Migrations []string
	// Oldest is the number of migrations that a program must at least know to work on a database
	// that has all of these; 0: one fewer than all. While gateways are upgraded one after the
	// other, both versions use the database.
	Oldest int
}

// migrationLock is the key of the advisory lock of PostgreSQL under which schemas change.
const migrationLock = 0x63696e6465726761 // "cinderga"

// Migrate brings the tables up to date, in one transaction. Several processes may do so at once.
func (db *DB) Migrate(ctx context.Context, s Schema) error {
	tx, err := db.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := db.migrate(ctx, tx, s); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx.Commit()
}

func (db *DB) migrate(ctx context.Context, tx *sql.Tx, s Schema) error {
	if db.Shared {
		// The lock ends with the transaction, so that it works behind a pooler as well.
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+s.Name+" (version INTEGER NOT NULL)"); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+s.Name+"_oldest (version INTEGER NOT NULL)"); err != nil {
		return err
	}
	var version, oldest int
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM "+s.Name).Scan(&version); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), $1) FROM "+s.Name+"_oldest", version).Scan(&oldest); err != nil {
		return err
	}
	known := len(s.Migrations)
	if version > known && oldest > known {
		return fmt.Errorf("schema version %d is newer than this program's, %d", version, known)
	}
	if version >= known {
		return nil
	}
	for n := version; n < known; n++ {
		if _, err := tx.ExecContext(ctx, s.Migrations[n]); err != nil {
			return fmt.Errorf("migration %d: %w", n+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO "+s.Name+" (version) VALUES ($1)", known); err != nil { //nolint:gosec // a constant of the caller
		return err
	}
	needs := s.Oldest
	if needs == 0 {
		needs = known - 1
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO "+s.Name+"_oldest (version) VALUES ($1)", needs) //nolint:gosec // a constant of the caller
	return err
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
