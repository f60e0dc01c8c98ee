package core

import (
	"context"
	"time"
)

// Wait waits until d has passed or ctx ends.
func (c *Core) Wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-c.Clock.After(d):
	}
}
