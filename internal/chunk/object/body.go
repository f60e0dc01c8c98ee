package object

import (
	"context"
	"crypto/md5" // #nosec G501 -- what the services compare
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"cindergate/internal/chunk"
)

// digest reads a body and returns its MD5. It returns an error unless the body has size
// bytes.
func digest(ctx context.Context, body chunk.Body, size int64) (sum [md5.Size]byte, err error) {
	r, err := body()
	if err != nil {
		return sum, err
	}
	h := md5.New() // #nosec G401 -- what the services compare
	w := &counter{w: h, left: size, ctx: ctx}
	if from, ok := r.(io.WriterTo); ok {
		_, err = from.WriteTo(w)
	} else {
		_, err = io.Copy(w, r)
	}
	if err == nil && w.left != 0 {
		err = fmt.Errorf("object: it ended %d bytes early: %w", w.left, io.ErrUnexpectedEOF)
	}
	return [md5.Size]byte(h.Sum(nil)), err
}

// counter passes on at most left bytes.
type counter struct {
	w    io.Writer
	left int64
	ctx  context.Context
}

func (c *counter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, errors.New("object: it is longer than announced")
	}
	return c.w.Write(p)
}

// sending is a body that is being sent. It can be sent again from its start. A transport may
// read it after its request has ended, until [sending.end].
type sending struct {
	progress func()

	mu    sync.Mutex
	open  chunk.Body
	r     io.Reader
	err   error // of the body itself, not of the connection
	ended bool
}

var errEnded = errors.New("object: the request has ended")

func (b *sending) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return 0, errEnded
	}
	b.progress()
	if b.r == nil {
		if b.r, b.err = b.open(); b.err != nil {
			return 0, b.err
		}
	}
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Seek goes back to the start, which is the only place that a body can be sent from.
func (b *sending) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, errors.New("object: a body can only be sent from its start")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r = nil
	return 0, nil
}

// end makes later reads fail, so that the memory of the body can be used for something
// else. It returns the error of the body itself.
func (b *sending) end() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	return b.err
}

// errStalled ends a request whose bytes do not move.
var errStalled = errors.New("no byte moved for too long")

// watch ends a request if progress is not called for the time of a stall.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	d      time.Duration
	mu     sync.Mutex
	timer  *time.Timer
}

func (s *Store) watch(ctx context.Context) (context.Context, *watch) {
	w := &watch{d: s.o.Stall}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(w.d, func() { w.cancel(errStalled) })
	return w.ctx, w
}

func (w *watch) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Reset(w.d)
	}
}

// pause stops the clock while nobody waits for the service.
func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	w.timer.Stop()
	w.timer = nil
	w.mu.Unlock()
	w.cancel(nil)
}

// explain returns errStalled, not the cancellation that it caused.
func (w *watch) explain(err error) error {
	if err != nil && errors.Is(context.Cause(w.ctx), errStalled) {
		return &Error{Kind: Transient, Text: reasonOf(errStalled), Err: errStalled}
	}
	return err
}
