package dir

import (
	"context"
	"errors"
	"sync"

	"cindergate/internal/chunk"
)

// batch collects objects that have been written, and publishes them together: the sync of
// a small file costs several times what its other system calls do, but many syncs at once
// cost little more than one.
type batch struct {
	s *Store

	mu      sync.Mutex
	pending []temporary
}

var _ chunk.Batcher = (*Store)(nil)

// Batch implements [chunk.Batcher].
func (s *Store) Batch() chunk.Batch { return &batch{s: s} }

// Put implements [chunk.Batch]. It publishes the objects of the batch when there are enough
// of them, or when the store has as many open files as it may have.
func (b *batch) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	t, err := b.s.write(ctx, key, body, size)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.pending = append(b.pending, t)
	var full []temporary
	select {
	case b.s.waiting <- struct{}{}:
		if len(b.pending) >= cap(b.s.waiting)/2 {
			full, b.pending = b.pending, nil
		}
	default:
		// t has no place among the waiting, so it is published with those of this batch.
		full, b.pending = b.pending, nil
		b.mu.Unlock()
		return b.publish(ctx, full, len(full)-1)
	}
	b.mu.Unlock()
	return b.publish(ctx, full, len(full))
}

// publish publishes objects, of which some hold a place in the store's waiting.
func (b *batch) publish(ctx context.Context, ts []temporary, places int) error {
	defer func() {
		for range places {
			<-b.s.waiting
		}
	}()
	if len(ts) == 0 {
		return nil
	}
	return b.s.publish(ctx, ts)
}

func (b *batch) take() []temporary {
	b.mu.Lock()
	defer b.mu.Unlock()
	ts := b.pending
	b.pending = nil
	return ts
}

// Flush implements [chunk.Batch]. The caller's own calls of Put have returned.
func (b *batch) Flush(ctx context.Context) error {
	ts := b.take()
	return b.publish(ctx, ts, len(ts))
}

// Close implements [chunk.Batch].
func (b *batch) Close() error {
	var errs []error
	for _, t := range b.take() {
		errs = append(errs, b.s.discard(t))
		<-b.s.waiting
	}
	return errors.Join(errs...)
}
