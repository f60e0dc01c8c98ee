package chunked

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"iter"

	"cindergate/internal/chunk"
)

// Content is what a restore of a backup would write, for readers that want it piece by
// piece. Each byte that it gives out has been verified like those of [Restore]. It is not
// safe for concurrent use.
type Content struct {
	store chunk.Store
	plan  *plan // its digests are closed
	tag   digest
	data  blockSet
}

// Open checks the last backup of chain, of size bytes, as far as possible without its data.
func Open(ctx context.Context, store chunk.Store, size int64, chain []Level) (*Content, error) {
	p, err := loadPlan(ctx, store, size, chain)
	if err != nil {
		return nil, err
	}
	defer p.digests.close()
	c := &Content{store: store, plan: p}
	sum := sha256.New()
	for _, n := range []int64{size, p.blockSize} {
		_ = binary.Write(sum, binary.BigEndian, n) // a hash never fails
	}
	hasher := newBlockHasher(p.blockSize, size)
	batch := make([]digest, digestBatch)
	for at := int64(0); at < p.blocks(); at += digestBatch {
		part := batch[:min(digestBatch, p.blocks()-at)]
		if err := p.digests.fill(part); err != nil {
			return nil, err
		}
		for i := range part {
			sum.Write(part[i][:])
		}
		c.data.add(part, at, hasher)
	}
	c.tag = digest(sum.Sum(nil))
	return c, nil
}

// Size returns the length of the content in bytes.
func (c *Content) Size() int64 { return c.plan.size }

// BlockSize returns the length of the blocks that have digests, in bytes.
func (c *Content) BlockSize() int64 { return c.plan.blockSize }

// Tag returns a digest of the content: of its length, its block size and the digests of all
// blocks. Equal content in blocks of another size has another tag.
func (c *Content) Tag() [sha256.Size]byte { return c.tag }

// Data yields the ranges [from, to) that are not known to be zeroes, in order and with gaps
// between them. A range begins and ends at blocks.
func (c *Content) Data() iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		n, blocks, size := int64(0), c.plan.blocks(), c.plan.blockSize
		for n < blocks {
			if !c.data.any(n, n+1) {
				n++
				continue
			}
			from := n
			for n < blocks && c.data.any(n, n+1) {
				n++
			}
			if !yield(from*size, min(n*size, c.plan.size)) {
				return
			}
		}
	}
}

// Copy writes the bytes [from, to) to w, in order. After an error, some of them may have been
// written.
func (c *Content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	if from >= to {
		return nil
	}
	p := *c.plan
	var err error
	if p.digests, err = openList(ctx, c.store, p.levels[len(p.levels)-1].Location); err != nil {
		return err
	}
	defer p.digests.close()
	r := newReader(c.store, &p, 1, &pipe{w: w, span: span{from, to}})
	defer r.close()
	return r.run(ctx, 1, p.windows(span{from, to}))
}

// windows returns the range of whole windows that covers a range and cuts no object at its
// beginning: an object that lies in several windows is read from its start.
func (p *plan) windows(s span) span {
	s = span{s.from / p.window * p.window, min((s.to+p.window-1)/p.window*p.window, p.size)}
	for moved := true; moved; {
		moved = false
		for _, level := range p.levels {
			for _, o := range level.objects {
				if o.offset < s.from && o.end() > s.from && !o.hole {
					s.from, moved = o.offset/p.window*p.window, true
				}
			}
		}
	}
	return s
}

// pipe is a sink that writes a part of the content to a stream. It must be given the content
// in order.
type pipe struct {
	span
	w io.Writer
}

func (t *pipe) write(p []byte, off int64) error {
	from, to := max(t.from, off), min(t.to, off+int64(len(p)))
	if from >= to {
		return nil
	}
	_, err := t.w.Write(p[from-off : to-off])
	return err
}

func (t *pipe) zero(ctx context.Context, s span) error {
	s = span{max(t.from, s.from), min(t.to, s.to)}
	for s.from < s.to {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(int64(len(zeroes)), s.to-s.from)
		if _, err := t.w.Write(zeroes[:n]); err != nil {
			return err
		}
		s.from += n
	}
	return nil
}
