// Package flight lets callers share work that all of them wait for.
package flight

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// Group shares the work of callers that ask for the same thing at the same time. The
// zero value is ready; it is safe for concurrent use.
type Group[T any] struct{ calls singleflight.Group }

// Do returns what work returns for key. A caller that comes while work runs waits for
// its result. Work goes on when the caller that began it leaves, for at most limit; each
// caller waits no longer than its ctx lives, and gets its error then.
func (g *Group[T]) Do(ctx context.Context, key string, limit time.Duration, work func(context.Context) (T, error)) (T, error) {
	result := g.calls.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		return work(ctx)
	})
	var none T
	select {
	case r := <-result:
		if r.Err != nil {
			return none, r.Err
		}
		value, _ := r.Val.(T)
		return value, nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
