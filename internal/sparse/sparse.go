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
// dst is an error, and a failed Clone leaves none.
func Clone(ctx context.Context, dst, src string) (err error) {
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
	return copyData(ctx, to, from, st.Size())
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

func copyData(ctx context.Context, to, from *os.File, size int64) error {
	for off := int64(0); off < size; {
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
		}
		off = stop
	}
	return nil
}

// copyPlain copies through memory.
func copyPlain(to, from *os.File, off, n int64) (int64, error) {
	return io.Copy(io.NewOffsetWriter(to, off), io.NewSectionReader(from, off, n))
}
