package chunked

import (
	"context"
	"time"

	"cindergate/internal/chunk"
)

// Lock keeps all objects of a backup from being deleted until a time, and returns how many there are.
func Lock(ctx context.Context, store chunk.Locker, at Location, until time.Time) (int, error) {
	if err := at.check(); err != nil {
		return 0, err
	}
	all := 0
	for _, names := range []string{"-", "_"} { // as [Delete]
		n, err := store.Lock(ctx, at.key(names), until)
		if err != nil {
			return 0, wrap(err, "The objects of %s could not be locked in the backup store.", at.Prefix)
		}
		all += n
	}
	return all, nil
}
