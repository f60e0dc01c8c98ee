package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cindergate/driver"
	"cindergate/internal/sparse"
)

// The smaller of two extends of a volume may come last. It must not shorten the file.
func TestGrowNeverCuts(t *testing.T) {
	files := NewFiles(t.TempDir())
	path := filepath.Join(files.Dir, "volume-x")
	if err := sparse.Create(path, 1000); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ grow, size int64 }{{3000, 3000}, {2000, 3000}, {4000, 4000}} {
		if err := files.Grow(path, want.grow); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() != want.size {
			t.Fatalf("grown to %d: it has %d bytes, want %d", want.grow, st.Size(), want.size)
		}
	}
	if err := files.Grow(filepath.Join(files.Dir, "none"), 1); err == nil {
		t.Fatal("a file that is missing is made")
	}
}

// Two processes extend one file at the same time.
func TestGrowInTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "volume-x")
	if err := sparse.Create(path, 1); err != nil {
		t.Fatal(err)
	}
	const most = 200
	var all sync.WaitGroup
	for n := range most {
		files := NewFiles(dir) // of another process
		all.Go(func() {
			if err := files.Grow(path, int64(most-n)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if st, err := os.Stat(path); err != nil || st.Size() != most {
		t.Fatal(st.Size(), err)
	}
}

// A client that leaves while its request waits for the database is not a failure of the
// backend.
func TestCallersThatLeave(t *testing.T) {
	for cause, want := range map[error]driver.Kind{
		context.Canceled: driver.Canceled, context.DeadlineExceeded: driver.Unavailable,
	} {
		if err := Classify(fmt.Errorf("wait for the database: %w", cause)); driver.KindOf(err) != want {
			t.Errorf("%v: %v", cause, err)
		}
	}
}
