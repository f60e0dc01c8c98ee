package flight

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A caller that comes while a run is under way waits for the next one, which all that come
// meanwhile share.
func TestNextBeginsAfterItsCallers(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	var runs atomic.Int64
	n := Next{Limit: time.Minute, Work: func(context.Context) error {
		if runs.Add(1) == 1 {
			close(began)
			<-release
		}
		return nil
	}}
	var all sync.WaitGroup
	call := func() {
		all.Go(func() {
			if err := n.Do(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	call()
	<-began
	const late = 50
	for range late {
		call()
	}
	for waiting := false; !waiting; { // until one of them waits
		n.mu.Lock()
		waiting = n.next != nil
		n.mu.Unlock()
	}
	close(release)
	all.Wait()
	if got := runs.Load(); got < 2 || got > 1+late {
		t.Errorf("%d runs", got)
	}
	before := runs.Load()
	if err := n.Do(t.Context()); err != nil || runs.Load() != before+1 {
		t.Errorf("%d runs for a caller that comes later, %v", runs.Load()-before, err)
	}
}

// All callers of a run get its error. One that leaves gets its own, and the run goes on.
func TestNextErrors(t *testing.T) {
	failure := errors.New("away")
	began, release := make(chan struct{}), make(chan struct{})
	n := Next{Limit: time.Minute, Work: func(ctx context.Context) error {
		close(began)
		<-release
		return errors.Join(failure, ctx.Err())
	}}
	ctx, leave := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	go func() { left <- n.Do(ctx) }()
	<-began
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	began = make(chan struct{})
	go func() { stayed <- n.Do(t.Context()) }()
	close(release)
	if err := <-stayed; !errors.Is(err, failure) || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
