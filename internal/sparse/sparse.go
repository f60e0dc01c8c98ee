// Package sparse makes and copies files with holes, which is what volumes and
// snapshots are.
package sparse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileMode is Cinder's for volume files: nobody else reads a volume.
const fileMode = 0o600

// Create makes a file of size bytes that holds nothing but a hole. It is on
// the disk when Create returns. An existing file is an error.
func Create(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = finish(f, err) }()
	return f.Truncate(size)
}

// Clone makes dst a copy of src: by reference where the file system can, else
// the data without the holes. It is on the disk when Clone returns; an existing
// dst is an error, and a failed Clone leaves none. report, which may be nil, is called when done
// of total bytes are copied; its error ends the copy.
func Clone(ctx context.Context, dst, src string, report func(done, total int64) error) (err error) {
	from, err := os.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = finish(to, err) }()
	if reflink(to, from) == nil {
		return nil
	}
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if err := to.Truncate(st.Size()); err != nil {
		return err
	}
	return copyData(ctx, to, from, 0, st.Size(), report)
}

// CopyTail copies the bytes of src from off to the end of the shorter file to the same place
// in dst, without the holes. dst must exist, and hold zeroes there. The copy is on the disk
// when CopyTail returns.
func CopyTail(ctx context.Context, dst, src string, off int64) (err error) {
	from, err := os.Open(src)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(dst, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	has, err1 := from.Stat()
	takes, err2 := to.Stat()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := copyData(ctx, to, from, off, min(has.Size(), takes.Size()), nil); err != nil {
		return err
	}
	return to.Sync()
}

// Zero makes n bytes of f at off zeroes: a hole, or where the file system has none, written
// zeroes. What is a hole already stays one.
func Zero(ctx context.Context, f *os.File, off, n int64) error {
	for end := off + n; off < end; {
		start, stop := NextData(f, off, end)
		if start >= stop {
			return nil
		}
		err := Punch(f, start, stop-start)
		if errors.Is(err, errors.ErrUnsupported) {
			err = writeZeroes(ctx, f, start, stop)
		}
		if err != nil {
			return err
		}
		off = stop
	}
	return nil
}

func writeZeroes(ctx context.Context, f *os.File, off, end int64) error {
	var zeroes [64 << 10]byte
	for off < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.WriteAt(zeroes[:min(int64(len(zeroes)), end-off)], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// finish makes f durable and closes it, or removes it if there is an error.
func finish(f *os.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// piece is how much is copied between two looks at the context, in bytes.
const piece = 16 << 20

// copyData copies the range [off, size). report may be nil.
func copyData(ctx context.Context, to, from *os.File, off, size int64, report func(done, total int64) error) error {
	for off < size {
		start, stop := NextData(from, off, size)
		for off = start; off < stop; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := copyRange(to, from, off, min(piece, stop-off))
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("sparse: file shrank while it was copied: %w", io.ErrUnexpectedEOF)
			}
			off += n
			if report != nil {
				if err := report(off, size); err != nil {
					return err
				}
			}
		}
		off = stop
	}
	return nil
}

// copyPlain copies through memory.
func copyPlain(to, from *os.File, off, n int64) (int64, error) {
	return io.Copy(io.NewOffsetWriter(to, off), io.NewSectionReader(from, off, n))
}
