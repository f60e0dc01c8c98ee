package chunked

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"iter"
	"os"

	"cindergate/internal/chunk"
)

// Content is what a restore of a backup would write, for readers that want it piece by
// piece. Each byte that it gives out has been verified like those of [Restore].
type Content struct {
	store chunk.Store
	plan  *plan // its digests are closed
	tag   digest
	data  blockSet
	kept  io.ReaderAt // the digests of all blocks; nil: they are read from the store
}

// Open checks the last backup of chain, of size bytes, as far as possible without its data.
func Open(ctx context.Context, store chunk.Store, size int64, chain []Level) (*Content, error) {
	return open(ctx, store, size, chain, nil)
}

// OpenKept is [Open] for a content that is read in many pieces: it keeps the digests of all
// blocks in f, 32 bytes each from its beginning, so that no piece reads them from the store
// again. f must stay as it is while the content is used.
func OpenKept(ctx context.Context, store chunk.Store, size int64, chain []Level, f *os.File) (*Content, error) {
	w := bufio.NewWriterSize(f, 1<<20)
	c, err := open(ctx, store, size, chain, w)
	if err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, wrap(err, "No room for temporary data.")
	}
	c.kept = f
	c.plan.window = c.plan.seekable()
	return c, nil
}

func open(ctx context.Context, store chunk.Store, size int64, chain []Level, keep io.Writer) (*Content, error) {
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
			if keep == nil {
				continue
			}
			if _, err := keep.Write(part[i][:]); err != nil {
				return nil, wrap(err, "No room for temporary data.")
			}
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

// Grid returns the length of the first object of the full backup, and so of most objects: a
// read that begins at a multiple of it reads no object in vain.
func (c *Content) Grid() int64 { return c.plan.first }

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
// written. It may be called concurrently.
func (c *Content) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	if from >= to {
		return nil
	}
	p := *c.plan
	if c.kept != nil {
		p.digests = &keptDigests{r: c.kept}
	} else {
		d, err := openList(ctx, c.store, p.levels[len(p.levels)-1].Location)
		if err != nil {
			return err
		}
		p.digests = d
	}
	defer p.digests.close()
	r := newReader(c.store, &p, 1, &pipe{w: w, span: span{from, to}})
	defer r.close()
	return r.run(ctx, 1, p.windows(span{from, to}))
}

// keptDigests reads digests from a file.
type keptDigests struct {
	r   io.ReaderAt
	off int64
}

func (k *keptDigests) fill(to []digest) error {
	raw := make([]byte, len(to)*sha256.Size)
	if _, err := k.r.ReadAt(raw, k.off); err != nil {
		return wrap(err, "Temporary data could not be read.")
	}
	for i := range to {
		copy(to[i][:], raw[i*sha256.Size:])
	}
	k.off += int64(len(raw))
	return nil
}

func (k *keptDigests) skip(n int64) error {
	k.off += n * sha256.Size
	return nil
}

func (k *keptDigests) close() {}

// seekable returns a window that divides the first object, so that a read which begins with
// an object does not begin in the middle of the one before.
func (p *plan) seekable() int64 {
	blocks := p.first / p.blockSize
	if p.first%p.blockSize != 0 || blocks == 0 {
		return p.window
	}
	for n := min(windowSize/p.blockSize, blocks); n > 0; n-- {
		if blocks%n == 0 && n*p.blockSize >= windowSize/8 {
			return n * p.blockSize
		}
	}
	return p.window
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
