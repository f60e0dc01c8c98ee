package flight

import (
	"context"
	"sync"
	"time"
)

// Next lets callers share runs of the same work, each of which begins after its callers came.
// So its result includes all that had happened before they called. Runs do not overlap.
type Next struct {
	Limit time.Duration // of one run
	Work  func(context.Context) error

	mu      sync.Mutex
	next    *round // that has not begun yet
	running bool
}

type round struct {
	done chan struct{}
	err  error
}

// Do returns the error of the next run that begins, or ctx's if that ends first.
func (n *Next) Do(ctx context.Context) error {
	n.mu.Lock()
	if n.next == nil {
		n.next = &round{done: make(chan struct{})}
	}
	own := n.next
	if !n.running {
		n.running = true
		go n.run() //nolint:gosec // a run is for all that wait, so it outlives the caller that began it
	}
	n.mu.Unlock()
	select {
	case <-own.done:
		return own.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run runs until nobody waits.
func (n *Next) run() {
	for {
		n.mu.Lock()
		own := n.next
		n.next = nil
		n.running = own != nil
		n.mu.Unlock()
		if own == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), n.Limit)
		own.err = n.Work(ctx)
		cancel()
		close(own.done)
	}
}
