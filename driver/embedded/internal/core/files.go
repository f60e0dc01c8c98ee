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

// Files are the files of volumes and snapshots: one sparse file each. When a method returns
// nil, its effect is durable, so a row may rely on it.
type Files struct {
	Dir     string
	ID      string      // of the installation, as in the markers of the directories
	growing *sync.Mutex // held while a file's length is read and changed
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

// Upload returns the path of the file of an upload, by the id of its backup.
func (f Files) Upload(backupID string) string {
	return filepath.Join(f.Dir, VolumesDir, UploadPrefix+backupID)
}

// UploadPrefix begins the names of the files of uploads, which lie beside the volumes.
const UploadPrefix = "upload-"

// Snapshot returns the path of a snapshot's file.
func (f Files) Snapshot(id string) string { return filepath.Join(f.Dir, SnapshotFile(id)) }

// VolumeFile returns the path of a volume's file relative to the data directory, so that
// the directory can be moved.
func VolumeFile(id string) string { return filepath.Join(VolumesDir, "volume-"+id) }

// SnapshotFile returns the path of a snapshot's file relative to the data directory.
func SnapshotFile(id string) string { return filepath.Join(SnapshotsDir, "snapshot-"+id) }

// Directories returns the directories with a marker. Each may be a mount of its own.
func (f Files) Directories() []string {
	return []string{f.Dir, filepath.Join(f.Dir, VolumesDir), filepath.Join(f.Dir, SnapshotsDir)}
}

// Create creates the directories and marks them.
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

// Check returns an error unless all directories exist and have the right marker. A
// directory that is not mounted must not be written to, and its missing files must not
// count as deleted.
func (f Files) Check() error {
	for _, dir := range f.Directories() {
		if err := marker.Check(dir, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// CreateBlank creates a file of zeroes at path that takes no disk space. It replaces an
// existing file.
func (f Files) CreateBlank(path string, bytes int64) error {
	if err := f.Remove(path); err != nil {
		return err
	}
	return sparse.Create(path, bytes)
}

// Remove deletes a file. A missing file is no error.
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

// Grow extends a file to at least bytes. It never shortens the file, because the smaller of
// two extends of a volume may come last.
func (f Files) Grow(path string, bytes int64) error {
	f.growing.Lock()
	defer f.growing.Unlock()
	st, err := os.Stat(path)
	if err != nil || st.Size() >= bytes && st.Mode().IsRegular() {
		return err
	}
	return f.Resize(path, bytes)
}

// Replace durably renames a file and replaces an existing one.
func (f Files) Replace(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return marker.SyncDir(filepath.Dir(to))
}

// LockDir locks the directory against other processes until the returned file is closed.
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

// Clone copies the file src to dst. It replaces what an earlier attempt has left there.
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

// IsFile reports whether a regular file is at path. If that cannot be determined, it
// returns true, because the file may exist.
func IsFile(path string) bool {
	st, err := os.Lstat(path)
	return err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && st.Mode().IsRegular()
}

// MissingFile is the reason why a volume or snapshot without a file cannot be used.
const MissingFile = "The file of the volume or snapshot is missing."

// LostFound is the directory for files without a row.
const LostFound = "lost+found"
