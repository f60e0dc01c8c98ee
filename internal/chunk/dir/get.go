package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"cindergate/internal/direct"
)

// Get opens an object for sequential reading.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := check(key); err != nil {
		return nil, err
	}
	// O_NONBLOCK: opening a pipe in an object's place would wait forever.
	f, err := s.root.Load().OpenFile(key, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if missing(err) || errors.Is(err, syscall.ENXIO) {
		return nil, fmt.Errorf("dir: object %q: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("dir: object %q: %w", key, fs.ErrNotExist)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	r := &reader{ctx: ctx, file: f, from: f}
	if st.Size() >= directFrom {
		r.direct = direct.NewFile(f, false)
		r.from = r.direct
	}
	return r, nil
}

// reader reads an object sequentially. Large reads into aligned memory bypass the page
// cache.
type reader struct {
	ctx    context.Context
	file   *os.File
	direct *direct.File // nil: the object is small
	from   io.ReaderAt
	off    int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.from.ReadAt(p, r.off)
	r.off += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (r *reader) Close() error {
	if r.direct != nil {
		_ = r.direct.Close()
	}
	return r.file.Close()
}
