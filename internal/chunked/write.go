package chunked

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cindergate/internal/chunk"
	"cindergate/internal/direct"
)

// Limits of a running backup or restore. Each worker needs memory for one chunk.
const (
	maxWorkers  = 16        // number of MD5 lanes, see md5Server
	rawMemory   = 128 << 20 // bytes of volume in memory
	otherMemory = 32 << 20  // bytes of compressed objects in memory
)

// workers returns how many chunks of that size may be in progress, and how many of them in
// compressed form.
func workers(chunkSize int64) (raw, compressed int) {
	return int(min(max(rawMemory/chunkSize, 2), maxWorkers)), int(min(max(otherMemory/chunkSize, 1), maxWorkers))
}

// Write backs up the first size bytes of volume. Nobody may change the volume meanwhile. If
// volume is an [*os.File], Write neither reads nor hashes its holes. If Write returns nil, the backup is
// complete and durable; otherwise the caller must remove the partial backup with [Delete].
// Unless ctx has ended, errors are or wrap [*Error].
func Write(ctx context.Context, store chunk.Store, volume io.ReaderAt, size int64, spec Spec) (Result, error) {
	if err := spec.check(size); err != nil {
		return Result{}, err
	}
	source, err := newSource(volume, size)
	if err != nil {
		return Result{}, err
	}
	defer source.close()
	w := &writer{store: store, size: size, source: source, digests: digestLog{dir: spec.SpillDir}}
	if spec.Parent != nil {
		if w.parent, spec.BlockSize, err = openParent(ctx, store, spec, size); err != nil {
			return Result{}, err
		}
		defer w.parent.close()
	}
	if spec.BlockSize == 0 {
		spec.BlockSize = source.chooseBlockSize()
	}
	if w.spec, err = spec.withDefaults(); err != nil {
		return Result{}, err
	}
	if err := w.spec.checkChanged(size); err != nil {
		return Result{}, err
	}
	return w.run(ctx)
}

func (w *writer) run(ctx context.Context) (Result, error) {
	spec := w.spec
	var err error
	w.compressor, err = newCompressor(spec.Compression)
	if err != nil {
		return Result{}, wrap(err, "Compression failed.")
	}
	w.hasher = newBlockHasher(spec.BlockSize, w.size)
	w.md5 = newMD5Server()
	defer w.md5.close()
	raw, compressed := workers(spec.ChunkSize)
	w.raw = direct.NewPool(raw, int(spec.ChunkSize))
	defer w.raw.Close()
	w.compressed = direct.NewPool(compressed, int(spec.ChunkSize)+encodeSlack)
	defer w.compressed.Close()
	defer w.digests.close()

	if err := w.writeData(ctx, raw); err != nil {
		return Result{}, err
	}
	if err := w.source.unchanged(); err != nil {
		return Result{}, err
	}
	if err := w.describe(ctx); err != nil {
		return Result{}, err
	}
	return Result{Objects: len(w.objects), StoredBytes: w.stored.Load(), DataBytes: dataBytes(w.objects), ReadBytes: w.read.Load()}, nil
}

// openParent opens the parent's digests and checks that they suit this backup. It returns
// the block size, which is the parent's unless the spec has one.
func openParent(ctx context.Context, store chunk.Store, spec Spec, size int64) (*digestReader, int64, error) {
	parent, info, err := loadDigests(ctx, store, *spec.Parent, size)
	if err != nil {
		return nil, 0, err
	}
	block := cmp.Or(spec.BlockSize, info.blockSize)
	blocks := (size-1)/block + 1
	err = info.check(*spec.Parent)
	switch {
	case err != nil:
	case info.blockSize != block:
		err = errorf("Hash block size has changed since the last backup. New hash block size: %d. Old hash block size: %d. Do a full backup.",
			block, info.blockSize)
	case info.count < blocks:
		err = errorf("Volume size increased since the last backup. Do a full backup.")
	case info.count > blocks:
		err = errorf("Volume size decreased since the last backup. Do a full backup.")
	}
	if err != nil {
		parent.close()
		return nil, 0, err
	}
	return parent, block, nil
}

// writer is the state of one running Write.
type writer struct {
	store      chunk.Store
	spec       Spec
	size       int64
	source     *source
	parent     *digestReader // nil: full backup
	compressor *compressor
	hasher     *blockHasher
	md5        *md5Server
	raw        *direct.Pool
	compressed *direct.Pool
	batch      chunk.Batch // nil: the store has none

	// The collector fills these, in the order of the volume.
	objects []object
	digests digestLog

	stored, read atomic.Int64
}

// writeData writes all data objects. They are durable when it returns nil.
func (w *writer) writeData(ctx context.Context, workers int) error {
	batcher, ok := w.store.(chunk.Batcher)
	if !ok {
		return w.runJobs(ctx, workers)
	}
	w.batch = batcher.Batch()
	defer w.batch.Close() // what is left has not been flushed, and an error says so
	if err := w.runJobs(ctx, workers); err != nil {
		return err
	}
	if err := w.batch.Flush(ctx); err != nil {
		return putError(err, w.spec.name(""))
	}
	return nil
}

// runJobs does all jobs. A dispatcher cuts the volume into jobs, workers process them, and
// a collector puts the results in order.
func (w *writer) runJobs(ctx context.Context, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	// The capacity limits how far workers get ahead of the slowest chunk.
	ordered := make(chan (<-chan result), 2*workers)
	group.Go(safely(func() error {
		defer close(jobs)
		defer close(ordered)
		return w.dispatch(ctx, jobs, ordered)
	}))
	for range workers {
		group.Go(safely(func() error {
			for j := range jobs {
				if err := w.do(ctx, j); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	group.Go(safely(func() error { return w.collect(ctx, ordered) }))
	return group.Wait()
}

func (w *writer) collect(ctx context.Context, ordered <-chan (<-chan result)) error {
	for done := range ordered {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-done:
			w.objects = append(w.objects, r.objects...)
			if len(w.objects) > maxObjects {
				return errorf("The backup has more than %d objects, and could not be restored. Do a full backup.", maxObjects)
			}
			if err := w.keep(r); err != nil {
				return err
			}
			if w.spec.Progress != nil {
				if err := w.spec.Progress(r.blocks.to, w.size); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// keep appends a result's digests to the log.
func (w *writer) keep(r result) error {
	if r.digests != nil {
		return w.digests.append(r.digests)
	}
	var batch [digestBatch]digest
	end := (r.blocks.to + w.spec.BlockSize - 1) / w.spec.BlockSize
	for n := r.blocks.from / w.spec.BlockSize; n < end; {
		k := 0
		for ; k < len(batch) && n < end; k++ {
			batch[k] = w.hasher.zeroBlock(n)
			n++
		}
		if err := w.digests.append(batch[:k]); err != nil {
			return err
		}
	}
	return nil
}

// describe writes the two objects that describe the data objects. It writes the metadata
// last, because without it the backup does not exist.
func (w *writer) describe(ctx context.Context) error {
	err := w.putText(ctx, digestsSuffix, func() io.Reader { return digestsText(w.spec, w.digests.reader()) })
	if err != nil {
		return err
	}
	return w.putText(ctx, metadataSuffix, func() io.Reader { return metadataText(w.spec, w.objects) })
}

// putText stores an object whose length is not known in advance. It generates the text once
// to count its length, and again to send it.
func (w *writer) putText(ctx context.Context, suffix string, text func() io.Reader) error {
	size, err := io.Copy(io.Discard, text())
	if err != nil {
		return wrap(err, "Temporary data could not be read.")
	}
	body := func() (io.Reader, error) { return text(), nil }
	if err := w.store.Put(ctx, w.spec.key(suffix), body, size); err != nil {
		return putError(err, w.spec.name(suffix))
	}
	return nil
}

// putBytes stores one data object.
func (w *writer) putBytes(ctx context.Context, suffix string, stored []byte) error {
	body := func() (io.Reader, error) { return bytes.NewReader(stored), nil }
	put := w.store.Put
	if w.batch != nil {
		put = w.batch.Put
	}
	if err := put(ctx, w.spec.key(suffix), body, int64(len(stored))); err != nil {
		return putError(err, w.spec.name(suffix))
	}
	w.stored.Add(int64(len(stored)))
	return nil
}

// dataSuffix returns the part of the n-th data object's name after the prefix
// (chunkeddriver.py _backup_chunk).
func dataSuffix(n int) string {
	return fmt.Sprintf("-%05d", n)
}
