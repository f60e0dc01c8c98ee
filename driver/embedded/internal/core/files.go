package core

import (
	"context"
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

// Files is where volumes and snapshots are: one sparse file each. When a method returns nil,
// what it did is durable, so that a row that says so can be committed.
type Files struct {
	Dir     string
	ID      string      // of the installation, which markers in the directories name
	growing *sync.Mutex // held while a file's length is looked at and changed
}

// NewFiles returns the files below a data directory. ID is set once it is known.
func NewFiles(dir string) Files { return Files{Dir: dir, growing: new(sync.Mutex)} }

// Directories below the data directory.
const (
	VolumesDir   = "volumes"
	SnapshotsDir = "snapshots"
)

// Volume returns the path of a volume's file.
func (f Files) Volume(id string) string { return filepath.Join(f.Dir, VolumeFile(id)) }

// Snapshot returns the path of a snapshot's file.
func (f Files) Snapshot(id string) string { return filepath.Join(f.Dir, SnapshotFile(id)) }

// VolumeFile returns the name of a volume's file, relative to the data directory: that
// can be moved.
func VolumeFile(id string) string { return filepath.Join(VolumesDir, "volume-"+id) }

// SnapshotFile returns the name of a snapshot's file, as VolumeFile does.
func SnapshotFile(id string) string { return filepath.Join(SnapshotsDir, "snapshot-"+id) }

// Directories returns the directories with a marker. Each may be a mount of its own.
func (f Files) Directories() []string {
	return []string{f.Dir, filepath.Join(f.Dir, VolumesDir), filepath.Join(f.Dir, SnapshotsDir)}
}

// Create makes the directories and marks them.
func (f Files) Create() error {
	for _, dir := range f.Directories() {
		if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := marker.Write(dir, f.ID); err != nil {
			return err
		}
	}
	return marker.SyncDir(f.Dir)
}

// Check returns an error unless all directories are there and are the right ones.
// A directory that is not mounted must not be written to, and its files are not deleted.
func (f Files) Check() error {
	for _, dir := range f.Directories() {
		if err := marker.Check(dir, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// CreateBlank makes path a file of zeroes that takes up no space, in place of one that is
// there.
func (f Files) CreateBlank(path string, bytes int64) error {
	if err := f.Remove(path); err != nil {
		return err
	}
	return sparse.Create(path, bytes)
}

// Remove deletes a file; one that is gone is no error.
func (f Files) Remove(path string) error {
	if err := f.Check(); err != nil {
		return err
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, marker.SyncDir(filepath.Dir(path)))
}

// Resize sets the length of a file.
func (f Files) Resize(path string, bytes int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(bytes), file.Sync(), file.Close())
}

// Grow makes a file at least so long, in bytes. It never makes it shorter: of two extends
// of a volume, the smaller may come last.
func (f Files) Grow(path string, bytes int64) error {
	f.growing.Lock()
	defer f.growing.Unlock()
	st, err := os.Stat(path)
	if err != nil || st.Size() >= bytes && st.Mode().IsRegular() {
		return err
	}
	return f.Resize(path, bytes)
}

// Replace gives a file the name of another, which it takes the place of.
func (f Files) Replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return marker.SyncDir(filepath.Dir(to))
}

// LockDir locks the directory against another process, until the file is closed.
func LockDir(dir string) (*os.File, error) {
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

// Clone copies a file, in place of what an earlier attempt has left.
func (f Files) Clone(ctx context.Context, dst, src string) error {
	if err := f.Remove(dst); err != nil {
		return err
	}
	err := sparse.Clone(ctx, dst, src)
	if errors.Is(err, fs.ErrNotExist) {
		return Because(err, "The file of the volume or snapshot is missing.")
	}
	return err
}

// RestoreLost moves a volume's file from lost+found to its place.
func (f Files) RestoreLost(id string) error {
	to := f.Volume(id)
	if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s is there already", VolumeFile(id)))
	}
	return f.Replace(filepath.Join(f.Dir, LostFound, filepath.Base(to)), to)
}

// IsFile tells whether a regular file is at path. Only an answer that it is not
// counts as no: a file that cannot be looked at may well be there.
func IsFile(path string) bool {
	st, err := os.Lstat(path)
	return err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && st.Mode().IsRegular()
}

// MissingFile is why a volume or snapshot cannot be used.
const MissingFile = "The file of the volume or snapshot is missing."

// LostFound is where files without a row go.
const LostFound = "lost+found"
