package database

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func openTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// written runs one statement in a transaction of its own.
func written(t *testing.T, db *DB, statement string, args ...any) error {
	t.Helper()
	tx, err := db.BeginWrite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
		if back := tx.Rollback(); back != nil {
			t.Fatal(back)
		}
		return err
	}
	return tx.Commit()
}

// size counts the rows and columns of a query.
func size(t *testing.T, tx *Tx, query string) (n, columns int) {
	t.Helper()
	rows, err := tx.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n, len(names)
}

// TestPreparedStatements repeats a statement in one transaction and in later ones: first as text,
// then prepared, and after the table has changed.
func TestPreparedStatements(t *testing.T) {
	db := openTest(t)
	if err := written(t, db, "CREATE TABLE t (id TEXT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	const insert, all = "INSERT INTO t (id) VALUES ($1)", "SELECT * FROM t ORDER BY id"
	for i := range 6 {
		if i == 4 {
			if err := written(t, db, "ALTER TABLE t ADD COLUMN more TEXT NOT NULL DEFAULT 'x'"); err != nil {
				t.Fatal(err)
			}
		}
		if err := written(t, db, insert, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		tx, err := db.BeginRead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if rows, columns := size(t, tx, all); rows != i+1 || columns != 1+i/4 {
				t.Errorf("after %d inserts: %d rows of %d columns", i+1, rows, columns)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	if db.written.find(insert) == nil || db.read.find(all) == nil {
		t.Error("a statement that was used six times is not prepared")
	}
}

// TestFailedStatement: a statement that cannot be prepared fails no other transaction, and works
// as soon as its table exists.
func TestFailedStatement(t *testing.T) {
	db := openTest(t)
	const insert = "INSERT INTO later (id) VALUES ($1)"
	for range 3 {
		if written(t, db, insert, "1") == nil {
			t.Fatal("an insert into no table succeeded")
		}
	}
	if err := written(t, db, "CREATE TABLE later (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := written(t, db, insert, "1"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyStatements: programs with endless statements keep a bounded number prepared.
func TestManyStatements(t *testing.T) {
	db := openTest(t)
	for i := range 2 * mostStatements {
		if err := written(t, db, fmt.Sprintf("SELECT %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(db.written.prepared); n != mostStatements {
		t.Errorf("%d statements are kept, want %d", n, mostStatements)
	}
}

// TestConcurrentTransactions: readers use the same statement on several connections at once.
func TestConcurrentTransactions(t *testing.T) {
	db := openTest(t)
	if err := written(t, db, "CREATE TABLE t (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				tx, err := db.BeginRead(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				var n int
				if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t WHERE id = $1", "a").Scan(&n); err != nil || n != 0 {
					t.Error(n, err)
				}
				if err := tx.Rollback(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// TestConflicts: a transaction is made again after a conflict, a bounded number of times, and after no
// other error. What a run that failed has written is gone.
func TestConflicts(t *testing.T) {
	db := openTest(t)
	if err := written(t, db, "CREATE TABLE t (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	conflict, other := &pgconn.PgError{Code: serializationFailure}, errors.New("other")
	for name, c := range map[string]struct {
		fails      error
		times, ran int
		want       error
	}{
		"none":        {nil, 0, 1, nil},
		"two":         {conflict, 2, 3, nil},
		"endless":     {conflict, 100, mostTries, conflict},
		"no conflict": {other, 1, 1, other},
	} {
		ran := 0
		err := db.Write(t.Context(), func(tx *Tx) error {
			ran++
			if _, err := tx.ExecContext(t.Context(), "INSERT INTO t (id) VALUES ($1)", name); err != nil {
				return err
			}
			if ran <= c.times {
				return c.fails
			}
			return nil
		})
		if ran != c.ran || !errors.Is(err, c.want) {
			t.Errorf("%s: ran %d times, %v", name, ran, err)
		}
	}
	tx, err := db.BeginRead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows, _ := size(t, tx, "SELECT id FROM t"); rows != 2 {
		t.Errorf("%d rows, want those of the two transactions that were committed", rows)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}
