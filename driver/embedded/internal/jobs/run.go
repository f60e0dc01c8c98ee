package jobs

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"cindergate/internal/meta"
)

// Reasons for ending a job's context early.
var (
	errCancelled = errors.New("the job was cancelled")
	errLeaseLost = errors.New("the job's lease was lost")
)

// run is a running job of this process.
type run struct {
	backupID string
	resource string
	progress progress
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed when the job has stopped
}

// stop ends a cancelled job if it runs in this process, or waits to run.
func (r *Runner) stop(jobID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, runs := range []map[string]*run{r.running, r.waiting} {
		if own, ok := runs[jobID]; ok {
			own.cancel(errCancelled)
		}
	}
}

// runs reports whether this process runs a job, or will: it renews the lease.
func (r *Runner) runs(jobID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[jobID] != nil || r.waiting[jobID] != nil
}

// newRun returns the run of a job, which [Runner.register] lets begin, and its context.
func (r *Runner) newRun(ctx context.Context, j *meta.Job) (*run, context.Context) {
	own := &run{backupID: j.BackupID, resource: j.Resource, done: make(chan struct{})}
	own.progress.clock, own.progress.at.Started = r.core.Clock, r.core.Clock.Now()
	ctx, own.cancel = context.WithCancelCause(own.progress.in(ctx))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[j.ID] = own
	return own, ctx
}

// register records that a job runs. First it waits until earlier runs of this process that
// could interfere have stopped.
func (r *Runner) register(j *meta.Job, own *run) {
	for {
		r.mu.Lock()
		var other *run
		for id, o := range r.running {
			// The row of a cancelled job is gone, but its last writes may still be in
			// progress.
			if id == j.ID || o.resource == j.Resource || (r.kinds[j.Kind].afterBackup && o.backupID == j.BackupID) {
				other = o
			}
		}
		if other == nil {
			r.running[j.ID] = own
			if r.waiting[j.ID] == own {
				delete(r.waiting, j.ID)
			}
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		other.cancel(errLeaseLost)
		<-other.done
	}
}

// release records that a job no longer runs.
func (r *Runner) release(j *meta.Job, own *run) {
	r.mu.Lock()
	delete(r.running, j.ID)
	r.mu.Unlock()
	own.cancel(nil)
	close(own.done)
}

// attempt performs a claimed job and logs its outcome. The lease lasts at least until the given
// time of this process's clock.
func (r *Runner) attempt(ctx context.Context, j *meta.Job, until time.Time) {
	own, jobCtx := r.newRun(ctx, j)
	beat, stop := context.WithCancel(jobCtx)
	stopped := make(chan struct{})
	r.core.Work.Begin()
	go func() { defer close(stopped); defer r.core.Work.End(); r.heartbeat(beat, j, own, until) }()
	// The lease is renewed meanwhile: an earlier run that cleans up in a store that is away may take longer.
	r.register(j, own)
	defer r.release(j, own)

	began := r.core.Clock.Now()
	endTrace := func(string, error) {}
	if r.o.TraceJob != nil {
		jobCtx, endTrace = r.o.TraceJob(jobCtx, j)
	}
	outcome, bytes, err := r.perform(jobCtx, j)
	endTrace(outcome, err)
	stop()
	<-stopped
	took := r.core.Clock.Now().Sub(began)
	if outcome == cancelled && r.core.DB.Shared() {
		err = errors.Join(err, r.core.Write(context.WithoutCancel(ctx), func(tx *meta.Tx) error { return tx.DropCancelled(j.ID, j.Attempts) }))
	}
	if r.o.JobDone != nil {
		r.o.JobDone(j.Kind, outcome, bytes, took)
	}
	fields := []zap.Field{zap.String("job_id", j.ID), zap.String("kind", j.Kind), zap.String("outcome", outcome),
		zap.String("backup_id", j.BackupID), zap.String("volume_id", j.VolumeID), zap.Int("attempt", j.Attempts),
		zap.Duration("took", took), zap.String("request_id", j.RequestID)}
	again := (*Again)(nil)
	switch {
	case errors.As(err, &again) && again.Waits:
		r.core.Log.Debug("job", append(fields, zap.Error(err))...)
	case err != nil:
		r.core.Log.Error("job", append(fields, zap.Error(err))...)
	default:
		r.core.Log.Info("job", fields...)
	}
	if err := r.core.Spare.Keep(); err != nil {
		r.core.Log.Debug("no room is reserved for the database", zap.Error(err))
	}
	if !r.core.DB.Shared() { // else the transaction that has ended the job says who is to look
		r.signal() // another job may have waited for this one's resource
	}
}

// heartbeat renews the lease until ctx ends. If the lease is lost, it ends the job. The lease
// counts from the moment before a renewal was sent, by this process's own clock: a renewal whose
// answer is late must not let the job go on after another worker may have claimed it.
func (r *Runner) heartbeat(ctx context.Context, j *meta.Job, own *run, until time.Time) {
	for {
		sent := r.core.Clock.Now()
		pause := min(r.o.Lease/3, until.Sub(sent))
		if r.core.Wait(ctx, pause); ctx.Err() != nil {
			return
		}
		sent = r.core.Clock.Now()
		if !sent.Before(until) {
			own.cancel(errLeaseLost)
			return
		}
		held := false
		limited, done := context.WithTimeout(ctx, until.Sub(sent))
		err := r.core.Lease(limited, func(tx *meta.Tx) (err error) {
			held, err = tx.Renew(j.ID, j.Attempts, r.o.Lease, own.progress.now())
			return err
		})
		done()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && !held:
			own.cancel(errLeaseLost)
			return
		case err == nil:
			until = sent.Add(r.o.Lease)
		}
	}
}
