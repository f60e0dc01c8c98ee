package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cindergate/driver"
	"cindergate/internal/filelock"
	"cindergate/internal/marker"
	"cindergate/internal/meta"
	"cindergate/internal/sparse"
)

// Files are the files of volumes and snapshots: one sparse file each. When a method returns
// nil, its effect is durable, so a row may rely on it.
type Files struct {
	Dir string
	ID  string // of the installation, as in the markers of the directories
}

// NewFiles returns the files below a data directory. ID is set once it is known.
func NewFiles(dir string) Files { return Files{Dir: dir} }

// Directories below the data directory.
const (
	VolumesDir   = "volumes"
	SnapshotsDir = "snapshots"
)

// Path returns the path of a file whose path relative to the data directory is given. Rows
// have relative paths, so that the directory can be moved.
func (f Files) Path(relative string) string { return filepath.Join(f.Dir, relative) }

// Volume returns the path of the file that holds a volume's data.
func (f Files) Volume(v *meta.Volume) string { return f.Path(VolumeFile(v)) }

// Upload returns the path of the file of an upload, by the id of its backup.
func (f Files) Upload(backupID string) string {
	return filepath.Join(f.Dir, VolumesDir, UploadPrefix+backupID)
}

// UploadPrefix begins the names of the files of uploads, which lie beside the volumes.
const UploadPrefix = "upload-"

// Snapshot returns the path of the file that holds a snapshot's data.
func (f Files) Snapshot(s *meta.Snapshot) string { return f.Path(SnapshotFile(s)) }

// VolumePrefix and SnapshotPrefix begin the names of the files of volumes and snapshots.
// The id follows, and after a dot the attempt that wrote the file; see [Output].
const (
	VolumePrefix   = "volume-"
	SnapshotPrefix = "snapshot-"
)

// VolumeName returns the name of the file that holds a volume's data.
func VolumeName(v *meta.Volume) string { return cmp.Or(v.File, VolumePrefix+v.ID) }

// VolumeFile returns the path of the file that holds a volume's data, relative to the data
// directory.
func VolumeFile(v *meta.Volume) string { return filepath.Join(VolumesDir, VolumeName(v)) }

// SnapshotName returns the name of the file that holds a snapshot's data.
func SnapshotName(s *meta.Snapshot) string { return cmp.Or(s.File, SnapshotPrefix+s.ID) }

// SnapshotFile returns the path of the file that holds a snapshot's data, relative to the
// data directory.
func SnapshotFile(s *meta.Snapshot) string { return filepath.Join(SnapshotsDir, SnapshotName(s)) }

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

// NotMounted reports whether err says that a directory is not there, or is not the
// installation's.
func NotMounted(err error) bool { return errors.As(err, new(*marker.Missing)) }

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
// two extends of a volume may come last. Other processes may extend the file at the same time.
func (f Files) Grow(path string, bytes int64) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }() // which ends the lock
	if err := filelock.Wait(file); err != nil {
		return err
	}
	st, err := file.Stat()
	if err != nil || st.Size() >= bytes {
		return err
	}
	return errors.Join(file.Truncate(bytes), file.Sync())
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
	return filelock.Lock(filepath.Join(dir, "lock"), 0o640)
}

// Clone copies the file src to dst. It replaces an existing file, so no row may name dst. report is told
// of the progress, as in [sparse.Clone].
func (f Files) Clone(ctx context.Context, dst, src string, report func(done, total int64) error) error {
	if err := f.Remove(dst); err != nil {
		return err
	}
	return missing(sparse.Clone(ctx, dst, src, report))
}

// CopyTail copies the bytes from off to the end of the file src to the same place in dst,
// which must exist and hold zeroes there.
func (f Files) CopyTail(ctx context.Context, dst, src string, off int64) error {
	return missing(sparse.CopyTail(ctx, dst, src, off))
}

// missing says in the words of users that a file was not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return Because(err, MissingFile)
	}
	return err
}

// Place moves a volume's file, which no row names, to where a row without a file name
// expects it. It replaces nothing.
func (f Files) Place(from, id string) error {
	relative := VolumeFile(&meta.Volume{Volume: driver.Volume{ID: id}})
	to := f.Path(relative)
	if from == to {
		return nil
	}
	if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("%s is there already", relative))
	}
	return f.Replace(from, to)
}

// IsFile reports whether a regular file is at path. If that cannot be determined, it
// returns true, because the file may exist.
func IsFile(path string) bool {
	st, err := os.Lstat(path)
	return err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && st.Mode().IsRegular()
}

// DataKept follows the reason of a failure that has left a volume's data as it was.
const DataKept = " The volume has the data that it had before."

// MissingFile is the reason why a volume or snapshot without a file cannot be used.
const MissingFile = "The file of the volume or snapshot is missing."

// LostFound is the directory for files without a row.
const LostFound = "lost+found"
