package sparse

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// NextData returns the first range within [off, end) of f that is not a hole;
// (end, end) if there is none. Where the file system does not know, all is
// data. It moves f's file position.
func NextData(f *os.File, off, end int64) (start, stop int64) {
	start, stop = off, end
	_ = control(f, func(fd int) error {
		s, err := unix.Seek(fd, off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && s >= end {
			start = end
			return nil
		}
		if err == nil {
			start = s
		}
		if e, err := unix.Seek(fd, start, unix.SEEK_HOLE); err == nil && e > start {
			stop = min(e, end)
		}
		return nil
	})
	return start, stop
}

// Punch makes n bytes of f at off a hole, which reads as zeroes. The size of f
// stays. An error says that f may be as it was.
func Punch(f *os.File, off, n int64) error {
	return control(f, func(fd int) error {
		for {
			err := unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
}

// Allocate gives f n bytes that take up room on the disk.
func Allocate(f *os.File, n int64) error {
	return control(f, func(fd int) error {
		for {
			err := unix.Fallocate(fd, 0, 0, n)
			if !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
}

func reflink(to, from *os.File) error {
	return control(to, func(dst int) error {
		return control(from, func(src int) error { return unix.IoctlFileClone(dst, src) })
	})
}

// copyRange copies some of n bytes at off, within the kernel if it can.
func copyRange(to, from *os.File, off, n int64) (int64, error) {
	var done int
	err := control(to, func(dst int) error {
		return control(from, func(src int) (err error) {
			r, w := off, off
			done, err = unix.CopyFileRange(src, &r, dst, &w, int(n), 0)
			return err
		})
	})
	switch {
	case err == nil && done > 0:
		return int64(done), nil
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EIO):
		return 0, err
	}
	return copyPlain(to, from, off, n)
}

func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := c.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
