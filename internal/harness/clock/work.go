package clock

import (
	"context"
	"sync"
)

// Work counts goroutines that work. It is safe for concurrent use; the zero value counts none.
type Work struct {
	mu    sync.Mutex
	count int
	quiet chan struct{} // closed once count is 0; nil: nobody waits
}

// Begin counts one more.
func (w *Work) Begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
}

// End counts one less.
func (w *Work) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count--
	if w.count <= 0 && w.quiet != nil {
		close(w.quiet)
		w.quiet = nil
	}
}

// Quiet waits until nothing works. It returns the error of ctx if that ends first.
func (w *Work) Quiet(ctx context.Context) error {
	for {
		w.mu.Lock()
		if w.count <= 0 {
			w.mu.Unlock()
			return ctx.Err()
		}
		if w.quiet == nil {
			w.quiet = make(chan struct{})
		}
		quiet := w.quiet
		w.mu.Unlock()
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
