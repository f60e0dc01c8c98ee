package dir_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cindergate/internal/chunk"
	"cindergate/internal/chunk/chunktest"
	"cindergate/internal/chunk/dir"
	"cindergate/internal/filelock/locktest"
	"cindergate/internal/marker"
)

func open(t *testing.T, root string) *dir.Store {
	t.Helper()
	s, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	chunktest.Run(t, func(t *testing.T) chunk.Store { return open(t, filepath.Join(t.TempDir(), "store")) })
}

// tmpfs had no O_DIRECT for a long time. Without it, everything goes through the page
// cache.
func TestConformanceOnTmpfs(t *testing.T) {
	chunktest.Run(t, func(t *testing.T) chunk.Store {
		root, err := os.MkdirTemp("/dev/shm", "chunk")
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(root) })
		return open(t, root)
	})
}

func put(t *testing.T, s chunk.Store, key string, n int) {
	t.Helper()
	if err := s.Put(t.Context(), key, chunktest.Bytes(make([]byte, n)), int64(n)); err != nil {
		t.Fatal(err)
	}
}

// The layout and the permissions are Cinder's.
func TestLayout(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "ab/cd/abcd/volume_v-00001", 1<<20)
	for name, mode := range map[string]os.FileMode{"ab": 0o770, "ab/cd/abcd": 0o770, "ab/cd/abcd/volume_v-00001": 0o660} {
		st, err := os.Stat(filepath.Join(root, name))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
	}
	if err := s.Delete(t.Context(), "ab/cd/abcd/volume_v-00001"); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestOpenRemovesLeftovers(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "c/o", 1)
	leftover := filepath.Join(root, "c", ".put-CRASHED")
	if err := os.WriteFile(leftover, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for key := range s.List(t.Context(), "") {
		if key != "c/o" {
			t.Errorf("listed %s", key)
		}
	}
	open(t, root)
	if _, err := os.Stat(leftover); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "c", "o")); err != nil {
		t.Error(err)
	}
}

// Open keeps the temporary files that another process is writing.
func TestOpenKeepsWhatIsBeingWritten(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	r := &openWhileRead{open: func() { open(t, root) }}
	if err := s.Put(t.Context(), "c/o", func() (io.Reader, error) { return r, nil }, 1); err != nil {
		t.Fatal(err)
	}
}

type openWhileRead struct{ open func() }

func (r *openWhileRead) Read(p []byte) (int, error) {
	if r.open == nil {
		return 0, io.EOF
	}
	r.open()
	r.open = nil
	return copy(p, "x"), nil
}

// Links must not lead out of the root.
func TestLinksStayInside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	s := open(t, root)
	if err := os.Symlink(outside, filepath.Join(root, "c")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "c/o", chunktest.Bytes(nil), 0); err == nil {
		t.Error("written outside")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("written outside: %v", left)
	}
}

// A marked store can be opened only where its marker is. The marker is not an object.
func TestMarkedStore(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	s, err := dir.Create(root, "one")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	put(t, s, "c/o", 1)
	for key := range s.List(t.Context(), "") {
		if key != "c/o" {
			t.Errorf("listed %s", key)
		}
	}
	if err := s.Delete(t.Context(), marker.Name); err == nil {
		t.Error("the marker was deleted as an object")
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"another", ""} {
		if other, err := dir.OpenMarked(root, wrong); err == nil {
			_ = other.Close()
			t.Errorf("opened as %q", wrong)
		}
	}
	// The directory is missing, and then another one with the same objects is there, as
	// after a new mount.
	away := root + ".away"
	if err := os.Rename(root, away); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil {
		t.Error("a store that is not there is said to be")
	}
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil {
		t.Error("an empty directory is said to be the store")
	}
	if err := os.WriteFile(filepath.Join(root, marker.Name), []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	put(t, s, "c/new", 1)
	if _, err := os.Stat(filepath.Join(root, "c", "new")); err != nil {
		t.Errorf("written elsewhere: %v", err)
	}
}

// A file that is not regular is not an object, and opening it does not block.
func TestNotRegular(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	if err := os.Mkdir(filepath.Join(root, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "c", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "c", "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for key := range s.List(t.Context(), "") {
		t.Errorf("listed %s", key)
	}
	for _, key := range []string{"c/pipe", "c/socket", "c"} {
		if r, err := s.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v %v", key, r, err)
		}
	}
	open(t, root) // sweeps
}

// A store that another process opens does not lose the objects that are being written.
func TestPutWhileOthersOpen(t *testing.T) {
	root := t.TempDir()
	s := open(t, root)
	locktest.Beside(t, func() error {
		other, err := dir.Open(root)
		if err != nil {
			return err
		}
		return other.Close()
	})
	for i := range 3000 {
		body := func() (io.Reader, error) { return strings.NewReader("data"), nil }
		if err := s.Put(t.Context(), fmt.Sprintf("c/%d", i%10), body, 4); err != nil {
			t.Fatal(err)
		}
	}
}
