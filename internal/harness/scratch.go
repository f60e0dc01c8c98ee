package harness

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"cindergate/internal/filelock"
)

// ScratchDir is a directory in memory if there is one with room, because a test must not wait for
// a disk; otherwise it is the system's directory for temporary files.
func ScratchDir() string {
	const memory = "/dev/shm"
	var fs unix.Statfs_t
	if err := unix.Statfs(memory, &fs); err != nil || int64(fs.Bavail)*fs.Bsize < 256<<20 || unix.Access(memory, unix.W_OK) != nil {
		return os.TempDir()
	}
	return memory
}

// scratchPrefix begins the names of the directories of Environments.
const scratchPrefix = "cindergate-harness-"

// lockFile is a file in such a directory that its process has locked.
const lockFile = "lock"

// makeScratch makes a directory and locks it. Its lock file has its name only once it is locked, so that
// sweep, in any process, leaves the directory alone from its beginning.
func makeScratch(below string) (dir string, lock *os.File, err error) {
	if dir, err = os.MkdirTemp(below, scratchPrefix); err != nil {
		return "", nil, err
	}
	path := filepath.Join(dir, lockFile)
	if lock, err = filelock.Lock(path+".new", 0o600); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err = os.Rename(path+".new", path); err != nil {
		return "", nil, errors.Join(err, lock.Close(), os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// sweepOnce has each process look once.
var sweepOnce sync.Once

// sweep removes the directories of processes that have died: nobody holds the lock in them. A
// directory without a lock file is not touched.
func sweep(below string) {
	dirs, _ := filepath.Glob(filepath.Join(below, scratchPrefix+"*")) // fails for a bad pattern only
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if filelock.Try(lock) == nil {
			_ = os.RemoveAll(dir) // what is left is swept another time
		}
		_ = lock.Close()
	}
}
