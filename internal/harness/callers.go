package harness

import (
	"context"
	"sync"
	"time"
)

// patience is how long a change of the whole cloud waits for requests before it cancels them.
const patience = 2 * time.Second

// callers are the requests and the moves of the clock that run. The zero value is ready for use.
type callers struct {
	mu     sync.Mutex
	serial uint64
	cancel map[uint64]context.CancelFunc
	left   chan struct{} // closed when a change begins to wait; nil: none has asked
}

// leavingKey is the key of the channel that [hurried] returns.
type leavingKey struct{}

// enter records a request. It ends with the context. end must be called when it has ended.
func (c *callers) enter(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == nil {
		c.left = make(chan struct{})
	}
	if c.cancel == nil {
		c.cancel = map[uint64]context.CancelFunc{}
	}
	c.serial++
	id := c.serial
	c.cancel[id] = cancel
	return context.WithValue(ctx, leavingKey{}, c.left), func() {
		cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.cancel, id)
	}
}

// hurried returns a channel that is closed when the request should end soon.
func hurried(ctx context.Context) <-chan struct{} {
	left, _ := ctx.Value(leavingKey{}).(chan struct{})
	return left
}

// leave asks the requests that run to end, and cancels them after a while. Requests that come
// later wait. done must be called after the change.
func (c *callers) leave() (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left != nil {
		close(c.left)
		c.left = nil
	}
	last := c.serial
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for id, cancel := range c.cancel {
			if id <= last {
				cancel()
			}
		}
	})
	return func() { timer.Stop() }
}
