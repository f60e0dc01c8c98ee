package chunked

import (
	"context"
	"crypto/sha256"
	"io"
)

// DigestsSize returns the length of all digests in bytes, 32 for each block.
func (c *Content) DigestsSize() int64 { return c.plan.blocks() * sha256.Size }

// CopyDigests writes the bytes [from, to) of the digests of all blocks to w. They are those
// of the content, in order, 32 bytes each; only the last block may be short.
func (c *Content) CopyDigests(ctx context.Context, w io.Writer, from, to int64) error {
	d, err := openList(ctx, c.store, c.plan.levels[len(c.plan.levels)-1].Location)
	if err != nil {
		return err
	}
	defer d.close()
	batch := make([]digest, digestBatch)
	raw := make([]byte, 0, digestBatch*sha256.Size)
	at := from / sha256.Size
	if err := d.skip(at); err != nil {
		return err
	}
	for at*sha256.Size < to {
		part := batch[:min(digestBatch, c.plan.blocks()-at)]
		if err := d.fill(part); err != nil {
			return err
		}
		raw = raw[:0]
		for i := range part {
			raw = append(raw, part[i][:]...)
		}
		begin := at * sha256.Size
		if _, err := w.Write(raw[max(from-begin, 0):min(to-begin, int64(len(raw)))]); err != nil {
			return err
		}
		at += int64(len(part))
	}
	return nil
}
