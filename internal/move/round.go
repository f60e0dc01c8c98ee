package move

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// roundCopy copies one round.
type roundCopy struct {
	*Move
	table   *table
	content Content
	need    []bool // by piece
	data    []bool // by piece: it may hold anything but zeroes
	// compare says that the source has no digests, so a piece that was read is compared with
	// what the round before wrote.
	compare bool
	changed atomic.Int64 // bytes in pieces that this round wrote
}

// stripe is the least number of bytes that one worker reads in order, where the source has a
// grid that pieces do not fit in.
const stripe = 64 << 20

func (r *roundCopy) run(ctx context.Context) error {
	if err := r.choose(ctx); err != nil {
		return err
	}
	var total, changed int64
	for i, need := range r.need {
		from, to := r.table.extent(int64(i))
		if need {
			total += to - from
		} else if int(r.table.rounds[i]) == r.Round {
			changed += to - from // by a run before this one
		}
	}
	r.changed.Store(changed)
	r.done.Store(0)
	r.total.Store(total)
	if err := r.change(func(j *Journal) { j.Rounds[len(j.Rounds)-1].Pieces = r.table.pieces }); err != nil {
		return err
	}
	workers := r.table.shape.Parallel
	if r.Options.Workers > 0 {
		workers = r.Options.Workers
	}
	if r.table.shape.Ordered {
		workers = 1
	}
	if r.sequential() {
		return r.relay(ctx, workers)
	}
	group, ctx := errgroup.WithContext(ctx)
	runs := make(chan [2]int64)
	group.Go(func() error {
		defer close(runs)
		for from, to := range r.runs() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case runs <- [2]int64{from, to}:
			}
		}
		return nil
	})
	for range workers {
		group.Go(func() error {
			a := &assembler{r: r, buf: make([]byte, 0, r.table.shape.Piece)}
			a.hand = func(i int64, data []byte) ([]byte, error) { return data, r.piece(ctx, i, data) }
			for run := range runs {
				if err := r.copy(ctx, run[0], run[1], a); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// sequential reports whether one reader reads all, in order.
func (r *roundCopy) sequential() bool {
	_, streamed := r.content.(Streamed)
	return streamed || r.table.shape.Ordered
}

// relay reads in order, while the writers write what has been read.
func (r *roundCopy) relay(ctx context.Context, writers int) error {
	type piece struct {
		index int64
		data  []byte
	}
	group, ctx := errgroup.WithContext(ctx)
	full, free := make(chan piece), make(chan []byte, writers+1)
	for range writers {
		free <- make([]byte, 0, r.table.shape.Piece)
	}
	group.Go(func() error {
		defer close(full)
		a := &assembler{r: r, buf: make([]byte, 0, r.table.shape.Piece)}
		a.hand = func(i int64, data []byte) ([]byte, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case full <- piece{i, data}:
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case buf := <-free:
				return buf, nil
			}
		}
		for from, to := range r.runs() {
			if err := r.copy(ctx, from, to, a); err != nil {
				return err
			}
		}
		return nil
	})
	for range writers {
		group.Go(func() error {
			for p := range full {
				if err := r.piece(ctx, p.index, p.data); err != nil {
					return err
				}
				free <- p.data // there is room for all buffers
			}
			return nil
		})
	}
	return group.Wait()
}

// runs yields the ranges of pieces that one worker copies in order: needed, alike in whether
// they hold data, and in one stripe.
func (r *roundCopy) runs() func(yield func(from, to int64) bool) {
	per := max(stripe/r.table.shape.Piece, 1)
	if grid := r.content.Grid(); grid > 0 && grid%r.table.shape.Piece == 0 {
		per = grid / r.table.shape.Piece
	}
	if r.sequential() {
		per = r.table.pieces
	}
	return func(yield func(from, to int64) bool) {
		for from := int64(0); from < r.table.pieces; {
			if !r.need[from] {
				from++
				continue
			}
			to := from + 1
			for to < r.table.pieces && r.need[to] && r.data[to] == r.data[from] && to/per == from/per {
				to++
			}
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// copy copies the pieces [from, to).
func (r *roundCopy) copy(ctx context.Context, from, to int64, a *assembler) error {
	a.next, a.buf = from, a.buf[:0]
	if !r.data[from] {
		for i := from; i < to; i++ {
			begin, end := r.table.extent(i)
			p := a.buf[:end-begin]
			clear(p)
			var err error
			if a.buf, err = a.hand(i, p); err != nil {
				return err
			}
		}
		return nil
	}
	begin, _ := r.table.extent(from)
	_, end := r.table.extent(to - 1)
	if err := r.content.Copy(ctx, a, begin, end); err != nil {
		return err
	}
	if a.next != to || len(a.buf) > 0 {
		return fmt.Errorf("move: the source returned fewer than the %d bytes at %d", end-begin, begin)
	}
	return nil
}

// assembler cuts a stream into pieces.
type assembler struct {
	r    *roundCopy
	next int64
	buf  []byte // its capacity is that of a piece
	// hand takes a piece and returns the buffer for the next one.
	hand func(i int64, data []byte) ([]byte, error)
}

func (a *assembler) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if a.next == a.r.table.pieces {
			return 0, errors.New("move: the source returned more than was asked for")
		}
		from, to := a.r.table.extent(a.next)
		k := min(int64(len(p)), to-from-int64(len(a.buf)))
		a.buf = append(a.buf, p[:k]...)
		p = p[k:]
		if int64(len(a.buf)) == to-from {
			var err error
			if a.buf, err = a.hand(a.next, a.buf); err != nil {
				return 0, err
			}
			a.next++
			a.buf = a.buf[:0]
		}
	}
	return n, nil
}

// piece hands a piece to the target, unless the target has it.
func (r *roundCopy) piece(ctx context.Context, i int64, data []byte) error {
	digests, zero := r.table.hash(i, data)
	from, _ := r.table.extent(i)
	defer r.done.Add(int64(len(data)))
	if !r.table.shape.Ordered && r.table.rounds[i] >= 0 && r.compare {
		known, err := r.table.known(i)
		if err != nil {
			return err
		}
		if bytes.Equal(known, digests) {
			return nil
		}
	}
	receipt, err := r.To.Write(ctx, Piece{Round: r.Round, Index: i, Offset: from, Data: data, Zero: zero})
	if err != nil {
		return err
	}
	if err := r.passed("written"); err != nil {
		return err
	}
	if err := r.table.put(i, r.Round, receipt, digests); err != nil {
		return err
	}
	r.changed.Add(int64(len(data)))
	r.moved.Add(int64(len(data)))
	return r.passed("piece")
}

// choose finds the pieces that this round needs.
func (r *roundCopy) choose(ctx context.Context) error {
	n := r.table.pieces
	r.need, r.data = make([]bool, n), make([]bool, n)
	for from, to := range r.content.Data() {
		for i := from / r.table.shape.Piece; i < n && i*r.table.shape.Piece < to; i++ {
			r.data[i] = true
		}
	}
	blocks, err := r.fetchDigests(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.table.shape.Ordered:
		// The last piece ended the stream. Only if it was written has the target all.
		all := slices.ContainsFunc(r.table.rounds, func(round int32) bool { return int(round) != r.Round })
		for i := range r.need {
			r.need[i] = all
		}
		return nil
	case blocks > 0 && r.Compare == r.Committed && (r.Blocks == blocks || r.Committed == 0 && r.Job.Base == nil):
		if err := r.diff(blocks); err != nil {
			return err
		}
	default:
		r.compare = true
		for i := range r.need {
			r.need[i] = r.data[i] || r.table.rounds[i] != 0
		}
	}
	for i, round := range r.table.rounds {
		switch {
		case round < 0: // torn by a crash
			r.need[i] = true
		case int(round) == r.Round:
			r.need[i] = false
		}
	}
	return nil
}

// fetchDigests keeps the source's digests of the point in a file, and returns the size of
// their blocks; 0: the source has none.
func (r *roundCopy) fetchDigests(ctx context.Context) (int64, error) {
	if r.Digested == r.Round {
		return r.NewBlocks, nil
	}
	f, err := os.Create(r.digestsOf(r.Round))
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	blocks, err := r.content.Digests(ctx, w)
	if errors.Is(err, ErrNone) {
		blocks, err = 0, nil
	}
	if err = errors.Join(err, w.Flush(), f.Sync()); err == nil && blocks > 0 {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil && st.Size() != (r.content.Size()+blocks-1)/blocks*sha256.Size {
			err = fmt.Errorf("move: the source has %d bytes of digests for a volume of %d bytes in blocks of %d", st.Size(), r.content.Size(), blocks)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	if blocks <= 0 {
		if err := os.Remove(f.Name()); err != nil {
			return 0, err
		}
	}
	return blocks, r.step("digests", func(j *Journal) { j.Digested, j.NewBlocks = j.Round, blocks })
}

// diff marks the pieces in which a digest differs from that of the round before. Before the
// first round is the base. Without one, everything is zeroes.
func (r *roundCopy) diff(blocks int64) error {
	now, err := os.Open(r.digestsOf(r.Round))
	if err != nil {
		return err
	}
	defer now.Close()
	var before io.Reader = &zeroDigests{size: r.table.size, block: blocks}
	if r.Committed > 0 || r.Job.Base != nil {
		f, err := os.Open(r.digestsOf(r.Compare))
		if err != nil {
			return err
		}
		defer f.Close()
		before = f
	}
	a, b := bufio.NewReaderSize(now, 1<<20), bufio.NewReaderSize(before, 1<<20)
	var x, y [sha256.Size]byte
	for off := int64(0); off < r.table.size; off += blocks {
		if _, err := io.ReadFull(a, x[:]); err != nil {
			return fmt.Errorf("move: digests: %w", err)
		}
		if _, err := io.ReadFull(b, y[:]); err != nil {
			return fmt.Errorf("move: digests: %w", err)
		}
		if x == y {
			continue
		}
		end := min(off+blocks, r.table.size)
		for i := off / r.table.shape.Piece; i*r.table.shape.Piece < end; i++ {
			r.need[i] = true
		}
	}
	return nil
}

// zeroDigests are the digests of a volume of zeroes.
type zeroDigests struct {
	size, block, off int64
	zero             []byte
	rest             []byte
}

func (z *zeroDigests) Read(p []byte) (int, error) {
	if len(z.rest) == 0 {
		n := min(z.block, z.size-z.off)
		if n <= 0 {
			return 0, io.EOF
		}
		if z.zero == nil || n < z.block {
			sum := zeroSum(n)
			z.zero = sum[:]
		}
		z.rest = z.zero
		z.off += n
	}
	n := copy(p, z.rest)
	z.rest = z.rest[n:]
	return n, nil
}

// zeroSum returns the SHA-256 of n zeroes.
func zeroSum(n int64) [sha256.Size]byte {
	h := sha256.New()
	for ; n > 0; n -= min(n, int64(len(zeroes))) {
		h.Write(zeroes[:min(n, int64(len(zeroes)))])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
