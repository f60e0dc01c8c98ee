package move

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Progress is how far the round in progress is.
type Progress struct {
	Phase  Phase
	Round  int
	Status string // what the move waits for; "" while it copies
	Done   int64  // bytes of the round that have been handled
	Total  int64  // bytes of the round that need to be
	Moved  int64  // bytes that the target took, in all rounds of this run
}

// Move is one move in this process.
type Move struct {
	*Store
	From Source
	To   Target

	// Poll is how often a cutover is looked for while the move pauses; 0: 1 s.
	Poll time.Duration
	// ReportEvery is the time between two calls of [Reporter.Report]; 0: 10 s.
	ReportEvery time.Duration
	// Step is called after each step with its name; an error ends the run at once, as kill -9
	// would. It is for tests.
	Step func(name string) error

	status             atomic.Pointer[string]
	phase              atomic.Pointer[Phase]
	round              atomic.Int64
	done, total, moved atomic.Int64
	ran                time.Time
}

// Status is what the paths say with [Env.Status].
func (m *Move) Status(text string) { m.status.Store(&text) }

// Progress may be called at any time.
func (m *Move) Progress() Progress {
	p := Progress{Round: int(m.round.Load()), Done: m.done.Load(), Total: m.total.Load(), Moved: m.moved.Load()}
	if s := m.status.Load(); s != nil {
		p.Status = *s
	}
	if s := m.phase.Load(); s != nil {
		p.Phase = *s
	}
	return p
}

// step saves a change of the journal.
func (m *Move) step(name string, how func(j *Journal)) error {
	if err := m.change(how); err != nil {
		return err
	}
	phase := m.Phase // not the field: Progress reads it at any time
	m.phase.Store(&phase)
	m.round.Store(int64(m.Round))
	return m.passed(name)
}

func (m *Move) passed(name string) error {
	if m.Step == nil {
		return nil
	}
	return m.Step(name)
}

// ErrFinished says that a move has ended.
var ErrFinished = errors.New("the move has ended")

// Run does what is left of the move. After an error, or after the end of the process, it may be
// called again with the same state directory.
func (m *Move) Run(ctx context.Context) error {
	switch m.Phase {
	case Done:
		return m.removeFiles() // a crash may have come in between
	case Aborting, Aborted:
		return fmt.Errorf("move %s is %s: %w", m.ID, m.Phase, ErrFinished)
	}
	phase := m.Phase
	m.phase.Store(&phase)
	m.ran = time.Now()
	err := m.run(ctx)
	text := ""
	if err != nil {
		text = err.Error()
	}
	if m.Error != text {
		err = errors.Join(err, m.change(func(j *Journal) { j.Error = text }))
	}
	return err
}

func (m *Move) run(ctx context.Context) error {
	if m.Phase == "" {
		if err := m.begin(ctx); err != nil {
			return err
		}
	}
	for m.Phase == Copying {
		if err := m.copyRound(ctx); err != nil {
			return err
		}
	}
	if m.Phase == Verifying {
		if err := m.verify(ctx); err != nil {
			return err
		}
	}
	return m.finish(ctx)
}

// begin describes what is to be moved. The caller has set Job.Volume to what the target shall
// make of it, or left it nil.
func (m *Move) begin(ctx context.Context) error {
	v, err := m.From.Describe(ctx)
	if err != nil {
		return err
	}
	if v.Encrypted {
		return errEncrypted(v)
	}
	points, err := m.From.Chain(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	return m.step("begin", func(j *Journal) {
		j.Volume, j.Phase = &v, Copying
		if j.Job == nil {
			j.Job = &Job{Volume: v}
		}
		j.Job.Chain = points
	})
}

func errEncrypted(v Volume) error {
	return fmt.Errorf("volume %s is encrypted: its bytes can only be read with a key that does not travel, so it cannot be moved", v.ID)
}

// copyRound freezes a point, copies what changed, and commits it.
func (m *Move) copyRound(ctx context.Context) error {
	if err := m.beginRound(ctx); err != nil {
		return err
	}
	content, err := m.From.Open(ctx, *m.Point)
	if err != nil {
		return err
	}
	defer content.Close()
	if content.Size() != m.Job.Volume.Size {
		return fmt.Errorf("point %s has %d bytes and the volume that is moved %d: a volume must not be resized while it is moved", m.Point.ID, content.Size(), m.Job.Volume.Size)
	}
	if m.Shape == nil && m.Job.Grid == 0 {
		if err := m.step("grid", func(j *Journal) { j.Job.Grid = content.Grid() }); err != nil {
			return err
		}
	}
	shape, err := m.prepare(ctx)
	if err != nil {
		return err
	}
	t, err := openTable(m.path, content.Size(), shape)
	if err != nil {
		return err
	}
	defer func() { _ = t.close() }()
	if err := m.adoptBase(ctx, t); err != nil {
		return err
	}
	r := &roundCopy{Move: m, table: t, content: content}
	ended := m.reporting(ctx)
	err = r.run(ctx)
	ended()
	if err != nil {
		return err
	}
	var said []string
	if s, ok := content.(Streamed); ok {
		text, err := s.Verify(ctx)
		if err != nil {
			return err
		}
		said = append(said, text)
	}
	last := m.Last || m.small(r.changed.Load())
	id, err := m.To.Commit(ctx, Round{Number: m.Round, Last: last, Point: *m.Point, Pieces: t.all, Digests: t.stream})
	if err != nil {
		return err
	}
	if err := m.passed("committed"); err != nil {
		return err
	}
	m.Status("")
	if m.Job.Chain != nil { // later, only the last point could be compared
		more, err := m.check(ctx, t, m.Round, m.NewBlocks)
		if err != nil {
			return fmt.Errorf("point %d of the chain: %w", m.Round, err)
		}
		said = append(said, more...)
	}
	return m.endRound(id, r.changed.Load(), last, said)
}

// beginRound freezes the point of the round, unless that has been done.
func (m *Move) beginRound(ctx context.Context) error {
	if m.Round > m.Committed { // a run before this one began it
		m.round.Store(int64(m.Round))
		if m.Point != nil {
			return nil
		}
		return m.freeze(ctx)
	}
	round := m.Committed + 1
	if round > 1 && m.Job.Chain == nil {
		if err := m.pause(ctx); err != nil {
			return err
		}
	}
	// What is frozen after the cutover was asked is the last point.
	last := m.lastRound(round)
	if err := m.step("round", func(j *Journal) {
		j.Round, j.Last, j.Point = round, last, nil
		j.Rounds = append(j.Rounds, RoundLog{Number: round, Began: time.Now().UTC()})
	}); err != nil {
		return err
	}
	return m.freeze(ctx)
}

func (m *Move) freeze(ctx context.Context) error {
	var p Point
	if m.Job.Chain != nil {
		p = m.Job.Chain[m.Round-1]
	} else {
		var err error
		if p, err = m.From.Freeze(ctx, m.Round); err != nil {
			return err
		}
		if err := m.passed("frozen"); err != nil {
			return err
		}
	}
	m.Status("")
	return m.step("point", func(j *Journal) {
		j.Point = &p
		j.Rounds[len(j.Rounds)-1].Point = p.ID
	})
}

// lastRound decides before the point is frozen whether a round is the last one.
func (m *Move) lastRound(round int) bool {
	switch o := m.Options; {
	case m.Job.Chain != nil:
		return round == len(m.Job.Chain)
	case m.cutoverAsked(), !o.CutoverAt.IsZero() && !time.Now().Before(o.CutoverAt):
		return true
	case !o.CutoverAt.IsZero():
		return false
	case o.Rounds > 0:
		return round >= o.Rounds
	default:
		return !m.Volume.InUse && o.Threshold > 0
	}
}

// pause waits between two rounds, until the cutover at the latest.
func (m *Move) pause(ctx context.Context) error {
	until := m.ran
	if ended := m.Rounds[len(m.Rounds)-1].Ended; ended.After(until) {
		until = ended
	}
	until = until.Add(m.Options.Pause)
	if at := m.Options.CutoverAt; !at.IsZero() && at.Before(until) {
		until = at
	}
	poll := m.Poll
	if poll <= 0 {
		poll = time.Second
	}
	for !m.cutoverAsked() && time.Now().Before(until) {
		m.Status("waiting for the next round")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(poll, time.Until(until))):
		}
	}
	m.Status("")
	return nil
}

func (m *Move) prepare(ctx context.Context) (Shape, error) {
	shape, err := m.To.Prepare(ctx, *m.Job)
	if err != nil {
		return shape, err
	}
	m.Status("")
	if shape.Block == 0 {
		shape.Block = DefaultBlock
	}
	if shape.Parallel <= 0 {
		shape.Parallel = 8
	}
	if m.Options.Workers > 0 {
		shape.Parallel = m.Options.Workers
	}
	if shape.Piece <= 0 || shape.Piece > MaxPiece || shape.Block <= 0 || shape.Piece%shape.Block != 0 {
		return shape, fmt.Errorf("move: the target wants pieces of %d bytes with blocks of %d", shape.Piece, shape.Block)
	}
	if m.Shape != nil {
		if m.Shape.Piece != shape.Piece || m.Shape.Block != shape.Block || m.Shape.Ordered != shape.Ordered {
			return shape, errors.New("move: the target changed the shape of the pieces")
		}
		return shape, m.passed("prepared")
	}
	return shape, m.step("prepared", func(j *Journal) { j.Shape = &shape })
}

// small reports whether a round that moved so little ends the rounds, if that was asked for. A
// round of an ordered target always writes all, so a second one would be as long as the first.
func (m *Move) small(changed int64) bool {
	o := m.Options
	return m.Job.Chain == nil && o.Rounds == 0 && o.CutoverAt.IsZero() && o.Threshold > 0 && (changed < o.Threshold || m.Shape.Ordered)
}

// endRound notes that a round is committed, and whether another one follows.
func (m *Move) endRound(id string, changed int64, last bool, verified []string) error {
	old, blocks := m.Compare, m.NewBlocks
	what := "point"
	if m.Job.Chain == nil {
		what = "round"
	}
	err := m.step("round-end", func(j *Journal) {
		j.Committed = j.Round
		log := &j.Rounds[len(j.Rounds)-1]
		for _, text := range verified {
			j.Verified = append(j.Verified, fmt.Sprintf("%s %d: %s", what, j.Round, text))
		}
		log.Ended, log.Changed, log.Result = time.Now().UTC(), changed, id
		j.Compare, j.Blocks, j.NewBlocks = 0, blocks, 0
		if blocks > 0 {
			j.Compare = j.Round
		}
		if last {
			j.Phase = Verifying
		}
	})
	if err == nil && old > 0 && old != m.Compare {
		err = os.RemoveAll(m.digestsOf(old))
	}
	return err
}

// digestsOf returns the file of the source's digests of a round.
func (m *Move) digestsOf(round int) string { return m.path(fmt.Sprintf("point-%d.digests", round)) }

// finish removes what helped, on both sides, and proves it.
func (m *Move) finish(ctx context.Context) error {
	lost, err := m.To.Finish(ctx)
	if err != nil {
		return err
	}
	if err := m.passed("finished"); err != nil {
		return err
	}
	if err := m.From.Release(ctx); err != nil {
		return err
	}
	if err := m.passed("released"); err != nil {
		return err
	}
	if err := m.nothingLeft(ctx); err != nil {
		return err
	}
	m.Status("")
	if err := m.step("done", func(j *Journal) { j.Phase, j.Lost = Done, append(j.Lost, lost...) }); err != nil {
		return err
	}
	return m.removeFiles()
}

// Abort removes everything that the move made, on both sides, and proves it by lists.
func (m *Move) Abort(ctx context.Context) error {
	switch m.Phase {
	case Done:
		return fmt.Errorf("move %s is done: %w", m.ID, ErrFinished)
	case Aborted:
		return m.removeFiles()
	}
	if err := m.step("aborting", func(j *Journal) { j.Phase = Aborting }); err != nil {
		return err
	}
	if err := errors.Join(m.To.Abort(ctx), m.From.Release(ctx)); err != nil {
		return err
	}
	if err := m.passed("removed"); err != nil {
		return err
	}
	if err := m.nothingLeft(ctx); err != nil {
		return err
	}
	if err := m.step("aborted", func(j *Journal) { j.Phase = Aborted }); err != nil {
		return err
	}
	return m.removeFiles()
}

func (m *Move) nothingLeft(ctx context.Context) error {
	source, err := m.From.Leftovers(ctx)
	if err != nil {
		return err
	}
	target, err := m.To.Leftovers(ctx)
	if err != nil {
		return err
	}
	if len(source)+len(target) > 0 {
		return fmt.Errorf("something is left at the source %q or at the target %q", source, target)
	}
	return nil
}

// removeFiles removes all but the journal and the lock.
func (m *Move) removeFiles() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != journalName && e.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(m.dir, e.Name())))
		}
	}
	return err
}
