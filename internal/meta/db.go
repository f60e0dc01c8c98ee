// Package meta is the embedded driver's database of backups, volumes, snapshots, volume
// types, quotas, messages and jobs, with the most-read rows in memory as well.
//
// The SQL database is the source of truth. There are four ways to use it:
//
//   - [DB.Backup] and similar methods are single reads.
//   - [DB.Read] is a transaction that sees one moment and changes nothing.
//   - [DB.Write] is a transaction that changes something. Writes run one after the other, in
//     all processes, so what one reads does not change before it commits.
//   - [DB.Lease] is a transaction that claims a job or keeps one. It does not wait for a Write.
//
// Reads never wait for a Write. The closure of a Write may run more than once, so it must
// not have effects outside the transaction; see [DB.Write].
//
// The database is a file of SQLite, which only this process uses, or PostgreSQL, which several
// processes share. With PostgreSQL, each read of rows in memory first makes sure that they are
// current (current.go), and the time is the server's.
package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/internal/database"
)

// DB is the database of one installation. Unless it is shared, only this process may change it,
// because rows in memory are read without looking at the file.
type DB struct {
	// Rows in memory, as of the last committed transaction.
	backups   *cache[Backup, driver.Backup]
	volumes   *cache[Volume, driver.Volume]
	snapshots *cache[Snapshot, driver.Snapshot]
	types     *cache[VolumeType, driver.VolumeType]
	hot       map[string]hotTable // all of these, by the name of the table

	now      func() time.Time
	rehearse bool
	sql      *database.DB
	reader   *sql.DB
	current  current       // of a shared database
	turn     chan struct{} // has an element while a transaction runs, until the caches show it
	conflict func(error) bool
}

// Options say which database to open, and how.
type Options struct {
	// Database is the path of a SQLite file, which is created if it is missing, or postgres://….
	Database string
	// Now is the clock of transactions in SQLite. PostgreSQL has its own, because the clocks of
	// several gateways differ.
	Now func() time.Time
	// Rehearse is for tests: each closure of [DB.Write] first runs in a transaction that is
	// rolled back, and then again. This reveals closures that may not run twice.
	Rehearse bool
}

// Open opens or creates the database and brings its schema up to date.
func Open(ctx context.Context, o Options) (*DB, error) {
	opened, err := database.Open(o.Database)
	if err != nil {
		return nil, err
	}
	db := &DB{now: o.Now, rehearse: o.Rehearse, sql: opened, reader: opened.Reader, turn: make(chan struct{}, 1), conflict: database.Conflict}
	db.makeCaches()
	if err := db.load(ctx); err != nil {
		name := o.Database
		if opened.Shared {
			name = "PostgreSQL"
		}
		return nil, errors.Join(fmt.Errorf("open %s: %w", name, err), db.Close())
	}
	return db, nil
}

func (db *DB) load(ctx context.Context) error {
	if err := db.sql.Migrate(ctx, schema); err != nil {
		return err
	}
	if db.sql.Shared {
		return db.catchUp(ctx)
	}
	for _, t := range db.hot {
		if err := t.reload(ctx, db.sql.Writer); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the database.
func (db *DB) Close() error { return db.sql.Close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.sql.Ping(ctx) }

// Shared reports whether other processes may use the database as well.
func (db *DB) Shared() bool { return db.sql.Shared }

// Read runs look in one transaction that changes nothing. It does not wait for transactions
// of [DB.Write]. It sees everything that was committed before.
func (db *DB) Read(ctx context.Context, look func(*Tx) error) error {
	sqlTx, err := db.sql.BeginRead(ctx)
	if err != nil {
		return db.mark(fmt.Errorf("begin: %w", err))
	}
	defer func() { _ = sqlTx.Rollback() }() // a read has nothing to commit
	tx := db.newTx(ctx, sqlTx)
	if db.sql.Shared {
		if err := tx.readClock(); err != nil {
			return db.mark(err)
		}
	}
	return db.mark(look(tx))
}

// mark marks an error that means that a shared database cannot be reached.
func (db *DB) mark(err error) error {
	if !db.sql.Shared {
		return err
	}
	return database.Mark(err)
}

func (db *DB) newTx(ctx context.Context, q querier) *Tx {
	return &Tx{Now: db.now().UTC().Truncate(time.Microsecond), ctx: ctx, db: db, q: q}
}

const (
	// maxRuns is how often a Write runs before it gives up on conflicts with other
	// transactions.
	maxRuns = 5
	// patience is how long a transaction of a shared database may take, with its wait for others.
	patience = 30 * time.Second
)

// Write runs change in one transaction. If it returns nil, the changes are committed,
// durable and visible to every read; otherwise nothing has changed, unless the connection was
// lost during the commit. It waits for other transactions at most until ctx ends.
//
// If another transaction conflicts, change runs again in a new transaction. So change must
// not create, rename or delete files. It must not change variables that it did not create,
// and must set the variables for its results before it reads them. Effects that must happen
// only once belong in [Tx.AfterCommit].
func (db *DB) Write(ctx context.Context, change func(*Tx) error) error {
	ctx, cancel := db.limited(ctx)
	defer cancel()
	select {
	case db.turn <- struct{}{}:
		defer func() { <-db.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the database: %w", ctx.Err())
	}
	return db.transact(ctx, (*Tx).takeTurn, change)
}

// Lease is [DB.Write] for [Tx.Claim], [Tx.Renew], [Tx.DropDead] and [Tx.PutGateway] alone. In a shared database it
// does not wait for a Write: many workers claim at once, and a lease must not expire because
// others write.
func (db *DB) Lease(ctx context.Context, change func(*Tx) error) error {
	if !db.sql.Shared {
		return db.Write(ctx, change)
	}
	ctx, cancel := db.limited(ctx)
	defer cancel()
	return db.transact(ctx, (*Tx).readClock, change)
}

// limited bounds the time of a transaction of a shared database.
func (db *DB) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if !db.sql.Shared {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, patience)
}

// transact runs change until it is committed, and shows what it has changed.
func (db *DB) transact(ctx context.Context, begin func(*Tx) error, change func(*Tx) error) error {
	if db.rehearse {
		_, _ = db.run(ctx, begin, change, false) // the second run reports the error
	}
	for runs := 1; ; runs++ {
		tx, err := db.run(ctx, begin, change, true)
		if err == nil {
			for _, show := range tx.committed {
				show()
			}
			return nil
		}
		if runs == maxRuns || !db.conflict(err) {
			return db.mark(err)
		}
	}
}

// run runs change in a transaction of its own. It rolls back if change fails or panics, or
// if commit is false.
func (db *DB) run(ctx context.Context, begin, change func(*Tx) error, commit bool) (*Tx, error) {
	sqlTx, err := db.sql.BeginWrite(ctx)
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
	if db.sql.Shared {
		err = begin(tx)
	}
	if err == nil {
		err = change(tx)
	}
	if err == nil && commit {
		err = tx.publish()
	}
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
