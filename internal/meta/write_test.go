package meta

import (
	"errors"
	"path/filepath"
	"testing"
	"time"
)

// If another transaction conflicts, the closure runs again in a new transaction. The
// changes of the first run are gone, and its hooks are not called.
func TestConflictIsRunAgain(t *testing.T) { onBoth(t, testConflictIsRunAgain) }

func testConflictIsRunAgain(t *testing.T, where string) {
	db := closing(t, where)
	conflict := errors.New("serialization failure")
	db.conflict = func(err error) bool { return errors.Is(err, conflict) }
	runs, committed := 0, 0
	db.must(t, func(tx *Tx) error {
		runs++
		tx.AfterCommit(func() { committed++ })
		limits, err := tx.Limits("p")
		if err != nil {
			return err
		}
		if len(limits) > 0 {
			t.Errorf("run %d sees what the one before has written: %v", runs, limits)
		}
		if err := tx.SetLimit("p", "backups", runs); err != nil {
			return err
		}
		if runs < 3 {
			return conflict
		}
		return nil
	})
	if runs != 3 || committed != 1 {
		t.Fatalf("%d runs, %d hooks", runs, committed)
	}
	db.must(t, func(tx *Tx) error {
		limits, err := tx.Limits("p")
		if limits["backups"] != 3 {
			t.Errorf("%v", limits)
		}
		return err
	})
	runs = 0
	if err := db.Write(t.Context(), func(*Tx) error { runs++; return conflict }); !errors.Is(err, conflict) || runs != maxRuns {
		t.Fatalf("%d runs, %v", runs, err)
	}
	runs = 0
	if err := db.Write(t.Context(), func(*Tx) error { runs++; return errors.ErrUnsupported }); err == nil || runs != 1 {
		t.Fatalf("an error that is no conflict: %d runs, %v", runs, err)
	}
}

// The rehearsal runs each closure twice and keeps the changes of the second run. It reveals
// a closure that adds to the results of its first run.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "db"), Now: time.Now, Rehearse: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var list []int
	hooks := 0
	db.must(t, func(tx *Tx) error {
		list = append(list, 1) // closures must not do this
		tx.AfterCommit(func() { hooks++ })
		return tx.SetLimit("p", "backups", len(list))
	})
	if len(list) != 2 || hooks != 1 {
		t.Fatalf("%d runs, %d hooks", len(list), hooks)
	}
	db.must(t, func(tx *Tx) error {
		limits, err := tx.Limits("p")
		if limits["backups"] != 2 {
			t.Errorf("%v", limits)
		}
		return err
	})
	func() {
		defer func() { _ = recover() }()
		_ = db.Write(t.Context(), func(*Tx) error { panic("a bug") })
	}()
	db.must(t, func(*Tx) error { return nil }) // the panic has ended its turn
}
