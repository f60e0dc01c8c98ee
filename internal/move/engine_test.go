package move_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/internal/filelock"
	"cindergate/internal/move"
)

// rig is one move between clouds in memory. Each run is a new process.
type rig struct {
	t       *testing.T
	dir, id string
	cloud   *memCloud
	digests bool
	ordered bool
	stream  bool // the source is read in order
	chain   []move.Point
	changes func(round int)
	volume  move.Volume
	step    func(name string) error
	source  *memSource
	target  *memTarget
}

const size = 20*piece + block + 100 // the last piece and the last block are short

func newRig(t *testing.T, o move.Options, job ...*move.Job) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), id: move.NewID(), digests: true, cloud: &memCloud{volume: make([]byte, size), frozen: map[string][]byte{},
		made: map[string]bool{}, objects: map[string][]byte{}, content: map[int][]byte{}}}
	fill(r.cloud.volume[3*piece:9*piece], 1)
	fill(r.cloud.volume[size-300:], 2)
	r.volume = move.Volume{ID: "v", Name: "name", Size: size, InUse: true}
	j := move.Journal{ID: r.id, Options: o}
	for _, j.Job = range job { // at most one
	}
	s, err := move.Create(r.dir, j)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func fill(p []byte, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	for i := range p {
		p[i] = byte(random.Uint32())
	}
}

// with opens the move as a new process does.
func (r *rig) with(do func(m *move.Move) error) error {
	r.t.Helper()
	s, err := move.Open(r.dir, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	m := &move.Move{Store: s, Poll: time.Millisecond}
	if r.step != nil { // workers call it at the same time
		var mu sync.Mutex
		m.Step = func(name string) error {
			mu.Lock()
			defer mu.Unlock()
			return r.step(name)
		}
	}
	r.source = &memSource{memCloud: r.cloud, env: s.SourceEnv(m.Status), digests: r.digests, chain: r.chain, v: r.volume, changes: r.changes, streamed: r.stream}
	r.target = &memTarget{memCloud: r.cloud, env: s.TargetEnv(m.Status), ordered: r.ordered}
	if err := r.target.env.Load(&r.target.state); err != nil {
		r.t.Fatal(err)
	}
	m.From, m.To = r.source, r.target
	return do(m)
}

func (r *rig) run() error {
	return r.with(func(m *move.Move) error { return m.Run(context.Background()) })
}

func (r *rig) journal() move.Journal {
	r.t.Helper()
	j, err := move.Read(r.dir, r.id)
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func (r *rig) wantDone(round int, want []byte) {
	r.t.Helper()
	j := r.journal()
	if j.Phase != move.Done || j.Committed != round || r.cloud.final != "name" {
		r.t.Fatalf("phase %s, round %d, name %q; want done, %d", j.Phase, j.Committed, r.cloud.final, round)
	}
	if !bytes.Equal(r.cloud.content[round], want) {
		r.t.Fatal("the target has other bytes")
	}
	if len(r.cloud.frozen)+len(r.cloud.made) > 0 {
		r.t.Fatalf("left: %v %v", r.cloud.frozen, r.cloud.made)
	}
	entries, err := os.ReadDir(r.dir + "/" + r.id)
	if err != nil || len(entries) != 2 {
		r.t.Fatalf("files are left: %v %v", entries, err)
	}
}

var errKilled = errors.New("killed")

// Every kind of move is killed after each of its steps, one after the other, and goes on to
// the end: equal bytes, and nothing left.
func TestKilledAtEachStep(t *testing.T) {
	three := move.Options{Rounds: 3, Verify: move.VerifyReadBack}
	for name, setup := range map[string]func(t *testing.T) (*rig, int, func() []byte){
		"rounds":         func(t *testing.T) (*rig, int, func() []byte) { return changing(t, three, true, false) },
		"without hashes": func(t *testing.T) (*rig, int, func() []byte) { return changing(t, three, false, false) },
		"ordered":        func(t *testing.T) (*rig, int, func() []byte) { return changing(t, three, true, true) },
		"streamed": func(t *testing.T) (*rig, int, func() []byte) {
			r, last, want := changing(t, three, false, false)
			r.stream = true
			return r, last, want
		},
		"streamed, ordered": func(t *testing.T) (*rig, int, func() []byte) {
			r, last, want := changing(t, three, false, true)
			r.stream = true
			return r, last, want
		},
		"chain": chainRig,
		"base":  baseRig,
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			r, last, want := setup(t)
			r.step = func(string) error { steps++; return nil }
			if err := r.run(); err != nil {
				t.Fatal(err)
			}
			r.wantDone(last, want())
			if steps < 15 {
				t.Fatalf("only %d steps", steps)
			}
			for kill := 1; kill <= steps; kill++ {
				r, last, want := setup(t)
				n, at := 0, ""
				r.step = func(name string) error {
					if n++; n == kill {
						at = name
					}
					if n >= kill {
						return errKilled
					}
					return nil
				}
				if err := r.run(); at != "" && !errors.Is(err, errKilled) {
					t.Fatalf("step %d (%s): %v", kill, at, err)
				}
				r.step = nil
				if err := r.run(); err != nil {
					t.Fatalf("step %d (%s): %v", kill, at, err)
				}
				r.wantDone(last, want())
			}
		})
	}
}

// changing is a move of a volume that changes after each point.
func changing(t *testing.T, o move.Options, digests, ordered bool) (*rig, int, func() []byte) {
	r := newRig(t, o)
	r.digests, r.ordered = digests, ordered
	var last []byte
	r.changes = func(round int) {
		last = bytes.Clone(r.cloud.volume)
		switch round {
		case 1:
			fill(r.cloud.volume[5*piece:5*piece+10], 3)
			fill(r.cloud.volume[15*piece:16*piece], 4)
		case 2:
			clear(r.cloud.volume[3*piece : 4*piece])
		}
	}
	return r, o.Rounds, func() []byte { return last }
}

// A source that is read in order is compared as a whole in each round, also when nothing was left
// to copy.
func TestStreamed(t *testing.T) {
	r, last, want := changing(t, move.Options{Rounds: 3, Verify: move.VerifyNone}, false, false)
	r.stream = true
	r.step = func(name string) error {
		if name == "committed" {
			return errKilled
		}
		return nil
	}
	for n := 1; n <= last; n++ {
		if err := r.run(); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		step := r.step
		r.step = func(name string) error { // the rest of this round, without its copy
			if name == "round-end" {
				return errKilled
			}
			return nil
		}
		if err := r.run(); !errors.Is(err, errKilled) || r.source.reads > size || r.source.compared == "" {
			t.Fatalf("%v, %d bytes read, compared %q", err, r.source.reads, r.source.compared)
		}
		r.step = step
	}
	r.step = nil
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.wantDone(last, want())
	if said := r.journal().Verified; len(said) != last || said[0] != "round 1: compared as a whole" {
		t.Errorf("it was verified so: %q", said)
	}
}

// A target of whole copies takes one round of a volume in use, unless more are asked for, and an
// interrupted copy begins again only if it was not complete.
func TestOrderedRounds(t *testing.T) {
	r, _, want := changing(t, move.Options{Threshold: 1, Verify: move.VerifyNone}, true, true)
	r.step = func(name string) error {
		if name == "committed" {
			return errKilled
		}
		return nil
	}
	if err := r.run(); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	r.step = nil
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.wantDone(1, want())
	if r.target.writes != 0 {
		t.Errorf("%d pieces were written again", r.target.writes)
	}
}

func chainRig(t *testing.T) (*rig, int, func() []byte) {
	r := newRig(t, move.Options{Verify: move.VerifyReadBack})
	content := bytes.Clone(r.cloud.volume)
	for i := range 3 {
		if i > 0 {
			fill(content[i*4*piece:i*4*piece+5], uint64(i))
		}
		id := fmt.Sprintf("point-%d", i)
		r.cloud.frozen[id] = bytes.Clone(content)
		r.chain = append(r.chain, move.Point{ID: id, Size: size})
	}
	return r, 3, func() []byte { return content }
}

// baseRig is a copy of one point to a target that has the point before it.
func baseRig(t *testing.T) (*rig, int, func() []byte) {
	r := newRig(t, move.Options{Verify: move.VerifyReadBack}, &move.Job{Base: &move.Point{ID: "base", Size: size}, Volume: move.Volume{Name: "name", Size: size}})
	r.cloud.frozen["base"], r.cloud.base = bytes.Clone(r.cloud.volume), bytes.Clone(r.cloud.volume)
	content := bytes.Clone(r.cloud.volume)
	fill(content[5*piece+3:5*piece+4], 3)
	clear(content[7*piece : 8*piece])
	fill(content[12*piece:14*piece], 4)
	r.cloud.frozen["point"] = bytes.Clone(content)
	r.chain = []move.Point{{ID: "point", Size: size}}
	return r, 1, func() []byte { return content }
}

// A copy on top of a base reads and writes only what differs from it, and one whose base has
// other digests or another size fails before it writes.
func TestBase(t *testing.T) {
	r, _, want := baseRig(t)
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if r.target.writes != 4 || r.source.reads != 3*piece {
		t.Errorf("%d pieces were written and %d bytes read for 4 pieces that differ, one of them of zeroes", r.target.writes, r.source.reads)
	}
	r.wantDone(1, want())
	for name, spoil := range map[string]func(r *rig){
		"without digests": func(r *rig) { r.digests = false },
		"another size":    func(r *rig) { r.cloud.frozen["base"] = make([]byte, size-block) },
	} {
		r, _, _ := baseRig(t)
		spoil(r)
		if err := r.run(); !errors.Is(err, move.ErrNoBase) || r.target.writes > 0 {
			t.Errorf("%s: %v after %d writes", name, err, r.target.writes)
		}
	}
}

// What a crash leaves of a move whose journal was never written is no obstacle, and a move that
// has not ended keeps its state.
func TestEnsure(t *testing.T) {
	dir, j := t.TempDir(), move.Journal{ID: move.NewID(), Request: []byte(`"first"`)}
	if err := os.MkdirAll(dir+"/"+j.ID+"/source", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+j.ID+"/lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := move.Ensure(dir, j)
		if err != nil {
			t.Fatal(err)
		}
		if string(s.Request) != `"first"` {
			t.Errorf("the request is %s", s.Request)
		}
		if err := move.Remove(s); err == nil {
			t.Error("the state of a move that has not ended was removed")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		j.Request = []byte(`"second"`)
	}
}

// A journal that is lost is not made anew: what it knew of the copied pieces would be forgotten.
func TestEnsureWithoutItsJournal(t *testing.T) {
	for _, name := range []string{"pieces", "source/digests", "target/digests"} {
		dir, j := t.TempDir(), move.Journal{ID: move.NewID()}
		path := filepath.Join(dir, j.ID, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("state"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := move.Ensure(dir, j); err == nil {
			t.Errorf("a move began on top of %s", name)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "state" {
			t.Errorf("%s has %q: %v", name, got, err)
		}
		if _, err := move.Read(dir, j.ID); err == nil {
			t.Error("a journal was written")
		}
	}
}

// A move that another process has just begun, and whose journal it has not written yet, is not begun twice.
func TestEnsureWhileAnotherBegins(t *testing.T) {
	dir, j := t.TempDir(), move.Journal{ID: move.NewID()}
	if err := os.MkdirAll(filepath.Join(dir, j.ID), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := filelock.Lock(filepath.Join(dir, j.ID, "lock"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.Ensure(dir, j); !errors.Is(err, move.ErrLocked) {
		t.Errorf("begun twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := move.Ensure(dir, j)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEachPointOfAChain(t *testing.T) {
	r, _, _ := chainRig(t)
	var want [][]byte
	for i := range 3 {
		want = append(want, bytes.Clone(r.cloud.frozen[fmt.Sprintf("point-%d", i)]))
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !bytes.Equal(r.cloud.content[i+1], want[i]) {
			t.Errorf("point %d has other bytes", i+1)
		}
	}
	if got := len(r.journal().Verified); got != 6 {
		t.Errorf("%d checks of 6", got)
	}
}

// A later round reads and writes what changed, and zeroes are never read.
func TestLaterRoundsCostWhatChanged(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 2, Verify: move.VerifyDigests})
	var first int64
	r.changes = func(round int) {
		if round == 1 {
			fill(r.cloud.volume[5*piece+7:5*piece+8], 3)
		} else {
			first = r.source.reads
		}
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if want := int64(6*piece + block + 100); first != want {
		t.Errorf("the first round read %d bytes, not %d", first, want)
	}
	if second := r.source.reads - first; second != piece {
		t.Errorf("the second round read %d bytes for a change of one", second)
	}
	if r.target.writes != 6+1+1 {
		t.Errorf("%d pieces were written", r.target.writes)
	}
}

// An abort removes everything, wherever the move was.
func TestAbortAtEachStep(t *testing.T) {
	for kill := 1; ; kill++ {
		r, _, _ := changing(t, move.Options{Rounds: 2, Verify: move.VerifyReadBack}, true, false)
		n := 0
		r.step = func(string) error {
			if n++; n >= kill {
				return errKilled
			}
			return nil
		}
		err := r.run()
		if err == nil {
			return
		}
		r.step = nil
		aborting := func(m *move.Move) error { return m.Abort(context.Background()) }
		if j := r.journal(); j.Phase == move.Done {
			if err := r.with(aborting); !errors.Is(err, move.ErrFinished) {
				t.Fatalf("a move that is done was aborted: %v", err)
			}
			continue
		}
		if err := r.with(aborting); err != nil {
			t.Fatalf("step %d: %v", kill, err)
		}
		if len(r.cloud.frozen)+len(r.cloud.made)+len(r.cloud.content) > 0 {
			t.Fatalf("step %d: left %v %v", kill, r.cloud.frozen, r.cloud.made)
		}
		if err := r.run(); !errors.Is(err, move.ErrFinished) {
			t.Fatalf("step %d: an aborted move went on: %v", kill, err)
		}
	}
}

func TestReadBackFindsADifference(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 1, Verify: move.VerifyReadBack})
	r.cloud.flipBlock = true
	if err := r.run(); err == nil || !strings.Contains(err.Error(), "differs from what was copied") {
		t.Fatalf("error %v", err)
	}
	if j := r.journal(); j.Phase != move.Verifying || j.Error == "" {
		t.Errorf("phase %s, error %q", j.Phase, j.Error)
	}
}

func TestFailedWriteIsWrittenAgain(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 1, Verify: move.VerifyReadBack})
	want := bytes.Clone(r.cloud.volume)
	failed := errors.New("the store is away")
	err := r.with(func(m *move.Move) error { r.target.fail = failed; return m.Run(context.Background()) })
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.wantDone(1, want)
}

func TestEncryptedVolumeIsRefused(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 1})
	r.volume.Encrypted = true
	if err := r.run(); err == nil || !strings.Contains(err.Error(), "is encrypted") || len(r.cloud.frozen)+len(r.cloud.made) > 0 {
		t.Fatalf("error %v, made %v", err, r.cloud.made)
	}
}

// Rounds go on until one is small enough, or until the cutover is asked for.
func TestRoundsEnd(t *testing.T) {
	change := func(r *rig) func(int) {
		return func(round int) {
			if round < 4 {
				fill(r.cloud.volume[:2*piece], uint64(round)) // two pieces
			}
		}
	}
	r := newRig(t, move.Options{Threshold: piece, Verify: move.VerifyNone})
	r.changes = change(r)
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if got := r.journal().Committed; got != 5 {
		t.Errorf("%d rounds, not 5", got)
	}
	r = newRig(t, move.Options{Verify: move.VerifyNone})
	r.changes = func(round int) {
		if round == 2 {
			if err := move.AskCutover(r.dir, r.id); err != nil {
				t.Error(err)
			}
		}
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	if got := r.journal().Committed; got != 3 {
		t.Errorf("%d rounds after a cutover in the second, not 3", got)
	}
	r = newRig(t, move.Options{CutoverAt: time.Now().Add(-time.Minute), Verify: move.VerifyNone})
	if err := r.run(); err != nil || r.journal().Committed != 1 {
		t.Errorf("a cutover in the past: %v, %d rounds", err, r.journal().Committed)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 1})
	err := r.with(func(*move.Move) error {
		_, err := move.Open(r.dir, r.id)
		return err
	})
	if !errors.Is(err, move.ErrLocked) {
		t.Errorf("error %v", err)
	}
	if move.Running(r.dir, r.id) {
		t.Error("it still seems to run")
	}
	for _, id := range []string{"", "../x", "0123456789ab"} {
		if _, err := move.Open(r.dir, id); err == nil {
			t.Errorf("the id %q was accepted", id)
		}
	}
}

// reporting is a target whose cloud shows the progress.
type reporting struct {
	*memTarget
	said chan string
}

func (r reporting) Report(ctx context.Context, text string) error {
	select {
	case r.said <- text:
	case <-ctx.Done():
	}
	return errors.New("an error does not end the move")
}

// While a round is copied, the target is told how far it is, and not after it.
func TestReport(t *testing.T) {
	r := newRig(t, move.Options{Rounds: 1})
	said := make(chan string)
	var once sync.Once
	if err := r.with(func(m *move.Move) error {
		m.To, m.ReportEvery = reporting{r.target, said}, time.Millisecond
		m.Step = func(name string) error {
			if name == "piece" {
				once.Do(func() {
					if text := <-said; !strings.HasPrefix(text, "round 1: ") || !strings.Contains(text, " MiB (") {
						t.Errorf("it says %q", text)
					}
				})
			}
			return nil
		}
		return m.Run(t.Context())
	}); err != nil {
		t.Fatal(err)
	}
	r.wantDone(1, r.cloud.volume)
	select {
	case text := <-said:
		t.Errorf("after the end it says %q", text)
	default:
	}
}
