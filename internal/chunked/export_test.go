package chunked

import (
	"context"

	"cindergate/internal/chunk"
)

// Verify makes all checks of [Restore] without writing anything.
func Verify(ctx context.Context, store chunk.Store, size int64, chain []Level) error {
	_, err := restore(ctx, store, size, chain, nowhere{})
	return err
}

type nowhere struct{}

func (nowhere) write([]byte, int64) error        { return nil }
func (nowhere) zero(context.Context, span) error { return nil }

// What the tests of long objects of zeroes need.
var (
	EncodeZeroes = encodeZeroes
	ZeroMD5      = zeroMD5
)
