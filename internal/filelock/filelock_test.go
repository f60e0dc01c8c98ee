package filelock

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if Held(path) {
		t.Error("a lock that nobody made is held")
	}
	f, err := Lock(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if !Held(path) {
		t.Error("the lock is not held")
	}
	if _, err := Lock(path, 0o600); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if Held(path) {
		t.Error("the lock is still held")
	}
	if _, err := Lock(filepath.Join(path, "x"), 0o600); err == nil {
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
		if got, err := Removed(f); err != nil || got != want {
			t.Errorf("removed: %v %v, not %v", got, err, want)
		}
		_ = os.Remove(path)
	}
}

// beside calls do over and over until the test has ended.
func beside(t *testing.T, do func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				do()
			}
		}
	})
	t.Cleanup(func() { close(done); wg.Wait() })
}

// Lock succeeds while others look at the lock.
func TestLockWhileOthersLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	beside(t, func() { Held(path) })
	for range 2000 {
		f, err := Lock(path, 0o600)
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
	beside(t, func() {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return
		}
		defer f.Close()
		if Try(f) == nil {
			if same, err := at(path, f); same && err == nil {
				_ = os.Remove(path)
			}
		}
	})
	for range 2000 {
		f, err := Lock(path, 0o600)
		if errors.Is(err, ErrLocked) {
			continue // by the one that removes it
		}
		if err != nil {
			t.Fatal(err)
		}
		if same, err := at(path, f); err != nil || !same {
			t.Fatalf("another file is at the path: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
