package chunked

import (
	"context"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
	"cindergate/internal/direct"
)

// Restore writes the last backup of chain to the first size bytes of volume. chain begins
// with the full backup; size is that of the last one, in bytes. Bytes of the volume beyond
// size stay unchanged. Each byte is written once, from the merged chain. Before that, the
// digest of its block is checked, and the MD5 of its object if the object lies in one
// window of a few MiB. If Restore returns nil, everything has been checked and is durable;
// otherwise the content of the volume is undefined. Unless ctx has ended, errors are or
// wrap [*Error].
//
// Zeroes are restored from their digests alone: objects that hold nothing else must be
// there, but are not read.
//
// Listing, metadata and digests are checked before the first write. If they are damaged,
// the volume stays unchanged.
func Restore(ctx context.Context, store chunk.Store, volume *os.File, size int64, chain []Level, o RestoreOptions) (Restored, error) {
	t, err := newTarget(volume, size, o.Sparse)
	if err != nil {
		return Restored{}, err
	}
	defer t.close()
	if !o.Sparse {
		// The first write destroys the volume's own data, so every check that is possible
		// in advance comes first.
		if err := checkDigestsOfParents(ctx, store, chain); err != nil {
			return Restored{}, err
		}
	}
	to := sink(t)
	if o.Progress != nil {
		to = &counted{sink: t, total: size, report: o.Progress}
	}
	restored, err := restore(ctx, store, size, chain, to)
	if err != nil {
		return Restored{}, err
	}
	return restored, t.finish()
}

// reader is the state of one running Restore.
type reader struct {
	plan    *plan
	objects objectReader
	hasher  *blockHasher
	buffers *direct.Pool
	to      sink
}

// sink takes the content of a volume.
type sink interface {
	write(p []byte, off int64) error
	// zero makes a range zeroes. It may be long.
	zero(ctx context.Context, s span) error
}

// counted is a sink that reports how much it has taken.
type counted struct {
	sink
	total  int64
	done   atomic.Int64
	report func(done, total int64) error
}

func (c *counted) write(p []byte, off int64) error {
	if err := c.sink.write(p, off); err != nil {
		return err
	}
	return c.report(c.done.Add(int64(len(p))), c.total)
}

func (c *counted) zero(ctx context.Context, s span) error {
	if err := c.sink.zero(ctx, s); err != nil {
		return err
	}
	return c.report(c.done.Add(s.length()), c.total)
}

// window is a range of the volume on its way through the workers.
type window struct {
	off, end int64
	parts    []part
	digests  []digest // nil: zeroes
}

// maxZeroes is the longest range of zeroes that one worker writes at a time, in bytes.
const maxZeroes = 1 << 30

// restore assembles and checks the content of the chain. It passes the content on in
// pieces, in no particular order.
func restore(ctx context.Context, store chunk.Store, size int64, chain []Level, to sink) (Restored, error) {
	p, err := loadPlan(ctx, store, size, chain)
	if err != nil {
		return Restored{}, err
	}
	defer p.digests.close()
	workers, _ := workers(p.window)
	r := newReader(store, p, workers, to)
	defer r.close()
	if err := r.run(ctx, workers, span{0, p.size}); err != nil {
		return Restored{}, err
	}
	restored := Restored{Bytes: size}
	for _, level := range p.levels {
		restored.VolumeMeta = append(restored.VolumeMeta, level.volumeMeta)
	}
	return restored, nil
}

// newReader returns a reader for a number of workers. Its caller closes it.
func newReader(store chunk.Store, p *plan, most int, to sink) *reader {
	_, compressed := workers(p.window)
	return &reader{
		plan: p, hasher: newBlockHasher(p.blockSize, p.size), to: to,
		objects: objectReader{store: store, md5: newMD5Server(), scratch: direct.NewPool(min(compressed, most), int(p.window)+encodeSlack)},
		buffers: direct.NewPool(most, int(p.window)),
	}
}

func (r *reader) close() {
	r.objects.md5.close()
	r.objects.decompressor.close()
	r.objects.scratch.Close()
	r.buffers.Close()
}

// run passes on the windows in a range, which begins and ends with windows. With one worker
// they are passed on in order.
func (r *reader) run(ctx context.Context, workers int, within span) error {
	c := newCutter(r.plan)
	defer func() {
		for _, s := range c.all {
			s.close()
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	windows := make(chan window)
	group.Go(safely(func() error {
		defer close(windows)
		return r.dispatch(ctx, c, within, windows)
	}))
	for range min(int64(workers), (within.length()+r.plan.window-1)/r.plan.window) {
		group.Go(safely(func() error {
			for w := range windows {
				if err := r.window(ctx, w); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return group.Wait()
}

// dispatch sends the windows to the workers in order. So the first window in progress never
// waits for its turn at a straddler.
func (r *reader) dispatch(ctx context.Context, c *cutter, within span, windows chan<- window) error {
	p := r.plan
	send := func(w window) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case windows <- w:
			return nil
		}
	}
	if err := p.digests.skip(within.from / p.blockSize); err != nil {
		return err
	}
	hole := window{off: within.from, end: within.from}
	for off := within.from; off < within.to; off += p.window {
		w := window{off: off, end: min(off+p.window, p.size)}
		w.parts = c.cut(w.off, w.end)
		w.digests = make([]digest, (w.end-w.off+p.blockSize-1)/p.blockSize)
		if err := p.digests.fill(w.digests); err != nil {
			return err
		}
		zeroes := r.allZeroes(w)
		if zeroes {
			hole.end = w.end
			if hole.end-hole.off < maxZeroes && w.end < within.to {
				continue
			}
		}
		if hole.off < hole.end {
			if err := send(hole); err != nil {
				return err
			}
		}
		hole = window{off: w.end, end: w.end}
		if zeroes {
			continue
		}
		if err := send(w); err != nil {
			return err
		}
	}
	return nil
}

// allZeroes reports whether all blocks of a window are zeroes, so that nothing needs to be
// read for it.
func (r *reader) allZeroes(w window) bool {
	for i, d := range w.digests {
		if d != r.hasher.zeroBlock(w.off/r.plan.blockSize+int64(i)) {
			return false
		}
	}
	// The parts of an object that lies in several windows are read in order.
	return !slices.ContainsFunc(w.parts, func(p part) bool { return p.straddler != nil })
}

// window assembles, checks and writes one window.
func (r *reader) window(ctx context.Context, w window) error {
	if w.digests == nil {
		return r.to.zero(ctx, span{w.off, w.end})
	}
	buf, err := r.buffers.Get(ctx)
	if err != nil {
		return err
	}
	defer r.buffers.Put(buf)
	buf = buf[:w.end-w.off]
	// Lowest level first, so that later levels overwrite it.
	for _, p := range w.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := p.object.offset + p.from - w.off
		dst := buf[at : at+p.to-p.from]
		switch {
		case p.object.hole:
			r.clear(w, buf, span{at, at + p.to - p.from})
		case p.straddler != nil:
			err = p.straddler.part(ctx, r.objects.store, p, dst)
		default:
			err = r.objects.whole(ctx, r.plan.levels[p.level].Location, p.object, dst)
		}
		if err != nil {
			return err
		}
	}
	return r.writeWindow(ctx, w, buf)
}

// clear clears the range of a window's buffer, as far as it is in blocks that hold data. The
// other blocks are never looked at.
func (r *reader) clear(w window, buf []byte, s span) {
	for n := (w.off + s.from) / r.plan.blockSize; ; n++ {
		block := r.hasher.block(n)
		from, to := max(block.from-w.off, s.from), min(block.to-w.off, s.to)
		if from >= to {
			return
		}
		if w.digests[n-w.off/r.plan.blockSize] != r.hasher.zeroBlock(n) {
			clear(buf[from:to])
		}
	}
}

// writeWindow checks the blocks of a window that hold data, and writes them and the zeroes
// between them.
func (r *reader) writeWindow(ctx context.Context, w window, buf []byte) error {
	first := w.off / r.plan.blockSize
	isHole := func(i int) bool { return w.digests[i] == r.hasher.zeroBlock(first+int64(i)) }
	for i, want := range w.digests {
		block := r.hasher.block(first + int64(i))
		if !isHole(i) && r.hasher.sum(buf[block.from-w.off:block.to-w.off]) != want {
			return errorf("The block at %d is not what was backed up.", block.from)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := 0; i < len(w.digests); {
		hole, s := isHole(i), r.hasher.block(first+int64(i))
		for i++; i < len(w.digests) && isHole(i) == hole; i++ {
			s.to = r.hasher.block(first + int64(i)).to
		}
		var err error
		if hole {
			err = r.to.zero(ctx, s)
		} else {
			err = r.to.write(buf[s.from-w.off:s.to-w.off], s.from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
