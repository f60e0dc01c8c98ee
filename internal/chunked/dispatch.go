package chunked

import (
	"context"
	"iter"
)

// job is a range of the volume on its way through the workers.
type job struct {
	// blocks are whole blocks whose digests belong to the job. There may be none.
	blocks span
	// data are the ranges of blocks to read, in order; the rest of them is zeroes.
	data []span
	// pieces become the objects of a full backup, in order. Those of a hole may lie outside
	// of blocks: a hole is one object, though its first and last bytes share blocks with data.
	pieces []piece
	base   []digest // of blocks in the parent; nil: full backup

	// Objects are numbered in the order of the volume. The number of objects in an
	// incremental job is known only after it has been hashed. So each job receives its
	// first number from the previous one, and sends the next free number to the following
	// one.
	number <-chan int
	next   chan<- int
	done   chan<- result
}

// piece is a range of the volume that becomes one object.
type piece struct {
	span
	hole bool // known to be zeroes
}

type result struct {
	objects []object
	blocks  span
	digests []digest // of blocks; nil: all of them are zeroes
}

func (w *writer) dispatch(ctx context.Context, jobs chan<- job, ordered chan<- (<-chan result)) error {
	number := make(chan int, 1)
	number <- 1
	for j := range w.jobs() {
		next, done := make(chan int, 1), make(chan result, 1)
		j.number, j.next, j.done = number, next, done
		number = next
		if w.parent != nil {
			j.base = make([]digest, (j.blocks.length()+w.spec.BlockSize-1)/w.spec.BlockSize)
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

// jobs cuts the volume into jobs, in order. Data is cut at the multiples of the chunk size,
// so that objects of the levels of a chain lie in the same windows of a restore; holes are
// cut at maxHole.
func (w *writer) jobs() iter.Seq[job] {
	return func(yield func(job) bool) {
		var at, done int64 // what has a piece, and what has digests
		for data := range w.chunks() {
			from, to := data[0].from, data[len(data)-1].to
			blocks := span{from, to}.cover(w.spec.BlockSize, w.size)
			if !w.holes(span{at, from}, span{done, blocks.from}, yield) {
				return
			}
			j := job{blocks: blocks, data: data}
			for i, d := range data {
				if i > 0 {
					j.pieces = append(j.pieces, piece{span{data[i-1].to, d.from}, true})
				}
				j.pieces = append(j.pieces, piece{d, false})
			}
			at, done = to, blocks.to
			if !yield(j) {
				return
			}
		}
		w.holes(span{at, w.size}, span{done, w.size}, yield)
	}
}

// holes yields the jobs of a hole and of the blocks within it.
func (w *writer) holes(hole, blocks span, yield func(job) bool) bool {
	if w.parent != nil {
		step := max(maxHole/w.spec.BlockSize, 1) * w.spec.BlockSize
		for ; blocks.from < blocks.to; blocks.from += step {
			if !yield(job{blocks: span{blocks.from, min(blocks.from+step, blocks.to)}}) {
				return false
			}
		}
		return true
	}
	for ; hole.from < hole.to; hole.from += maxHole {
		j := job{pieces: []piece{{span{hole.from, min(hole.from+maxHole, hole.to)}, true}}}
		j.blocks, blocks.from = blocks, blocks.to // the first one has all digests
		if !yield(j) {
			return false
		}
	}
	return true
}

// leastHole returns how long a hole must be, in bytes, to have an object of its own. In a
// volume of more than a TiB it is longer, so that there are not too many objects.
func leastHole(chunk, size int64) int64 {
	return max(min(minHole, chunk/8), size/(maxObjects/4))
}

// chunks yields the data of each chunk that has any.
func (w *writer) chunks() iter.Seq[[]span] {
	chunk := w.spec.ChunkSize
	return func(yield func([]span) bool) {
		var data []span
		for s := range w.source.spans(leastHole(chunk, w.size)) {
			for s.from < s.to {
				if len(data) > 0 && data[0].from/chunk != s.from/chunk {
					if !yield(data) {
						return
					}
					data = nil
				}
				end := min(s.to, (s.from/chunk+1)*chunk)
				data = append(data, span{s.from, end})
				s.from = end
			}
		}
		if len(data) > 0 {
			yield(data)
		}
	}
}
