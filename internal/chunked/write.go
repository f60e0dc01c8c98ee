package chunked

import (
	"bytes"
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
// volume is an [*os.File], Write skips its holes. If Write returns nil, the backup is
// complete and durable; otherwise the caller must remove the partial backup with [Delete].
// Unless ctx has ended, errors are or wrap [*Error].
func Write(ctx context.Context, store chunk.Store, volume io.ReaderAt, size int64, spec Spec) (Result, error) {
	spec, err := spec.withDefaults(size)
	if err != nil {
		return Result{}, err
	}
	w := &writer{store: store, spec: spec, size: size, digests: digestLog{dir: spec.SpillDir}}
	if spec.Parent != nil {
		w.parent, err = openParent(ctx, store, spec, size)
		if err != nil {
			return Result{}, err
		}
		defer w.parent.close()
	}
	w.source, err = newSource(volume, size)
	if err != nil {
		return Result{}, err
	}
	defer w.source.close()
	w.compressor, err = newCompressor(spec.Compression)
	if err != nil {
		return Result{}, wrap(err, "Compression failed.")
	}
	w.hasher = newBlockHasher(int(spec.BlockSize))
	w.md5 = newMD5Server()
	defer w.md5.close()
	raw, compressed := workers(spec.ChunkSize)
	w.raw = direct.NewPool(raw, int(spec.ChunkSize))
	defer w.raw.Close()
	w.compressed = direct.NewPool(compressed, int(spec.ChunkSize)+encodeSlack)
	defer w.compressed.Close()
	w.zero = newZeroObject(w)
	defer w.zero.close()
	defer w.digests.close()

	if err := w.data(ctx, raw); err != nil {
		return Result{}, err
	}
	if err := w.source.unchanged(); err != nil {
		return Result{}, err
	}
	if err := w.describe(ctx); err != nil {
		return Result{}, err
	}
	return Result{Objects: len(w.objects), StoredBytes: w.stored.Load(), ReadBytes: w.read.Load()}, nil
}

// openParent opens the parent's digests and checks that they suit this backup.
func openParent(ctx context.Context, store chunk.Store, spec Spec, size int64) (*digestReader, error) {
	parent, info, err := loadDigests(ctx, store, *spec.Parent)
	if err != nil {
		return nil, err
	}
	blocks := (size + spec.BlockSize - 1) / spec.BlockSize
	switch {
	case info.blockSize != spec.BlockSize:
		err = errorf("Hash block size has changed since the last backup. New hash block size: %d. Old hash block size: %d. Do a full backup.",
			spec.BlockSize, info.blockSize)
	case info.count < blocks:
		err = errorf("Volume size increased since the last backup. Do a full backup.")
	case info.count > blocks:
		err = errorf("Volume size decreased since the last backup. Do a full backup.")
	}
	if err != nil {
		parent.close()
		return nil, err
	}
	return parent, nil
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
	zero       *zeroObject

	// The collector fills these, in the order of the volume.
	objects []object
	digests digestLog

	stored, read atomic.Int64
}

// job is one chunk on its way through the workers.
type job struct {
	off, length int64
	base        []digest // the parent's digests; nil: full backup
	// Objects are numbered in the order of the volume. The number of objects in an
	// incremental chunk is known only after it has been hashed. So each chunk receives its
	// first number from the previous chunk, and sends the next free number to the following
	// one.
	number <-chan int
	next   chan<- int
	done   chan<- chunkResult
}

type chunkResult struct {
	objects []object
	digests []digest
}

// data writes all data objects. A dispatcher cuts the volume into chunks, workers process
// them, and a collector puts the results in order.
func (w *writer) data(ctx context.Context, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job)
	// The capacity limits how far workers get ahead of the slowest chunk.
	ordered := make(chan (<-chan chunkResult), 2*workers)
	group.Go(safely(func() error {
		defer close(jobs)
		defer close(ordered)
		return w.dispatch(ctx, jobs, ordered)
	}))
	for range min(int64(workers), (w.size+w.spec.ChunkSize-1)/w.spec.ChunkSize) {
		group.Go(safely(func() error {
			for j := range jobs {
				if err := w.chunk(ctx, j); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	group.Go(safely(func() error { return w.collect(ctx, ordered) }))
	return group.Wait()
}

func (w *writer) dispatch(ctx context.Context, jobs chan<- job, ordered chan<- (<-chan chunkResult)) error {
	number := make(chan int, 1)
	number <- 1
	for off := int64(0); off < w.size; off += w.spec.ChunkSize {
		next, done := make(chan int, 1), make(chan chunkResult, 1)
		j := job{off: off, length: min(w.spec.ChunkSize, w.size-off), number: number, next: next, done: done}
		number = next
		if w.parent != nil {
			j.base = make([]digest, (j.length+w.spec.BlockSize-1)/w.spec.BlockSize)
			if err := w.parent.fill(j.base); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ordered <- done:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case jobs <- j:
		}
	}
	return nil
}

func (w *writer) collect(ctx context.Context, ordered <-chan (<-chan chunkResult)) error {
	for done := range ordered {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-done:
			w.objects = append(w.objects, r.objects...)
			if err := w.digests.append(r.digests); err != nil {
				return err
			}
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
	if err := w.store.Put(ctx, w.spec.key(suffix), body, int64(len(stored))); err != nil {
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
