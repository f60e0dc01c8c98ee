package chunked

import (
	"context"

	"cindergate/internal/chunk"
)

// Verify makes all checks of [Restore] without writing anything.
func Verify(ctx context.Context, store chunk.Store, size int64, chain []Level) error {
	_, err := restore(ctx, store, size, chain, func([]byte, int64) error { return nil })
	return err
}
