package driver

import (
	"context"
	"io"
	"iter"
)

// ContentReader gives out the content of backups. Cinder has no such operation.
type ContentReader interface {
	// OpenContent returns what a restore of a backup would write. Errors: NotFound;
	// InvalidState if the backup's status is neither available nor restoring, or if its data
	// is incomplete.
	OpenContent(ctx context.Context, caller Caller, backupID string) (Content, error)
}

// Content is the content of one backup.
type Content interface {
	// Size returns its length in bytes.
	Size() int64
	// Tag returns hexadecimal digits that differ if the content differs.
	Tag() string
	// Data yields the ranges [from, to) in bytes that are not known to be zeroes, in order.
	Data() iter.Seq2[int64, int64]
	// Copy writes the bytes [from, to) to w, in order, as far as they are intact.
	Copy(ctx context.Context, w io.Writer, from, to int64) error

	// ParentID is the backup that this one is incremental on; "" for a full one.
	ParentID() string
	// BlockSize returns the length of the blocks that have digests, in bytes. Only the last
	// one may be short.
	BlockSize() int64
	// DigestsSize is the length of the SHA-256 digests of all blocks, 32 bytes each.
	DigestsSize() int64
	// CopyDigests writes the bytes [from, to) of the digests to w.
	CopyDigests(ctx context.Context, w io.Writer, from, to int64) error
}
