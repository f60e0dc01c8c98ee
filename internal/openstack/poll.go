package openstack

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
)

// Until calls done at once, and again after every pause, until done reports true or fails,
// or ctx ends. It returns the error of done or of ctx.
func Until(ctx context.Context, clock clockwork.Clock, pause time.Duration, done func(context.Context) (bool, error)) error {
	again := clock.NewTicker(pause)
	defer again.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-again.Chan():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
