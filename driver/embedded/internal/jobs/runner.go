package jobs

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Options configure a Runner. All are required except JobDone and TraceJob.
type Options struct {
	Workers     int           // concurrent jobs of the data queue
	CopyWorkers int           // concurrent jobs of the copy queue; the other queues have one worker each
	Lease       time.Duration // how long a worker holds a job without a heartbeat
	MaxAttempts int           // how often a job runs if the process dies each time
	// Poll is how often an idle worker looks for jobs that nothing has told it of; 0: once per Lease.
	Poll time.Duration
	// JobDone is called for each job that ended; see embedded.Observer.
	JobDone func(kind, outcome string, bytes int64, took time.Duration)
	// TraceJob is called before each attempt at a job, which gets the context that it returns. end
	// is called after the attempt.
	TraceJob func(ctx context.Context, j *meta.Job) (_ context.Context, end func(outcome string, err error))
}

// Runner queues jobs and runs them.
type Runner struct {
	o     Options
	core  *core.Core
	kinds map[string]kind // by name

	wake    map[string]chan struct{} // by queue
	up      atomic.Bool
	mu      sync.Mutex
	running map[string]*run // the jobs that this process runs, by id
}

// NewRunner returns a Runner without kinds.
func NewRunner(c *core.Core, o Options) *Runner {
	return &Runner{o: o, core: c, kinds: map[string]kind{}, running: map[string]*run{},
		wake: map[string]chan struct{}{DataQueue: make(chan struct{}, o.Workers), QuickQueue: make(chan struct{}, 1), IdleQueue: make(chan struct{}, 1), CopyQueue: make(chan struct{}, o.CopyWorkers)}}
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
	if pause := j.NotBefore.Sub(tx.Now); pause > 0 {
		tx.AfterCommit(func() { r.core.Clock.AfterFunc(pause, r.signal) })
	}
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
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// signal wakes a worker of each queue. A busy worker checks the queue when it is done.
func (r *Runner) signal() { r.wakeFor(meta.Wake{}) }

// Run runs jobs until ctx ends. Then it requeues the running jobs; the next Run starts them
// again. It returns nil.
func (r *Runner) Run(ctx context.Context) error {
	r.up.Store(true)
	defer r.up.Store(false)
	var workers errgroup.Group
	for range r.o.Workers {
		workers.Go(func() error { r.work(ctx, DataQueue); return nil })
	}
	for range r.o.CopyWorkers {
		workers.Go(func() error { r.work(ctx, CopyQueue); return nil })
	}
	for _, queue := range []string{QuickQueue, IdleQueue} {
		workers.Go(func() error { r.work(ctx, queue); return nil })
	}
	if r.core.DB.Shared() {
		workers.Go(func() error { r.listen(ctx); return nil })
	}
	return workers.Wait()
}

// work runs the jobs of a queue. New jobs wake it. It also checks the queue at least once per
// lease time, for expired leases. If it cannot read or write the queue, for instance because the
// disk is full, it retries soon.
func (r *Runner) work(ctx context.Context, queue string) {
	for ctx.Err() == nil {
		ran, err := r.RunOneOf(ctx, queue)
		if err != nil && ctx.Err() == nil {
			r.core.Log.Error("job queue", zap.String("queue", queue), zap.Error(err))
			r.core.Wait(ctx, retryWrite)
			continue
		}
		if ran {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake[queue]:
		case <-r.core.Clock.After(cmp.Or(r.o.Poll, r.o.Lease)):
		}
	}
}

// listen wakes the workers when another gateway has changed jobs, and stops the jobs that one
// has cancelled.
func (r *Runner) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.core.DB.Listen(ctx, r.signal, r.wakeFor, r.stop)
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
	var j *meta.Job
	asked := r.core.Clock.Now()
	err := r.core.Lease(ctx, func(tx *meta.Tx) (err error) {
		j, err = tx.Claim(queue, r.core.Gateway, r.o.Lease)
		return err
	})
	if err != nil || j == nil {
		return false, err
	}
	r.attempt(ctx, j, asked.Add(r.o.Lease))
	return true, nil
}
