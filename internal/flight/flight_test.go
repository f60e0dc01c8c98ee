package flight

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// The work goes on for those who wait when the first caller leaves.
func TestTheFirstCallerMayLeave(t *testing.T) {
	var g Group[int]
	var runs atomic.Int32
	began, release := make(chan struct{}), make(chan struct{})
	work := func(ctx context.Context) (int, error) {
		runs.Add(1)
		close(began)
		select {
		case <-release:
			return 7, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	var got int
	go func() {
		_, err := g.Do(ctx, "k", time.Minute, work)
		first <- err
	}()
	<-began
	go func() {
		var err error
		got, err = g.Do(t.Context(), "k", time.Minute, func(context.Context) (int, error) { runs.Add(1); return 7, nil })
		second <- err
	}()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller got %v", err)
	}
	close(release)
	if err := <-second; err != nil || got != 7 {
		t.Errorf("the second caller got %d, %v", got, err)
	}
}

func TestWorkIsBounded(t *testing.T) {
	var g Group[int]
	_, err := g.Do(t.Context(), "k", time.Millisecond, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
