package harness

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"syscall"

	"cindergate/internal/chunk"
)

// wrapStore lets faults strike a store of backups.
func (f *faults) wrapStore(s chunk.Store) chunk.Store {
	if b, ok := s.(chunk.Batcher); ok {
		return &batcher{faulty{s, f}, b}
	}
	return &faulty{s, f}
}

// faulty is a store whose operations fail as rules say.
type faulty struct {
	chunk.Store
	faults *faults
}

// fail returns the error of the rule that strikes an operation, nil if none does.
func (f *faulty) fail(op string, keys ...string) error {
	rule := f.faults.strike(func(r *Rule) bool {
		if r.Store == nil || r.Store.Op != op {
			return false
		}
		for _, key := range keys {
			if strings.Contains(key, r.Store.Key) {
				return true
			}
		}
		return false
	}, asked{})
	if rule == nil {
		return nil
	}
	err := error(syscall.EIO)
	switch rule.Store.Error {
	case "full":
		err = syscall.ENOSPC
	case "missing":
		err = fs.ErrNotExist
	}
	return fmt.Errorf("a fault of the harness: %w", err)
}

// Put implements chunk.Store.
func (f *faulty) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	if err := f.fail("put", key); err != nil {
		return err
	}
	return f.Store.Put(ctx, key, body, size)
}

// Get implements chunk.Store.
func (f *faulty) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := f.fail("get", key); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, key)
}

// Delete implements chunk.Store.
func (f *faulty) Delete(ctx context.Context, keys ...string) error {
	if err := f.fail("delete", keys...); err != nil {
		return err
	}
	return f.Store.Delete(ctx, keys...)
}

// List implements chunk.Store.
func (f *faulty) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if err := f.fail("list", prefix); err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return f.Store.List(ctx, prefix)
}

// batcher is a faulty store with batches.
type batcher struct {
	faulty
	of chunk.Batcher
}

// Batch implements chunk.Batcher.
func (b *batcher) Batch() chunk.Batch { return &batch{b.of.Batch(), &b.faulty} }

type batch struct {
	chunk.Batch
	store *faulty
}

// Put implements chunk.Batch.
func (b *batch) Put(ctx context.Context, key string, body chunk.Body, size int64) error {
	if err := b.store.fail("put", key); err != nil {
		return err
	}
	return b.Batch.Put(ctx, key, body, size)
}

var _ chunk.Batcher = (*batcher)(nil)
