package database

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// Tx is a transaction. With SQLite, it does not parse statements again that earlier
// transactions used: parsing takes a third of the time of a short transaction. The driver of
// PostgreSQL does the same by itself.
type Tx struct {
	*sql.Tx
	known *statements // nil: the driver knows them
}

// mostTries bounds how often [DB.Write] runs a transaction because of others.
const mostTries = 5

// Write makes one transaction of the Writer, and makes it again if it comes into conflict with
// another one: do may run more than once.
func (db *DB) Write(ctx context.Context, do func(*Tx) error) error {
	for tries := 1; ; tries++ {
		err := db.try(ctx, do)
		if err == nil || tries == mostTries || !Conflict(err) {
			return err
		}
	}
}

func (db *DB) try(ctx context.Context, do func(*Tx) error) error {
	tx, err := db.BeginWrite(ctx)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// BeginWrite begins a transaction of the Writer.
func (db *DB) BeginWrite(ctx context.Context) (*Tx, error) {
	return begin(ctx, db.Writer, db.written, nil)
}

// BeginRead begins a transaction of the Reader that sees one moment.
func (db *DB) BeginRead(ctx context.Context) (*Tx, error) {
	var how *sql.TxOptions
	if db.Shared {
		how = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return begin(ctx, db.Reader, db.read, how)
}

func begin(ctx context.Context, pool *sql.DB, known *statements, how *sql.TxOptions) (*Tx, error) {
	if known != nil {
		known.prepare(ctx, pool)
	}
	tx, err := pool.BeginTx(ctx, how)
	if err != nil {
		return nil, err
	}
	return &Tx{tx, known}, nil
}

// QueryContext is that of [sql.Tx]. The rows must be closed before the transaction uses the
// same statement again.
func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.QueryContext(ctx, args...)
	}
	return tx.Tx.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of [sql.Tx].
func (tx *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.QueryRowContext(ctx, args...)
	}
	return tx.Tx.QueryRowContext(ctx, query, args...)
}

// ExecContext is that of [sql.Tx].
func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := tx.prepared(ctx, query); s != nil { //nolint:sqlclosecheck // the end of the transaction closes it
		return s.ExecContext(ctx, args...)
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

// prepared returns the statement for this transaction, which closes it at its end; nil if it is
// not prepared.
func (tx *Tx) prepared(ctx context.Context, query string) *sql.Stmt {
	s := tx.known.find(query)
	if s == nil {
		return nil
	}
	return tx.StmtContext(ctx, s)
}

// mostStatements bounds the statements that stay prepared. The programs have about a hundred.
const mostStatements = 256

// statements are the prepared statements of a pool. One that is new is prepared before the next
// transaction begins, because the pool may have no connection to prepare it on before.
type statements struct {
	mu       sync.Mutex
	prepared map[string]*sql.Stmt // nil: not yet
	fresh    []string
}

func newStatements() *statements { return &statements{prepared: map[string]*sql.Stmt{}} }

// find returns the prepared statement; nil if there is none, or none yet.
func (s *statements) find(query string) *sql.Stmt {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, seen := s.prepared[query]
	if !seen && len(s.prepared) < mostStatements {
		s.prepared[query] = nil
		s.fresh = append(s.fresh, query)
	}
	return found
}

// prepare prepares the statements that are new. One that cannot be prepared stays as it is: the
// transaction that uses it next gets the error.
func (s *statements) prepare(ctx context.Context, pool *sql.DB) {
	s.mu.Lock()
	fresh := s.fresh
	s.fresh = nil
	s.mu.Unlock()
	for _, query := range fresh {
		made, err := pool.PrepareContext(ctx, query) //nolint:sqlclosecheck // it lives as long as the pool
		s.mu.Lock()
		if err == nil {
			s.prepared[query] = made
		} else {
			delete(s.prepared, query)
		}
		s.mu.Unlock()
	}
}
