package chunked

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"cindergate/internal/direct"
	"cindergate/internal/sparse"
)

// granule is the least number of zeroes that is worth punching a hole for, in bytes.
const granule = 32 << 10

// directFrom is the size, in bytes, from which it is faster to go around the page cache. Of
// smaller pieces the kernel makes larger ones before it allocates blocks for them.
const directFrom = 256 << 10

// target is the volume to restore to.
type target struct {
	file    *os.File
	d       *direct.File
	sparse  bool // the file is new and holds only zeroes
	noPunch atomic.Bool
}

func newTarget(volume *os.File, size int64, sparse bool) (*target, error) {
	end, err := volume.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, wrap(err, "The volume cannot be written.")
	}
	if end < size {
		return nil, errorf("The volume has %d bytes, fewer than the backup's %d.", end, size)
	}
	return &target{file: volume, d: direct.NewFile(volume, true), sparse: sparse}, nil
}

// write writes p at off. It punches holes for zeroes.
func (t *target) write(p []byte, off int64) error {
	for len(p) > 0 {
		n, zero := stretch(p)
		var err error
		if zero {
			err = t.punch(span{off, off + int64(n)})
			if errors.Is(err, errors.ErrUnsupported) {
				zero = false
			}
		}
		if !zero {
			to := io.WriterAt(t.d)
			if n < directFrom {
				to = t.file
			}
			_, err = to.WriteAt(p[:n], off)
		}
		if err != nil {
			return writeError(err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// stretch returns the length of the longest prefix of p that consists either only of
// granules of zeroes, or only of other granules.
func stretch(p []byte) (n int, zero bool) {
	for n < len(p) {
		g := min(granule, len(p)-n)
		z := isZero(p[n : n+g])
		if n > 0 && z != zero {
			return n, zero
		}
		zero = z
		n += g
	}
	return n, zero
}

// zero makes a range zeroes. Where no hole can be punched, it writes them, but not into what
// is a hole already.
func (t *target) zero(ctx context.Context, s span) error {
	err := t.punch(s)
	if !errors.Is(err, errors.ErrUnsupported) {
		return writeError(err)
	}
	for s.from < s.to {
		start, stop := sparse.NextData(t.file, s.from, s.to)
		for s.from = start; s.from < stop; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := t.d.WriteAt(zeroes[:min(int64(len(zeroes)), stop-s.from)], s.from)
			if err != nil {
				return writeError(err)
			}
			s.from += int64(n)
		}
		s.from = stop
	}
	return nil
}

// punch makes a range a hole. If the file system has no holes, the error is
// [errors.ErrUnsupported].
func (t *target) punch(s span) error {
	if t.sparse {
		return nil
	}
	if !t.noPunch.Load() {
		err := sparse.Punch(t.file, s.from, s.length())
		if err == nil || errors.Is(err, syscall.ENOSPC) {
			return err
		}
		t.noPunch.Store(true)
	}
	return errors.ErrUnsupported
}

// finish makes the volume durable.
func (t *target) finish() error {
	if err := t.file.Sync(); err != nil {
		return writeError(err)
	}
	return nil
}

func (t *target) close() { _ = t.d.Close() }

func writeError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return wrap(err, "No space left for the volume.")
	}
	return wrap(err, "The volume could not be written.")
}
