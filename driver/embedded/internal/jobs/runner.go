package jobs

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Options configure a Runner. All are required except QuickWorkers, Poll and the functions.
type Options struct {
	Workers      int           // concurrent jobs of the data queue
	QuickWorkers int           // concurrent jobs of the quick queue; 0: 1
	CopyWorkers  int           // concurrent jobs of the copy queue; the idle queue has one worker
	Lease        time.Duration // how long a worker holds a job without a heartbeat
	MaxAttempts  int           // how often a job runs if the process dies each time
	// Poll is how often an idle worker looks for jobs that nothing has told it of; 0: once per Lease.
	Poll time.Duration
	// JobDone is called for each job that ended; see embedded.Observer.
	JobDone func(kind, outcome string, bytes int64, took time.Duration)
	// TraceJob is called before each attempt at a job, which gets the context that it returns. end
	// is called after the attempt.
	TraceJob func(ctx context.Context, j *meta.Job) (_ context.Context, end func(outcome string, err error))
	// Hook is asked before and during each attempt; nil: nothing is. See embedded.JobHook.
	Hook Hook
}

// Hook decides how attempts at jobs end. An error fails the attempt; [ErrKilled] ends it as the
// death of its process does.
type Hook interface {
	Before(ctx context.Context, j *meta.Job) error
	Progress(ctx context.Context, j *meta.Job, done, total int64) error
}

// ErrKilled is the error of a [Hook] that ends an attempt as the death of its process does:
// nothing is cleaned up, and the job runs again after its lease has expired.
var ErrKilled = errors.New("the worker was killed")

// Runner queues jobs and runs them.
type Runner struct {
	o     Options
	core  *core.Core
	kinds map[string]kind // by name

	wake    map[string]*core.Bell // by queue
	up      atomic.Bool
	mu      sync.Mutex
	running map[string]*run // the jobs that this process runs, by id
	waiting map[string]*run // those that wait for a running one to stop
}

// NewRunner returns a Runner without kinds.
func NewRunner(c *core.Core, o Options) *Runner {
	return &Runner{o: o, core: c, kinds: map[string]kind{}, running: map[string]*run{}, waiting: map[string]*run{},
		wake: map[string]*core.Bell{DataQueue: c.NewBell(o.Workers), QuickQueue: c.NewBell(max(o.QuickWorkers, 1)), IdleQueue: c.NewBell(1), CopyQueue: c.NewBell(o.CopyWorkers)}}
}

// Up reports whether [Runner.Run] is running.
func (r *Runner) Up() bool { return r.up.Load() }

// Enqueue inserts the job and wakes a worker once it is committed. A job on a volume runs at the
// gateway that has its file.
func (r *Runner) Enqueue(tx *meta.Tx, j *meta.Job) error {
	j.CreatedAt = tx.Now
	if r.core.Several() && j.Host == "" && j.VolumeID != "" {
		v, err := tx.Volume(j.VolumeID)
		if err != nil {
			return err
		}
		if v != nil {
			j.Host = r.core.GatewayOf(v.Host)
		}
	}
	tx.AfterCommit(func() { r.wakeFor(meta.Wake{Queue: j.Queue, Host: j.Host}) })
	return tx.PutJob(j)
}

// Hasten ends the pause of a job that is to run again.
func (r *Runner) Hasten(tx *meta.Tx, j *meta.Job) error {
	if j.State != meta.Queued || j.NotBefore.IsZero() {
		return nil
	}
	j.NotBefore = time.Time{}
	tx.AfterCommit(r.signal)
	return tx.PutJob(j)
}

// Cancel removes a queued or running job. A running job is stopped once the transaction is
// committed.
func (r *Runner) Cancel(tx *meta.Tx, j *meta.Job) error {
	if err := tx.CancelJob(j); err != nil {
		return err
	}
	tx.AfterCommit(func() { r.stop(j.ID) })
	if t := r.task(j); t.Cancel != nil {
		return t.Cancel(tx)
	}
	return nil
}

// wakeFor wakes a worker that may find a job.
func (r *Runner) wakeFor(w meta.Wake) {
	if w.Host != "" && w.Host != r.core.Gateway {
		return
	}
	for queue, wake := range r.wake {
		if w.Queue != "" && w.Queue != queue {
			continue
		}
		wake.Ring()
	}
}

// signal wakes a worker of each queue. A busy worker checks the queue when it is done.
func (r *Runner) signal() { r.wakeFor(meta.Wake{}) }

// Run runs jobs until ctx ends. Then it requeues the running jobs; the next Run starts them
// again. It returns nil. The calling goroutine counts as work.
func (r *Runner) Run(ctx context.Context) error {
	r.up.Store(true)
	defer r.up.Store(false)
	for _, wake := range r.wake {
		wake.Wake()
	}
	var workers errgroup.Group
	start := func(run func()) {
		r.core.Work.Begin()
		workers.Go(func() error { defer r.core.Work.End(); run(); return nil })
	}
	for range r.o.Workers {
		start(func() { r.work(ctx, DataQueue) })
	}
	for range r.o.CopyWorkers {
		start(func() { r.work(ctx, CopyQueue) })
	}
	for range max(r.o.QuickWorkers, 1) {
		start(func() { r.work(ctx, QuickQueue) })
	}
	start(func() { r.work(ctx, IdleQueue) })
	if r.core.DB.Shared() {
		start(func() { r.listen(ctx) })
	}
	r.core.Work.End() // the caller waits for the workers
	err := workers.Wait()
	r.core.Work.Begin()
	for _, wake := range r.wake {
		wake.Silence()
	}
	return err
}

// work runs the jobs of a queue. New jobs wake it. It also checks the queue when a lease or a pause
// ends, and at least once per [Options.Poll]. If it cannot read or write the queue, for instance
// because the disk is full, it retries soon.
func (r *Runner) work(ctx context.Context, queue string) {
	for ctx.Err() == nil {
		ran, idle, err := r.runOneOf(ctx, queue)
		if err != nil && ctx.Err() == nil {
			r.core.Log.Error("job queue", zap.String("queue", queue), zap.Error(err))
			r.core.Wait(ctx, retryWrite)
			continue
		}
		if ran {
			continue
		}
		r.core.WaitFor(ctx, idle, r.wake[queue])
	}
}

// listen wakes the workers when another gateway has changed jobs, and stops the jobs that one
// has cancelled.
func (r *Runner) listen(ctx context.Context) {
	for ctx.Err() == nil {
		r.core.Work.End() // it waits for other gateways
		err := r.core.DB.Listen(ctx, r.signal, r.wakeFor, r.stop)
		r.core.Work.Begin()
		if ctx.Err() == nil {
			r.core.Log.Warn("the database's notifications are interrupted", zap.Error(err))
			r.core.Wait(ctx, retryWrite)
		}
	}
}

// retryWrite is the pause before the queue retries a write after the database could not be
// written.
const retryWrite = time.Second

// RunOne runs the next job of any queue, and reports whether there was one. The statuses of
// its resources show whether the job failed; that is not returned as an error.
func (r *Runner) RunOne(ctx context.Context) (bool, error) { return r.RunOneOf(ctx, "") }

// RunOneOf is [Runner.RunOne] for one queue; "": any queue.
func (r *Runner) RunOneOf(ctx context.Context, queue string) (bool, error) {
	ran, _, err := r.runOneOf(ctx, queue)
	return ran, err
}

// runOneOf is [Runner.RunOneOf]. If there is no job, it returns how long to wait before the next
// look.
func (r *Runner) runOneOf(ctx context.Context, queue string) (ran bool, idle time.Duration, err error) {
	var j *meta.Job
	asked := r.core.Clock.Now()
	err = r.core.Lease(ctx, func(tx *meta.Tx) (err error) {
		idle = cmp.Or(r.o.Poll, r.o.Lease)
		if j, err = tx.Claim(queue, r.core.Gateway, r.o.Lease); err != nil || j != nil {
			return err
		}
		due, err := tx.NextDue(queue, r.runs)
		if err == nil && !due.IsZero() {
			idle = min(idle, due.Sub(tx.Now))
		}
		return err
	})
	if err != nil || j == nil {
		return false, idle, err
	}
	r.attempt(ctx, j, asked.Add(r.o.Lease))
	return true, 0, nil
}
