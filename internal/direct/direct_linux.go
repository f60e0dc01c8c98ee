package direct

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// reopen opens f's file again with O_DIRECT, nil if that cannot be.
func reopen(f *os.File, write bool) *os.File {
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	var d *os.File
	// By descriptor, not by name: the name may be another file by now.
	if err := control(f, func(fd int) {
		d, _ = os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), flags|unix.O_DIRECT, 0)
	}); err != nil {
		return nil
	}
	return d
}

func refused(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

// readCached reads what the page cache holds of p's range, from its start up
// to the first page that is missing.
func readCached(f *os.File, p []byte, off int64) int {
	done := 0
	_ = control(f, func(fd int) {
		for done < len(p) {
			n, err := unix.Preadv2(fd, [][]byte{p[done:]}, off+int64(done), unix.RWF_NOWAIT)
			if err != nil || n <= 0 {
				return
			}
			done += n
		}
	})
	return done
}

// Sequential tells the kernel that f is read from front to back.
func Sequential(f *os.File) {
	_ = control(f, func(fd int) { _ = unix.Fadvise(fd, 0, 0, unix.FADV_SEQUENTIAL) })
}

func control(f *os.File, do func(fd int)) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return c.Control(func(fd uintptr) { do(int(fd)) })
}
