package object

import (
	"context"
	"errors"
	"io"
	"time"

	"cindergate/internal/chunk"
)

// reader reads an object. If the connection breaks, it opens the object again at the byte
// where it was, as long as it is the same object.
type reader struct {
	store           *Store
	ctx             context.Context
	container, name string

	body  io.ReadCloser
	watch *watch
	off   int64
	size  int64
	etag  string
}

// open opens the object at the current byte.
func (r *reader) open() error {
	r.close()
	s := r.store
	err := s.try(r.ctx, "get", r.container, func(ctx context.Context) error {
		watched, w := s.watch(ctx)
		body, size, etag, err := s.client.Get(watched, r.container, r.name, r.off, r.etag)
		if err != nil {
			w.stop()
			return w.explain(err)
		}
		w.pause()
		r.body, r.watch, r.size, r.etag = body, w, size, etag
		return nil
	})
	return s.explain("get", r.container, err)
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	patience := chunk.Patience(r.ctx, r.store.o.Patience)
	began, pause := time.Now(), r.store.o.Pause
	for r.off < r.size {
		r.watch.progress()
		n, err := r.body.Read(p[:min(int64(len(p)), r.size-r.off)])
		r.watch.pause()
		if r.off += int64(n); n > 0 {
			return n, nil
		}
		if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err = r.watch.explain(err); time.Since(began) >= patience {
			return 0, r.store.explain("get", r.container, &Error{Kind: Transient, Text: reasonOf(err), Err: err})
		}
		if err := sleep(r.ctx, pause); err != nil {
			return 0, err
		}
		if err := r.store.budget.Wait(r.ctx); err != nil {
			return 0, err
		}
		pause = min(2*pause, r.store.o.MaxPause)
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// Close ends the download.
func (r *reader) Close() error {
	r.close()
	return nil
}

func (r *reader) close() {
	if r.body == nil {
		return
	}
	if r.off == r.size {
		// The connection can be used again once its body has been read to the end.
		r.watch.progress()
		_, _ = io.CopyN(io.Discard, r.body, 1)
	}
	_ = r.body.Close()
	r.watch.stop()
	r.body = nil
}
