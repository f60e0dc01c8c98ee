package chunked

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
)

// Delete removes every object of a backup, even of an incomplete one. It is no error if
// there are none. It removes the metadata first, so that a half-deleted backup does not
// exist as a backup. After an error, another Delete removes the rest.
//
// Delete removes only names of the format, <prefix>-… and <prefix>_…, because the prefix of
// one attempt may be the beginning of another's.
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

// deleteBatch is how many objects are deleted at a time. A store makes each batch durable.
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
	return wrap(storeFailure{cause}, "The objects of %s could not be listed.", at.Prefix)
}
