package core

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"cindergate/internal/sparse"
)

// reserveSize is the space reserved for the database, in bytes. It holds the log and pages
// of some thousand deletes.
const reserveSize = 8 << 20

// Reserve is a file that reserves disk space for the database. It is removed when the disk
// is full, because otherwise even deletes could not be stored. A nil Reserve reserves nothing.
type Reserve struct {
	path string
	mu   sync.Mutex
}

// NewReserve returns the reserve of a data directory. It does not create the file.
func NewReserve(dir string) *Reserve { return &Reserve{path: filepath.Join(dir, "reserve")} }

// Keep creates the file if it is missing. If the disk is full, it returns that error.
func (r *Reserve) Keep() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if st, err := os.Stat(r.path); err == nil && st.Size() == reserveSize {
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(sparse.Allocate(f, reserveSize), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	return nil
}

// RoomLeft returns an error if the disk has less free space than the reserve, or no free
// inode.
func (r *Reserve) RoomLeft() error {
	if r == nil {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(r.path), &fs); err != nil {
		return err
	}
	// File systems that do not count blocks or inodes report 0.
	if fs.Blocks > 0 && fs.Bavail*uint64(fs.Bsize) < reserveSize || fs.Files > 0 && fs.Ffree == 0 {
		return syscall.ENOSPC
	}
	return nil
}

// Release removes the file and reports whether there was one.
func (r *Reserve) Release() bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := os.Remove(r.path)
	return !errors.Is(err, fs.ErrNotExist) && err == nil
}
