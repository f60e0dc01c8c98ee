// Package meta is the embedded driver's database of backups, volumes, snapshots, volume
// types, quotas, messages and jobs, with the most-read rows in memory as well.
//
// The SQL database is the source of truth. There are three ways to use it:
//
//   - [DB.Backup] and similar methods are single reads.
//   - [DB.Read] is a transaction that sees one moment and changes nothing.
//   - [DB.Write] is a transaction that changes something. It is serializable: what it
//     reads does not change before it commits.
//
// Reads never wait for a Write. The closure of a Write may run more than once, so it must
// not have effects outside the transaction; see [DB.Write].
//
// The statements work in both SQLite and PostgreSQL; the differences are in [dialect]. Only
// SQLite is supported so far.
package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"cindergate/driver"
)

// DB is the database of one installation. Only this process may change it, because rows in
// memory are read without looking at the file.
type DB struct {
	// Rows in memory, as of the last committed transaction.
	backups   *cache[Backup, driver.Backup]
	volumes   *cache[Volume, driver.Volume]
	snapshots *cache[Snapshot, driver.Snapshot]
	types     *cache[VolumeType, driver.VolumeType]

	now      func() time.Time
	rehearse bool
	dialect  dialect
	writer   *sql.DB // one connection
	reader   *sql.DB
	turn     chan struct{} // has an element while a transaction runs, until the caches show it
}

// Options say which database to open, and how.
type Options struct {
	Path string           // of the SQLite file; created if missing
	Now  func() time.Time // the clock of transactions
	// Rehearse is for tests: each closure of [DB.Write] first runs in a transaction that is
	// rolled back, and then again. This reveals closures that may not run twice.
	Rehearse bool
}

// Open opens or creates the database and brings its schema up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	db := &DB{now: o.Now, rehearse: o.Rehearse, dialect: sqliteDialect, turn: make(chan struct{}, 1)}
	var err error
	if db.writer, db.reader, err = openSQLite(o.Path); err != nil {
		return nil, err
	}
	if err := db.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", o.Path, err), db.Close())
	}
	return db, nil
}

func (db *DB) load(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	live, err := backups.find(ctx, db.writer, "WHERE deleted_at IS NULL")
	if err != nil {
		return err
	}
	for _, b := range live {
		b.IsIncremental = b.ParentID != ""
	}
	db.backups = newCache(live, backups.key, func(b *Backup) (string, time.Time) { return b.ProjectID, b.CreatedAt },
		func(b *Backup) *driver.Backup { return &b.Backup })
	db.backups.trackChildren(func(b *Backup) string { return b.ParentID },
		func(b *Backup, yes bool) { b.HasDependents = yes }, func(b *Backup) bool { return b.HasDependents })
	allVolumes, err := volumes.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.volumes = newCache(allVolumes, volumes.key, func(v *Volume) (string, time.Time) { return v.ProjectID, v.CreatedAt },
		func(v *Volume) *driver.Volume { return &v.Volume })
	allSnapshots, err := snapshots.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.snapshots = newCache(allSnapshots, snapshots.key, func(s *Snapshot) (string, time.Time) { return s.ProjectID, s.CreatedAt },
		func(s *Snapshot) *driver.Snapshot { return &s.Snapshot })
	allTypes, err := volumeTypes.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.types = newCache(allTypes, volumeTypes.key, func(t *VolumeType) (string, time.Time) { return "", t.CreatedAt },
		func(t *VolumeType) *driver.VolumeType { return &t.VolumeType })
	return nil
}

func (db *DB) migrate(ctx context.Context) error {
	_, err := db.writer.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
	if err != nil {
		return err
	}
	var version int
	if err := db.writer.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("schema version %d is newer than this program's, %d", version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		tx, err := db.writer.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, migrations[version])
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO schema_version (version) VALUES ($1)", version+1)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("migration %d: %w", version+1, err), tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the database.
func (db *DB) Close() error { return errors.Join(db.reader.Close(), db.writer.Close()) }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reader.PingContext(ctx) }

// Read runs look in one transaction that changes nothing. It does not wait for transactions
// of [DB.Write]. It sees everything that was committed before.
func (db *DB) Read(ctx context.Context, look func(*Tx) error) error {
	sqlTx, err := db.reader.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }() // a read has nothing to commit
	return look(db.newTx(ctx, sqlTx))
}

func (db *DB) newTx(ctx context.Context, q querier) *Tx {
	return &Tx{Now: db.now().UTC().Truncate(time.Microsecond), ctx: ctx, db: db, q: q}
}

// maxRuns is how often a Write runs before it gives up on conflicts with other
// transactions.
const maxRuns = 5

// Write runs change in one transaction. If it returns nil, the changes are committed,
// durable and visible to every read; otherwise nothing has changed. It waits for other
// transactions at most until ctx ends.
//
// If another transaction conflicts, change runs again in a new transaction. So change must
// not create, rename or delete files. It must not change variables that it did not create,
// and must set the variables for its results before it reads them. Effects that must happen
// only once belong in [Tx.AfterCommit].
func (db *DB) Write(ctx context.Context, change func(*Tx) error) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the database: %w", ctx.Err())
	}
	if db.rehearse {
		_, _ = db.run(ctx, change, false) // the second run reports the error
	}
	for runs := 1; ; runs++ {
		tx, err := db.run(ctx, change, true)
		if err == nil {
			for _, show := range tx.committed {
				show()
			}
			return nil
		}
		if runs == maxRuns || !db.dialect.conflict(err) {
			return err
		}
	}
}

// run runs change in a transaction of its own. It rolls back if change fails or panics, or
// if commit is false.
func (db *DB) run(ctx context.Context, change func(*Tx) error, commit bool) (*Tx, error) {
	sqlTx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	tx := db.newTx(ctx, sqlTx)
	done := false
	defer func() {
		if !done { // change panicked
			_ = sqlTx.Rollback()
		}
	}()
	err = change(tx)
	done = true
	if err != nil || !commit {
		if back := sqlTx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			return nil, errors.Join(err, back)
		}
		return nil, err
	}
	if err := sqlTx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx, nil
}
