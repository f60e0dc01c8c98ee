package chunked

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

// listing is how the names in a store differ from those in the metadata.
type listing struct {
	missing  map[string]struct{} // suffixes that the metadata lists and the store does not
	unlisted map[string]struct{} // suffixes that the store lists and the metadata does not
}

// equal reports whether both have the same names.
func (l listing) equal() bool { return len(l.missing)+len(l.unlisted) == 0 }

// maxUnlisted bounds the names that are kept of objects that the metadata does not list.
const maxUnlisted = 1000

// list compares the store's names with those of the metadata.
func list(ctx context.Context, store chunk.Store, at Location, objects []object) (listing, error) {
	l := listing{missing: make(map[string]struct{}, len(objects)), unlisted: map[string]struct{}{}}
	for _, o := range objects {
		l.missing[o.suffix] = struct{}{}
	}
	if len(l.missing) != len(objects) {
		return l, errorf("Object %s lists an object twice.", at.name(metadataSuffix))
	}
	prefix := at.key("")
	for key, err := range store.List(ctx, prefix) {
		if err != nil {
			return l, listError(err, at)
		}
		suffix := strings.TrimPrefix(key, prefix)
		if strings.HasSuffix(suffix, metadataSuffix) || strings.HasSuffix(suffix, digestsSuffix) {
			continue
		}
		if _, ok := l.missing[suffix]; ok {
			delete(l.missing, suffix)
		} else if len(l.unlisted) < maxUnlisted {
			l.unlisted[suffix] = struct{}{}
		}
	}
	return l, nil
}

// checkListing checks that the store has exactly the objects that the metadata lists, as
// Cinder does (chunkeddriver.py restore). Where listings may lag, the metadata is trusted
// more than they: what differs is listed again later, and then asked for one by one.
func checkListing(ctx context.Context, store chunk.Store, at Location, objects []object) error {
	l, err := list(ctx, store, at, objects)
	if err != nil {
		return err
	}
	lagging, ok := store.(chunk.Lagging)
	if ok && !l.equal() {
		timer := time.NewTimer(lagging.ListingLag())
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if l, err = list(ctx, store, at, objects); err != nil {
			return err
		}
		if err := l.ask(ctx, store, at); err != nil {
			return err
		}
	}
	const aborted = "restore_backup aborted, actual object list does not match object list stored in metadata."
	for suffix := range l.unlisted {
		return errorf(aborted+" Object %.200s is not listed.", at.name(suffix))
	}
	for suffix := range l.missing {
		return errorf(aborted+" Object %s is missing.", at.name(suffix))
	}
	return nil
}

// ask removes from the listing what the objects themselves prove wrong. It stops at the
// first object that proves it right.
func (l listing) ask(ctx context.Context, store chunk.Store, at Location) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWorkers)
	var mu sync.Mutex
	var proven bool
	for _, q := range l.questions() {
		group.Go(safely(func() error {
			mu.Lock()
			done := proven
			mu.Unlock()
			if done {
				return nil
			}
			exists, err := chunk.Exists(ctx, store, at.key(q.suffix))
			if err != nil {
				return getError(err, at.name(q.suffix))
			}
			mu.Lock()
			defer mu.Unlock()
			if exists != q.listed {
				delete(q.about, q.suffix)
			} else {
				proven = true
				clear(l.missing) // the others may exist
				clear(l.unlisted)
				q.about[q.suffix] = struct{}{}
			}
			return nil
		}))
	}
	return group.Wait()
}

// question asks whether the listing is right about an object.
type question struct {
	about  map[string]struct{}
	suffix string
	listed bool
}

func (l listing) questions() (all []question) {
	for suffix := range l.missing {
		all = append(all, question{l.missing, suffix, false})
	}
	for suffix := range l.unlisted {
		all = append(all, question{l.unlisted, suffix, true})
	}
	return all
}
