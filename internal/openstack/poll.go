package openstack

import (
	"context"
	"time"
)

// Until asks again and again, after every, whether something is done, until it is,
// fails, or ctx ends.
func Until(ctx context.Context, every time.Duration, done func(context.Context) (bool, error)) error {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
