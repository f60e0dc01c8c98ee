package jobs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/database"
	"cindergate/internal/meta"
)

// bench is a Runner with a database, and the outcomes of its jobs.
type bench struct {
	*Runner
	t        *testing.T
	clock    *clock
	outcomes []string
}

// clock advances one millisecond each time it is read. The test controls all other
// progress.
type clock struct {
	clockwork.Clock // all other methods are the system's

	mu    sync.Mutex
	now   time.Time
	waits chan *wait // one for each call of AfterFunc, when pass asks for it
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// wait is a timer that rings when the test says so.
type wait struct {
	clockwork.Timer
	ring  func()
	ended atomic.Bool
}

func (w *wait) Stop() bool { return w.ended.CompareAndSwap(false, true) }

func (w *wait) end() {
	if w.Stop() {
		w.ring()
	}
}

func (c *clock) AfterFunc(_ time.Duration, f func()) clockwork.Timer {
	w := &wait{ring: f}
	go func() { c.waits <- w }()
	return w
}

// pass advances the clock, and ends the current wait or else the next one.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	(<-c.waits).end()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	b := &bench{t: t, clock: &clock{now: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC), waits: make(chan *wait)}}
	db, err := meta.Open(t.Context(), meta.Options{Database: filepath.Join(dir, "db"), Now: b.clock.Now, Rehearse: true})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	c := &core.Core{DB: db, Files: core.NewFiles(dir), Spare: core.NewReserve(dir), Log: zap.NewNop(), Clock: b.clock, Work: core.NoWork{}, NewID: uuid.NewString}
	b.Runner = NewRunner(c, Options{Workers: 1, Lease: time.Minute, MaxAttempts: 2,
		JobDone: func(kind, outcome string, _ int64, _ time.Duration) {
			b.outcomes = append(b.outcomes, kind+" "+outcome)
		}})
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) write(change func(*meta.Tx) error) {
	b.t.Helper()
	check(b.t, b.core.Write(b.t.Context(), change))
}

// queue makes a job, applies change to it, and inserts it.
func (b *bench) queue(kind string, arguments any, change func(*meta.Job)) *meta.Job {
	b.t.Helper()
	j, err := b.New(driver.Caller{ProjectID: "p", UserID: "u", RequestID: "r"}, kind, "resource", arguments)
	check(b.t, err)
	if change != nil {
		change(j)
	}
	b.write(func(tx *meta.Tx) error { return b.Enqueue(tx, j) })
	return j
}

func (b *bench) run() {
	b.t.Helper()
	for ran := true; ran; {
		var err error
		ran, err = b.RunOne(b.t.Context())
		check(b.t, err)
	}
}

func (b *bench) want(outcomes ...string) {
	b.t.Helper()
	if !slices.Equal(b.outcomes, outcomes) {
		b.t.Fatalf("outcomes %v, want %v", b.outcomes, outcomes)
	}
}

type greeting struct {
	Text string `json:"text"`
}

// A job gets its arguments back, and its end is stored once.
func TestKind(t *testing.T) {
	b := newBench(t)
	var got greeting
	var who driver.Caller
	Register(b.Runner, "greet", Kind[greeting]{Queue: QuickQueue, Task: func(j *meta.Job, a greeting) Task {
		return Task{
			Run: func(context.Context) (int64, func(*meta.Tx) error, error) {
				got, who = a, Requester(j)
				return 1, func(tx *meta.Tx) error { return tx.SetLimit("p", "backups", 7) }, nil
			},
			Fail: func(*meta.Tx, string) error { t.Error("failed"); return nil },
			Undo: func(context.Context) error { t.Error("undone"); return nil },
		}
	}})
	j := b.queue("greet", greeting{"hello"}, nil)
	if j.Queue != QuickQueue || j.Kind != "greet" {
		t.Fatalf("%+v", j)
	}
	if ran, err := b.RunOneOf(t.Context(), DataQueue); ran || err != nil {
		t.Fatalf("the other queue ran it: %v", err)
	}
	b.run()
	b.want("greet ok")
	if got.Text != "hello" || who.ProjectID != "p" || who.UserID != "u" || who.RequestID != "r" {
		t.Fatalf("%+v for %+v", got, who)
	}
	b.write(func(tx *meta.Tx) error {
		limits, err := tx.Limits("p")
		if left, _ := tx.Job(j.ID); left != nil || limits["backups"] != 7 {
			t.Errorf("job %+v, limits %v", left, limits)
		}
		return err
	})
}

// A failed job is undone first, and then its reason is stored.
func TestFailure(t *testing.T) {
	b := newBench(t)
	var order []string
	reason := ""
	Register(b.Runner, "fail", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(context.Context) (int64, func(*meta.Tx) error, error) {
				return 0, nil, core.Because(errors.New("disk"), "No room.")
			},
			Fail: func(_ *meta.Tx, r string) error { reason = r; order = append(order, "fail"); return nil },
			Undo: func(context.Context) error { order = append(order, "undo"); return nil },
		}
	}})
	b.queue("fail", struct{}{}, nil)
	b.run()
	b.want("fail error")
	order = slices.Compact(order) // the rehearsal runs Fail twice
	if reason != "No room." || !slices.Equal(order, []string{"undo", "fail"}) {
		t.Fatalf("%q %v", reason, order)
	}
}

// A job that met a database that was away runs again. That is no failure, and does not count.
func TestDatabaseAway(t *testing.T) {
	b := newBench(t)
	runs := 0
	Register(b.Runner, "work", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(context.Context) (int64, func(*meta.Tx) error, error) {
				if runs++; runs < 4 { // more often than a job may die
					return 0, nil, fmt.Errorf("read: %w", &database.Away{Err: errors.New("connection refused")})
				}
				return 0, Done, nil
			},
			Fail: func(*meta.Tx, string) error { t.Error("failed"); return nil },
			Undo: func(context.Context) error { t.Error("undone"); return nil },
		}
	}})
	b.queue("work", struct{}{}, nil)
	for range 4 {
		b.run()
		b.clock.mu.Lock()
		b.clock.now = b.clock.now.Add(time.Minute)
		b.clock.mu.Unlock()
	}
	b.want("work repeated", "work repeated", "work repeated", "work ok")
}

// A job with unreadable arguments or an unknown kind ends in an error.
func TestUnreadable(t *testing.T) {
	b := newBench(t)
	reason := ""
	Register(b.Runner, "greet", Kind[greeting]{Queue: QuickQueue, Task: func(*meta.Job, greeting) Task {
		return Task{
			Run:  func(context.Context) (int64, func(*meta.Tx) error, error) { t.Error("it runs"); return 0, Done, nil },
			Fail: func(_ *meta.Tx, r string) error { reason = r; return nil },
		}
	}})
	b.queue("greet", greeting{}, func(j *meta.Job) { j.Arguments = []byte(`{"text": 1}`) })
	b.queue("greet", greeting{}, func(j *meta.Job) { j.Kind = "of a later version" })
	b.run()
	b.want("greet error", "of a later version error")
	if reason != "The arguments of the job cannot be read." {
		t.Fatal(reason)
	}
	if _, err := b.New(driver.Caller{}, "none", "r", nil); err == nil {
		t.Fatal("a job of an unknown kind is made")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a kind is registered twice")
		}
	}()
	Register(b.Runner, "greet", Kind[greeting]{})
}

// A job whose process died too often is given up and does not run again.
func TestGivenUp(t *testing.T) {
	b := newBench(t)
	var order []string
	Register(b.Runner, "die", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(context.Context) (int64, func(*meta.Tx) error, error) {
				order = append(order, "run")
				return 0, Done, nil
			},
			GiveUp: func(context.Context) error { order = append(order, "give up"); return nil },
			Fail:   func(_ *meta.Tx, r string) error { order = append(order, r); return nil },
		}
	}})
	b.queue("die", struct{}{}, func(j *meta.Job) { j.Attempts = 2 })
	b.run()
	b.want("die error")
	if order = slices.Compact(order); !slices.Equal(order, []string{"give up", "The service died 2 times while it worked on this."}) {
		t.Fatal(order)
	}
}

// A running job that is cancelled stops after the commit, and changes nothing.
func TestCancel(t *testing.T) {
	b := newBench(t)
	running, stopped := make(chan struct{}), make(chan error, 1)
	cancels, undone := 0, false
	Register(b.Runner, "long", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
				close(running)
				<-ctx.Done()
				return 0, Done, ctx.Err()
			},
			Fail:   func(*meta.Tx, string) error { t.Error("failed"); return nil },
			Undo:   func(context.Context) error { undone = true; return nil },
			Cancel: func(*meta.Tx) error { cancels++; return nil },
		}
	}})
	j := b.queue("long", struct{}{}, nil)
	go func() { _, err := b.RunOne(context.Background()); stopped <- err }()
	<-running
	b.write(func(tx *meta.Tx) error { return b.Cancel(tx, j) })
	check(t, <-stopped)
	b.want("long cancelled")
	if cancels != 2 || !undone { // the rehearsal cancels, too
		t.Fatalf("%d cancels, undone %v", cancels, undone)
	}
}

// behindACancelled has the job next wait for a cancelled one, which cleans up until cleaned is closed.
// stopped gets the results of both.
func (b *bench) behindACancelled(run func(context.Context) (int64, func(*meta.Tx) error, error)) (next *meta.Job, cleaned chan struct{}, stopped chan error) {
	running := make(chan struct{})
	cleaned, stopped = make(chan struct{}), make(chan error, 2)
	Register(b.Runner, "long", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
				close(running)
				<-ctx.Done()
				return 0, Done, ctx.Err()
			},
			Undo: func(context.Context) error { <-cleaned; return nil },
		}
	}})
	Register(b.Runner, "next", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task { return Task{Run: run} }})
	runOne := func() { _, err := b.RunOne(context.Background()); stopped <- err }
	first := b.queue("long", struct{}{}, nil)
	go runOne()
	<-running
	<-b.clock.waits // the first job's heartbeat
	b.write(func(tx *meta.Tx) error { return b.Cancel(tx, first) })
	next = b.queue("next", struct{}{}, nil)
	go runOne()
	return next, cleaned, stopped
}

// A job that waits until a cancelled one has cleaned up keeps its lease, however long that takes.
func TestHeartbeatOfAJobThatWaits(t *testing.T) {
	b := newBench(t)
	_, cleaned, stopped := b.behindACancelled(func(ctx context.Context) (int64, func(*meta.Tx) error, error) { return 0, Done, ctx.Err() })
	for range 5 { // 100 seconds; the lease has 60
		select {
		case wait := <-b.clock.waits:
			b.clock.mu.Lock()
			b.clock.now = b.clock.now.Add(20 * time.Second)
			b.clock.mu.Unlock()
			wait.end()
		case <-time.After(10 * time.Second):
			close(cleaned)
			t.Fatal("nobody renews the lease of a job that waits")
		}
	}
	close(cleaned)
	for range 2 {
		check(t, <-stopped)
	}
	b.want("long cancelled", "next ok")
}

// A job that is cancelled while it waits for another one never begins.
func TestCancelOfAJobThatWaits(t *testing.T) {
	b := newBench(t)
	next, cleaned, stopped := b.behindACancelled(func(context.Context) (int64, func(*meta.Tx) error, error) { t.Error("it runs"); return 0, Done, nil })
	<-b.clock.waits // the second one's
	b.write(func(tx *meta.Tx) error { return b.Cancel(tx, next) })
	close(cleaned)
	for range 2 {
		check(t, <-stopped)
	}
	b.want("long cancelled", "next cancelled")
}

// A worker renews its lease while it holds the job. If another worker has claimed the job,
// the first one stops and changes nothing.
func TestHeartbeat(t *testing.T) {
	b := newBench(t)
	running, stopped := make(chan struct{}), make(chan error, 1)
	Register(b.Runner, "long", Kind[struct{}]{Queue: DataQueue, Task: func(*meta.Job, struct{}) Task {
		return Task{
			Run: func(ctx context.Context) (int64, func(*meta.Tx) error, error) {
				close(running)
				<-ctx.Done()
				return 0, nil, ctx.Err()
			},
			Fail: func(*meta.Tx, string) error { t.Error("failed"); return nil },
		}
	}})
	j := b.queue("long", struct{}{}, nil)
	go func() { _, err := b.RunOne(context.Background()); stopped <- err }()
	<-running
	row := func() (row *meta.Job) {
		b.write(func(tx *meta.Tx) (err error) { row, err = tx.Job(j.ID); return err })
		return row
	}
	began := row().LeaseUntil
	b.clock.pass(20 * time.Second)
	b.clock.pass(20 * time.Second) // it waits again, so the first renewal is stored
	if renewed := row().LeaseUntil; !renewed.After(began) {
		t.Fatalf("the lease ends at %s, as before", renewed)
	}
	b.write(func(tx *meta.Tx) error { // as another process's claim would
		now, err := tx.Job(j.ID)
		if err != nil {
			return err
		}
		now.Attempts++
		return tx.PutJob(now)
	})
	select { // the second renewal may already have found that
	case err := <-stopped:
		check(t, err)
	case wait := <-b.clock.waits:
		wait.end()
		select {
		case err := <-stopped:
			check(t, err)
		case <-b.clock.waits:
			t.Fatal("the job goes on")
		}
	}
	b.want("long cancelled")
	if left := row(); left == nil || left.Attempts != 2 {
		t.Fatalf("the other's job is %+v", left)
	}
}
