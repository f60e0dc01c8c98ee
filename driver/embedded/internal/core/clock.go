package core

import (
	"context"
	"sync"
	"time"
)

// Work is told how many goroutines of the driver work, as opposed to waiting for the clock or for
// a job. Whoever moves a clock by hand learns from it when the driver has done all that was due.
type Work interface {
	Begin()
	End()
}

// NoWork is a [Work] that counts nothing.
type NoWork struct{}

// Begin implements Work.
func (NoWork) Begin() {}

// End implements Work.
func (NoWork) End() {}

// Bell wakes goroutines that wait in [Core.WaitFor]. A ring that nobody waits for is kept, up to
// the capacity of the bell.
type Bell struct {
	work  Work
	rings chan struct{}

	mu     sync.Mutex
	silent bool
}

// NewBell returns a bell that keeps at most capacity rings.
func (c *Core) NewBell(capacity int) *Bell {
	return &Bell{work: c.Work, rings: make(chan struct{}, capacity)}
}

// Ring wakes one goroutine. It counts as work until that goroutine waits again.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.silent {
		return
	}
	b.work.Begin()
	select {
	case b.rings <- struct{}{}:
	default:
		b.work.End()
	}
}

// Silence drops the rings that are kept, and all until [Bell.Wake]: nobody waits for them any more, so they
// would count as work for ever.
func (b *Bell) Silence() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silent = true
	for {
		select {
		case <-b.rings:
			b.work.End()
		default:
			return
		}
	}
}

// Wake ends a silence. Those who wait for the bell look for what they have missed before they wait.
func (b *Bell) Wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silent = false
}

// Wait waits until d has passed or ctx ends. Like [Core.WaitFor], it is for goroutines that count
// as work.
func (c *Core) Wait(ctx context.Context, d time.Duration) { c.WaitFor(ctx, d, nil) }

// WaitFor waits until d has passed, the bell rings, or ctx ends. bell may be nil. The calling
// goroutine must count as work, because it does not while it waits. The timer itself counts it
// again, so that there is no moment between the timer and the goroutine at which nothing works.
func (c *Core) WaitFor(ctx context.Context, d time.Duration, bell *Bell) {
	if d <= 0 || ctx.Err() != nil {
		return
	}
	var rings chan struct{}
	if bell != nil {
		rings = bell.rings
	}
	passed := make(chan struct{})
	timer := c.Clock.AfterFunc(d, func() { c.Work.Begin(); close(passed) })
	c.Work.End()
	select {
	case <-passed:
		return
	case <-rings: // the ring has begun the work
	case <-ctx.Done():
		c.Work.Begin()
	}
	if !timer.Stop() {
		<-passed
		c.Work.End()
	}
}
