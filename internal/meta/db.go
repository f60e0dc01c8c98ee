// Package meta keeps what the embedded driver knows about backups, volumes,
// snapshots, volume types, quotas, messages and jobs: in SQL, which is the truth,
// and the rows that requests read in memory as well.
//
// Every change is one transaction of [DB.Write]. Transactions are serializable:
// what one reads does not change before it commits. SQLite gives that by its
// single writer; on PostgreSQL it is the isolation level of that name with a
// retry. The statements are those that both understand; only the claim of a job
// differs (see [Tx.Claim]).
package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"cindergate/driver"
)

// DB is the database of one data directory. This process must be the only one
// that changes it: reads of hot rows do not look at the file.
type DB struct {
	// Rows in memory, as of the last committed transaction.
	Backups   *Cache[Backup, driver.Backup]
	Volumes   *Cache[Volume, driver.Volume]
	Snapshots *Cache[Snapshot, driver.Snapshot]
	Types     *Cache[VolumeType, driver.VolumeType]

	now    func() time.Time
	writer *sql.DB // one connection
	reader *sql.DB
	turn   chan struct{} // has an element while a transaction runs, until the caches show it
}

// Open opens or creates the database and brings its schema up to date.
func Open(ctx context.Context, path string, now func() time.Time) (*DB, error) {
	// synchronous=FULL: with NORMAL, a WAL is not flushed at commit, and a request
	// that was answered 202 could be forgotten by a power failure.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	db := &DB{now: now, turn: make(chan struct{}, 1)}
	if err := protect(path); err != nil {
		return nil, err
	}
	var err error
	if db.writer, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return nil, err
	}
	db.writer.SetMaxOpenConns(1)
	if db.reader, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.reader.SetMaxOpenConns(4)
	if err := db.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
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
	db.Backups = newCache(live, backups.key, func(b *Backup) (string, time.Time) { return b.ProjectID, b.CreatedAt },
		func(b *Backup) *driver.Backup { return &b.Backup })
	db.Backups.trackChildren(func(b *Backup) string { return b.ParentID },
		func(b *Backup, yes bool) { b.HasDependents = yes }, func(b *Backup) bool { return b.HasDependents })
	allVolumes, err := volumes.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.Volumes = newCache(allVolumes, volumes.key, func(v *Volume) (string, time.Time) { return v.ProjectID, v.CreatedAt },
		func(v *Volume) *driver.Volume { return &v.Volume })
	allSnapshots, err := snapshots.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.Snapshots = newCache(allSnapshots, snapshots.key, func(s *Snapshot) (string, time.Time) { return s.ProjectID, s.CreatedAt },
		func(s *Snapshot) *driver.Snapshot { return &s.Snapshot })
	allTypes, err := volumeTypes.find(ctx, db.writer, "")
	if err != nil {
		return err
	}
	db.Types = newCache(allTypes, volumeTypes.key, func(t *VolumeType) (string, time.Time) { return "", t.CreatedAt },
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

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.reader.PingContext(ctx) }

// Read runs look in one transaction that changes nothing, and does not wait for those
// of [DB.Write]. It sees all that was committed before.
func (db *DB) Read(ctx context.Context, look func(*Tx) error) error {
	sqlTx, err := db.reader.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = sqlTx.Rollback() }() // there is nothing to commit
	return look(&Tx{Now: db.now().UTC().Truncate(time.Microsecond), ctx: ctx, db: db, q: sqlTx})
}

// Write runs change in one transaction. When it returns nil the changes are
// committed, durable and visible to every read; otherwise nothing has changed. It waits
// for other transactions no longer than ctx lives.
func (db *DB) Write(ctx context.Context, change func(*Tx) error) error {
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the database: %w", ctx.Err())
	}
	sqlTx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{Now: db.now().UTC().Truncate(time.Microsecond), ctx: ctx, db: db, q: sqlTx}
	done := false
	defer func() {
		if !done { // change panicked
			_ = sqlTx.Rollback()
		}
	}()
	err = change(tx)
	done = true
	if err != nil {
		if back := sqlTx.Rollback(); back != nil && !errors.Is(back, sql.ErrTxDone) {
			return errors.Join(err, back)
		}
		return err
	}
	if err := sqlTx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, show := range tx.committed {
		show()
	}
	return nil
}
