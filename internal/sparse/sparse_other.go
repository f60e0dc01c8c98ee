//go:build !linux

package sparse

import (
	"errors"
	"io"
	"os"
)

// NextData returns the first range within [off, end) of f that is not a hole;
// (end, end) if there is none. Where the file system does not know, all is
// data. It moves f's file position.
func NextData(_ *os.File, off, end int64) (start, stop int64) { return off, end }

// Punch makes n bytes of f at off a hole, which reads as zeroes. The size of f
// stays. An error says that f may be as it was.
func Punch(*os.File, int64, int64) error { return errors.ErrUnsupported }

// Allocate gives f n bytes that take up room on the disk.
func Allocate(f *os.File, n int64) error {
	_, err := io.CopyN(f, zeroes{}, n)
	return err
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func reflink(_, _ *os.File) error { return errors.ErrUnsupported }

func copyRange(to, from *os.File, off, n int64) (int64, error) { return copyPlain(to, from, off, n) }
