package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cindergate/internal/filelock"
	"cindergate/internal/filelock/locktest"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if filelock.Held(path) {
		t.Error("a lock that nobody made is held")
	}
	f, err := filelock.Lock(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if !filelock.Held(path) {
		t.Error("the lock is not held")
	}
	if _, err := filelock.Lock(path, 0o600); !errors.Is(err, filelock.ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if filelock.Held(path) {
		t.Error("the lock is still held")
	}
	if _, err := filelock.Lock(filepath.Join(path, "x"), 0o600); err == nil {
		t.Error("a file below a file was locked")
	}
}

func TestRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range []bool{false, true} {
		if got, err := filelock.Removed(f); err != nil || got != want {
			t.Errorf("removed: %v %v, not %v", got, err, want)
		}
		_ = os.Remove(path)
	}
}

// Lock succeeds while others look at the lock.
func TestLockWhileOthersLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	locktest.Beside(t, func() error { filelock.Held(path); return nil })
	for range 2000 {
		f, err := filelock.Lock(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What Lock returns is the file at the path, also while others remove those that nobody has locked.
func TestLockWhileOthersRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	// It removes only the file that it has locked.
	locktest.Beside(t, func() error {
		f, err := filelock.Lock(path, 0o600)
		if errors.Is(err, filelock.ErrLocked) {
			return nil
		}
		if err != nil {
			return err
		}
		return errors.Join(os.Remove(path), f.Close())
	})
	for range 2000 {
		f, err := filelock.Lock(path, 0o600)
		if errors.Is(err, filelock.ErrLocked) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		have, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(path); err != nil || !os.SameFile(have, now) {
			t.Fatalf("another file is at the path: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Wait waits for others: two that add one to a number never read the same one.
func TestWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "number")
	if err := os.WriteFile(path, []byte{0}, 0o600); err != nil {
		t.Fatal(err)
	}
	add := func() (err error) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := filelock.Wait(f); err != nil {
			return err
		}
		var number [1]byte
		if _, err := f.ReadAt(number[:], 0); err != nil {
			return err
		}
		number[0]++
		_, err = f.WriteAt(number[:], 0)
		return err
	}
	var adders sync.WaitGroup
	for range 4 {
		adders.Go(func() {
			for range 50 {
				if err := add(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adders.Wait()
	if got, err := os.ReadFile(path); err != nil || got[0] != 200 {
		t.Errorf("the number is %d, not 200: %v", got, err)
	}
}
