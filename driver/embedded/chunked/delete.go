package chunked

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"cindergate/driver/embedded/chunk"
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
		return deleteError(err, at.name(metadataSuffix))
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWorkers)
	for key, err := range store.List(gctx, at.key("")) {
		if err != nil {
			return firstError(group.Wait(), listError(err, at))
		}
		suffix := strings.TrimPrefix(key, at.key(""))
		if !strings.HasPrefix(suffix, "-") && !strings.HasPrefix(suffix, "_") {
			continue
		}
		group.Go(func() error {
			if err := store.Delete(gctx, key); err != nil {
				return deleteError(err, at.name(suffix))
			}
			return nil
		})
		if gctx.Err() != nil {
			break
		}
	}
	return firstError(group.Wait(), ctx.Err())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteError(cause error, object string) error {
	return wrap(cause, "Object %s could not be deleted from the backup store.", object)
}

func listError(cause error, at Location) error {
	return wrap(cause, "The objects of %s could not be listed.", at.Prefix)
}
