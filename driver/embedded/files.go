package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"cindergate/internal/marker"
	"cindergate/internal/sparse"
)

// gib is the unit of a volume's size, in bytes.
const gib = 1 << 30

// bytes is the length of the file of a volume or snapshot.
func (d *Driver) bytes(size int) int64 { return int64(size) * d.o.unit }

// files is where volumes and snapshots are: one sparse file each. What a method
// does is on the disk when it returns nil: a row that promises it is committed
// afterwards.
type files struct {
	dir     string
	id      string      // of the installation, which markers in the directories name
	growing *sync.Mutex // held while a file's length is looked at and changed
}

// Directories below the data directory.
const (
	volumesDir   = "volumes"
	snapshotsDir = "snapshots"
)

func (f files) volume(id string) string   { return filepath.Join(f.dir, volumeFile(id)) }
func (f files) snapshot(id string) string { return filepath.Join(f.dir, snapshotFile(id)) }

// The names are relative, so that the data directory can be moved.
func volumeFile(id string) string   { return filepath.Join(volumesDir, "volume-"+id) }
func snapshotFile(id string) string { return filepath.Join(snapshotsDir, "snapshot-"+id) }

// directories are those that have a marker: each may be a mount of its own.
func (f files) directories() []string {
	return []string{f.dir, filepath.Join(f.dir, volumesDir), filepath.Join(f.dir, snapshotsDir)}
}

// create makes the directories and marks them.
func (f files) create() error {
	for _, dir := range f.directories() {
		if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := marker.Write(dir, f.id); err != nil {
			return err
		}
	}
	return marker.SyncDir(f.dir)
}

// check returns an error unless all directories are there and are the right ones.
// What is not mounted must neither be written nor be taken for deleted.
func (f files) check() error {
	for _, dir := range f.directories() {
		if err := marker.Check(dir, f.id); err != nil {
			return err
		}
	}
	return nil
}

// blank makes path a file of zeroes that takes up no space, in place of one that is
// there.
func (f files) blank(path string, bytes int64) error {
	if err := f.remove(path); err != nil {
		return err
	}
	return sparse.Create(path, bytes)
}

// remove deletes a file; one that is gone is no error.
func (f files) remove(path string) error {
	if err := f.check(); err != nil {
		return err
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, marker.SyncDir(filepath.Dir(path)))
}

// resize sets the length of a file.
func (f files) resize(path string, bytes int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(bytes), file.Sync(), file.Close())
}

// grow makes a file at least so long. It never cuts it: of two that want to make a file
// longer, the one that wants less may come last.
func (f files) grow(path string, bytes int64) error {
	f.growing.Lock()
	defer f.growing.Unlock()
	st, err := os.Stat(path)
	if err != nil || st.Size() >= bytes && st.Mode().IsRegular() {
		return err
	}
	return f.resize(path, bytes)
}

// replace gives a file the name of another, which it takes the place of.
func (f files) replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return marker.SyncDir(filepath.Dir(to))
}

// lockDir locks the directory against another process, until the file is closed.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("another process is using it: %w", err)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
