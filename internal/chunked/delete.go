package chunked

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

// Delete removes every object of a backup, whole or not, which may be none. The
// metadata goes first: half-deleted is no backup. Deleting again finishes what
// an error interrupted.
//
// Only names of the format are removed, <prefix>-… and <prefix>_…, so that the
// prefix of one attempt may begin that of another.
func Delete(ctx context.Context, store chunk.Store, at Location) error {
	if err := at.check(); err != nil {
		return err
	}
	if err := store.Delete(ctx, at.key(metadataSuffix)); err != nil {
		return wrap(err, "Object %s could not be deleted from the backup store.", at.name(metadataSuffix))
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWorkers)
	var batch []string
	flush := func() {
		keys := batch
		batch = nil
		group.Go(safely(func() error {
			if err := store.Delete(gctx, keys...); err != nil {
				return wrap(err, "The objects of %s could not be deleted from the backup store.", at.Prefix)
			}
			return nil
		}))
	}
	for key, err := range store.List(gctx, at.key("")) {
		if err != nil {
			return firstError(group.Wait(), listError(err, at))
		}
		suffix := strings.TrimPrefix(key, at.key(""))
		if !strings.HasPrefix(suffix, "-") && !strings.HasPrefix(suffix, "_") {
			continue
		}
		if batch = append(batch, key); len(batch) == deleteBatch {
			flush()
		}
		if gctx.Err() != nil {
			break
		}
	}
	if len(batch) > 0 {
		flush()
	}
	return firstError(group.Wait(), ctx.Err())
}

// deleteBatch is how many objects are deleted at a time: a store makes each batch
// durable.
const deleteBatch = 256

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func listError(cause error, at Location) error {
	return wrap(cause, "The objects of %s could not be listed.", at.Prefix)
}
