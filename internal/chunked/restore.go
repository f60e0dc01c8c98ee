package chunked

import (
	"context"
	"os"

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
	restored, err := restore(ctx, store, size, chain, t.write)
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
	write   func(p []byte, off int64) error
}

// window is a range of the volume on its way through the workers.
type window struct {
	off, end int64
	parts    []part
	digests  []digest
}

// restore assembles and checks the content of the chain. It passes the content to write in
// pieces, in no particular order.
func restore(ctx context.Context, store chunk.Store, size int64, chain []Level, write func([]byte, int64) error) (Restored, error) {
	p, err := loadPlan(ctx, store, size, chain)
	if err != nil {
		return Restored{}, err
	}
	defer p.digests.close()
	raw, compressed := workers(p.window)
	r := &reader{
		plan: p, hasher: newBlockHasher(int(p.blockSize)), write: write,
		objects: objectReader{store: store, md5: newMD5Server(), scratch: direct.NewPool(compressed, int(p.window)+encodeSlack)},
		buffers: direct.NewPool(raw, int(p.window)),
	}
	defer r.buffers.Close()
	defer r.objects.scratch.Close()
	defer r.objects.decompressor.close()
	defer r.objects.md5.close()
	if err := r.run(ctx, raw); err != nil {
		return Restored{}, err
	}
	restored := Restored{Bytes: size}
	for _, level := range p.levels {
		restored.VolumeMeta = append(restored.VolumeMeta, level.volumeMeta)
	}
	return restored, nil
}

func (r *reader) run(ctx context.Context, workers int) error {
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
		return r.dispatch(ctx, c, windows)
	}))
	for range min(int64(workers), (r.plan.size+r.plan.window-1)/r.plan.window) {
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
func (r *reader) dispatch(ctx context.Context, c *cutter, windows chan<- window) error {
	p := r.plan
	for off := int64(0); off < p.size; off += p.window {
		w := window{off: off, end: min(off+p.window, p.size)}
		w.parts = c.cut(w.off, w.end)
		w.digests = make([]digest, (w.end-w.off+p.blockSize-1)/p.blockSize)
		if err := p.digests.fill(w.digests); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case windows <- w:
		}
	}
	return nil
}

// window assembles, checks and writes one window.
func (r *reader) window(ctx context.Context, w window) error {
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
		if p.straddler != nil {
			err = p.straddler.part(ctx, r.objects.store, p, dst)
		} else {
			err = r.objects.whole(ctx, r.plan.levels[p.level].Location, p.object, dst)
		}
		if err != nil {
			return err
		}
	}
	if err := r.check(w, buf); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.write(buf, w.off)
}

// check compares the digest of each block of a window.
func (r *reader) check(w window, buf []byte) error {
	size := int(r.plan.blockSize)
	for i, want := range w.digests {
		if r.hasher.sum(buf[i*size:min((i+1)*size, len(buf))]) != want {
			return errorf("The block at %d is not what was backed up.", w.off+int64(i*size))
		}
	}
	return nil
}
