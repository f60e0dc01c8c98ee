// Package filelock locks files against other processes, with flock(2). A lock ends with its process.
package filelock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another open file of this one, holds the lock.
var ErrLocked = errors.New("another process is using it")

// attempts bounds how often Lock tries. Lock tries again when another process has removed the file, or asks
// whether it is locked.
const attempts = 1000

// Lock opens the file at path, which it makes with this mode if there is none, and locks it until the
// file is closed. It returns ErrLocked if another process has locked it. The file that it returns is the
// one at path: Lock tries again if the file was removed or replaced before it was locked.
func Lock(path string, mode fs.FileMode) (*os.File, error) {
	for range attempts {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, mode)
		if err != nil {
			return nil, err
		}
		err = Try(f)
		if errors.Is(err, ErrLocked) && flock(f, unix.LOCK_SH|unix.LOCK_NB) == nil {
			_ = f.Close() // a call of Held has it, for a moment
			runtime.Gosched()
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		same, err := at(path, f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if same {
			return f, nil
		}
		_ = f.Close()
	}
	return nil, fmt.Errorf("lock %s: %w", path, ErrLocked)
}

// at reports whether f is the file at path.
func at(path string, f *os.File) (bool, error) {
	have, err := f.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(have, now), err
}

// Try locks an open file until it is closed. It returns ErrLocked at once if the file is locked. The file
// may have been removed before: see [Removed].
func Try(f *os.File) error {
	err := flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// Wait locks an open file until it is closed. It waits as long as the file is locked.
func Wait(f *os.File) error { return flock(f, unix.LOCK_EX) }

// Held reports whether a process has locked the file at path. It does not make a Lock fail.
func Held(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(flock(f, unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Removed reports whether an open file has no name any more.
func Removed(f *os.File) (bool, error) {
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	return st.Sys().(*syscall.Stat_t).Nlink == 0, nil
}

// flock calls flock(2), again if a signal interrupts it.
func flock(f *os.File, how int) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		for failed = unix.EINTR; errors.Is(failed, unix.EINTR); {
			failed = unix.Flock(int(fd), how) // #nosec G115 -- a descriptor
		}
	})
	return errors.Join(err, failed)
}
