package move_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"cindergate/internal/move"
)

// memCloud is a cloud in memory: what exists there outlives the process.
type memCloud struct {
	mu      sync.Mutex
	volume  []byte            // at the source, in use
	frozen  map[string][]byte // points, by name
	made    map[string]bool   // names of resources at the target
	objects map[string][]byte // pieces that were written
	content map[int][]byte    // what was committed, by round
	final   string            // the name after Finish
	base    []byte            // what the target had before the move

	flipBlock bool // what is read back has one wrong bit
}

type memSource struct {
	*memCloud
	env     *move.Env
	digests bool
	chain   []move.Point
	v       move.Volume
	// changes is called after a point has been frozen.
	changes  func(round int)
	reads    int64
	streamed bool
	compared string // the point that was compared as a whole last
}

func (s *memSource) Assess(context.Context) (move.Assessment, error) { return move.Assessment{}, nil }
func (s *memSource) Describe(context.Context) (move.Volume, error)   { return s.v, nil }
func (s *memSource) Chain(context.Context) ([]move.Point, error) {
	if s.chain == nil {
		return nil, move.ErrNone
	}
	return s.chain, nil
}

func (s *memSource) Freeze(_ context.Context, round int) (move.Point, error) {
	name := s.env.Name(fmt.Sprintf("source-%d", round))
	if err := s.env.Save(map[string]int{"round": round}); err != nil {
		return move.Point{}, err
	}
	s.mu.Lock()
	_, ok := s.frozen[name]
	if !ok {
		s.frozen[name] = bytes.Clone(s.volume)
	}
	s.mu.Unlock()
	if !ok && s.changes != nil {
		s.changes(round)
	}
	return move.Point{ID: name, Size: int64(len(s.volume))}, nil
}

func (s *memSource) Open(_ context.Context, p move.Point) (move.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.frozen[p.ID]
	if !ok {
		return nil, fmt.Errorf("no point %s", p.ID)
	}
	c := &memContent{b: b, digests: s.digests, reads: func(n int64) { s.mu.Lock(); s.reads += n; s.mu.Unlock() }}
	if s.streamed {
		return &memStream{memContent: c, verified: func() { s.mu.Lock(); s.compared = p.ID; s.mu.Unlock() }}, nil
	}
	return c, nil
}

func (s *memSource) Release(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.frozen)
	return nil
}

func (s *memSource) Leftovers(context.Context) (left []string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.frozen {
		left = append(left, name)
	}
	return left, nil
}

const (
	block = 512
	piece = 2048
)

type memContent struct {
	b       []byte
	digests bool
	reads   func(int64)
}

func (c *memContent) Size() int64  { return int64(len(c.b)) }
func (c *memContent) Grid() int64  { return 2 * piece }
func (c *memContent) Close() error { return nil }
func (c *memContent) Data() iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for off := 0; off < len(c.b); off += block {
			end := min(off+block, len(c.b))
			if !bytes.Equal(c.b[off:end], make([]byte, end-off)) && !yield(int64(off), int64(end)) {
				return
			}
		}
	}
}

func (c *memContent) Copy(_ context.Context, w io.Writer, from, to int64) error {
	if c.reads != nil {
		c.reads(to - from)
	}
	for from < to { // in odd parts
		n := min(777, to-from)
		if _, err := w.Write(c.b[from : from+n]); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// memStream is a content that is read in order, and compared as a whole.
type memStream struct {
	*memContent
	at       int64
	busy     atomic.Bool
	verified func()
}

func (c *memStream) Digests(context.Context, io.Writer) (int64, error) { return 0, move.ErrNone }

func (c *memStream) Copy(ctx context.Context, w io.Writer, from, to int64) error {
	if !c.busy.CompareAndSwap(false, true) {
		return errors.New("two ranges are read at the same time")
	}
	defer c.busy.Store(false)
	if from < c.at {
		return fmt.Errorf("byte %d is read after byte %d", from, c.at)
	}
	c.at = to
	return c.memContent.Copy(ctx, w, from, to)
}

func (c *memStream) Verify(context.Context) (string, error) {
	c.verified()
	return "compared as a whole", nil
}

func (c *memContent) Digests(_ context.Context, w io.Writer) (int64, error) {
	if !c.digests {
		return 0, move.ErrNone
	}
	for part := range slices.Chunk(c.b, block) {
		sum := sha256.Sum256(part)
		if _, err := w.Write(sum[:]); err != nil {
			return 0, err
		}
	}
	return block, nil
}

type memTarget struct {
	*memCloud
	env     *move.Env
	ordered bool
	state   memState
	fail    error // of the next Write
	writes  int
}

type memState struct {
	Names []string
	Job   move.Job
}

func (t *memTarget) Assess(context.Context, move.Job) (move.Assessment, error) {
	return move.Assessment{}, nil
}

func (t *memTarget) make(name string) error {
	t.state.Names = append(t.state.Names, name)
	if err := t.env.Save(t.state); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made[name] = true
	return nil
}

func (t *memTarget) Prepare(_ context.Context, j move.Job) (move.Shape, error) {
	if err := t.env.Load(&t.state); err != nil {
		return move.Shape{}, err
	}
	t.state.Job = j
	return move.Shape{Piece: piece, Block: block, Ordered: t.ordered, Parallel: 3}, t.make(t.env.Name("target-volume"))
}

func (t *memTarget) Write(_ context.Context, p move.Piece) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fail != nil {
		err := t.fail
		t.fail = nil
		return nil, err
	}
	if p.Zero != bytes.Equal(p.Data, make([]byte, len(p.Data))) {
		return nil, errors.New("Zero is wrong")
	}
	t.writes++
	name := fmt.Sprintf("%d/%d", p.Round, p.Index)
	t.objects[name] = bytes.Clone(p.Data)
	return []byte(name), nil
}

func (t *memTarget) Commit(_ context.Context, r move.Round) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := make([]byte, t.state.Job.Volume.Size)
	for p, err := range r.Pieces {
		if err != nil {
			return "", err
		}
		if p.Round == 0 {
			continue
		}
		if p.Round == move.BaseRound {
			copy(b[p.Index*piece:], t.base[p.Index*piece:min((p.Index+1)*piece, int64(len(t.base)))])
			continue
		}
		data, ok := t.objects[string(p.Receipt)]
		if !ok {
			return "", fmt.Errorf("piece %d has the receipt %q", p.Index, p.Receipt)
		}
		copy(b[p.Index*piece:], data)
	}
	digests, err := io.ReadAll(r.Digests())
	if err != nil {
		return "", err
	}
	var want bytes.Buffer
	if _, err := (&memContent{b: b, digests: true}).Digests(context.Background(), &want); err != nil || !bytes.Equal(want.Bytes(), digests) {
		return "", errors.New("the digests are not those of the pieces")
	}
	t.content[r.Number] = b
	return "the volume", nil
}

func (t *memTarget) ReadBack(_ context.Context, round int) (move.Content, error) {
	if err := t.make(t.env.Name("target-readback")); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := bytes.Clone(t.content[round])
	if t.flipBlock {
		b[len(b)/2] ^= 1
	}
	return &memContent{b: b}, nil
}

func (t *memTarget) Finish(context.Context) ([]string, error) {
	if err := t.env.Load(&t.state); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.made)
	t.final = t.state.Job.Volume.Name
	return nil, nil
}

func (t *memTarget) Abort(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.made)
	clear(t.content)
	return nil
}

func (t *memTarget) Leftovers(context.Context) (left []string, _ error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.made {
		left = append(left, name)
	}
	return left, nil
}
