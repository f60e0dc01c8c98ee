package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"cindergate/driver/embedded/sparse"
)

// gib is the unit of a volume's size, in bytes.
const gib = 1 << 30

// bytes is the length of the file of a volume or snapshot.
func (d *Driver) bytes(size int) int64 { return int64(size) * d.o.unit }

// files is where volumes and snapshots are: one sparse file each.
type files struct{ dir string }

func (f files) volume(id string) string   { return filepath.Join(f.dir, volumeFile(id)) }
func (f files) snapshot(id string) string { return filepath.Join(f.dir, snapshotFile(id)) }

// The names are relative, so that the data directory can be moved.
func volumeFile(id string) string   { return filepath.Join("volumes", "volume-"+id) }
func snapshotFile(id string) string { return filepath.Join("snapshots", "snapshot-"+id) }

func (f files) init() error {
	for _, sub := range []string{"volumes", "snapshots"} {
		if err := os.Mkdir(filepath.Join(f.dir, sub), 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// blank makes path a file of zeroes that takes up no space, in place of
// one that is there.
func blank(path string, bytes int64) error {
	if err := remove(path); err != nil {
		return err
	}
	return sparse.Create(path, bytes)
}

// remove deletes a file; one that is gone is no error.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
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
