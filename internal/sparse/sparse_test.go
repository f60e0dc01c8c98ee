package sparse_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cindergate/internal/sparse"
)

func TestClone(t *testing.T) {
	d := t.TempDir()
	src, dst := filepath.Join(d, "src"), filepath.Join(d, "dst")
	const size = 64<<20 + 5
	if err := sparse.Create(src, size); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(src, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{0, 10 << 20, 40<<20 + 123, size - 4} {
		if _, err := f.WriteAt([]byte("data"), off); err != nil {
			t.Fatal(err)
		}
	}
	if err := sparse.Clone(t.Context(), dst, src, nil); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(src)
	b, _ := os.ReadFile(dst)
	if len(b) != size || !bytes.Equal(a, b) {
		t.Error("the copy differs")
	}
	st, _ := os.Stat(dst)
	if blocks := st.Sys().(*syscall.Stat_t).Blocks; blocks*512 > 1<<20 {
		t.Errorf("the copy occupies %d bytes", blocks*512)
	}
	if err := sparse.Clone(t.Context(), dst, src, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("onto an existing file: %v", err)
	}
	if err := sparse.Punch(f, 10<<20, 1<<20); err == nil {
		if start, _ := sparse.NextData(f, 10<<20, 11<<20); start != 11<<20 {
			t.Errorf("data at %d", start)
		}
	}
}

func TestCloneCancelled(t *testing.T) {
	d := t.TempDir()
	src, dst := filepath.Join(d, "src"), filepath.Join(d, "dst")
	if err := os.WriteFile(src, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// Where the file system clones by reference there is nothing to cancel.
	if err := sparse.Clone(ctx, dst, src, nil); err != nil {
		if _, err := os.Stat(dst); !errors.Is(err, os.ErrNotExist) {
			t.Error("half a copy is left")
		}
	}
}
