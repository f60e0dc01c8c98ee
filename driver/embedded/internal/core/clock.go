package core

import (
	"context"
	"time"
)

// Clock is the time of a driver: that of rows, leases and waits. A test has a clock of its
// own.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives the time once, when d has passed.
	After(d time.Duration) <-chan time.Time
}

// Wait waits until d has passed or ctx ends.
func (c *Core) Wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-c.Clock.After(d):
	}
}
