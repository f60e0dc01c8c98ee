package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

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

// While another process extends the file, Grow waits, and then it does not shorten the file.
func TestGrowInTwoProcesses(t *testing.T) {
	files := NewFiles(t.TempDir())
	path := filepath.Join(files.Dir, "volume-x")
	if err := sparse.Create(path, 1000); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(other.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	grown := make(chan error, 1)
	go func() { grown <- files.Grow(path, 2000) }()
	waits := regexp.MustCompile(fmt.Sprintf(`-> FLOCK .*:%d `, st.Ino))
	for waiting := false; !waiting; {
		select {
		case err := <-grown:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		waiting = waits.Match(locks)
	}
	if err := other.Truncate(3000); err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := <-grown; err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 3000 {
		t.Fatal(info, err)
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
