package jobs

import (
	"context"
	"errors"

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
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed when the job has stopped
}

// stop ends a cancelled job if it runs in this process.
func (r *Runner) stop(jobID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if running, ok := r.running[jobID]; ok {
		running.cancel(errCancelled)
	}
}

// register records that a job runs. First it waits until earlier runs of this process that
// could interfere have stopped. It returns the context of the run.
func (r *Runner) register(ctx context.Context, j *meta.Job) (*run, context.Context) {
	own := &run{backupID: j.BackupID, resource: j.Resource, done: make(chan struct{})}
	ctx, own.cancel = context.WithCancelCause(ctx)
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
			r.mu.Unlock()
			return own, ctx
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

// attempt performs a claimed job and logs its outcome.
func (r *Runner) attempt(ctx context.Context, j *meta.Job) {
	own, jobCtx := r.register(ctx, j)
	defer r.release(j, own)
	beat, stop := context.WithCancel(jobCtx)
	stopped := make(chan struct{})
	go func() { defer close(stopped); r.heartbeat(beat, j, own) }()

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
	if r.o.JobDone != nil {
		r.o.JobDone(j.Kind, outcome, bytes, took)
	}
	fields := []zap.Field{zap.String("job_id", j.ID), zap.String("kind", j.Kind), zap.String("outcome", outcome),
		zap.String("backup_id", j.BackupID), zap.String("volume_id", j.VolumeID), zap.Int("attempt", j.Attempts),
		zap.Duration("took", took), zap.String("request_id", j.RequestID)}
	if err != nil {
		r.core.Log.Error("job", append(fields, zap.Error(err))...)
	} else {
		r.core.Log.Info("job", fields...)
	}
	if err := r.core.Spare.Keep(); err != nil {
		r.core.Log.Debug("no room is reserved for the database", zap.Error(err))
	}
	r.signal() // another job may have waited for this one's resource
}

// heartbeat renews the lease until ctx ends. If the lease is lost, it ends the job.
func (r *Runner) heartbeat(ctx context.Context, j *meta.Job, own *run) {
	misses := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.core.Clock.After(r.o.Lease / 3):
		}
		held := false
		err := r.core.WriteFreeing(ctx, func(tx *meta.Tx) (err error) {
			held, err = tx.Renew(j.ID, j.Attempts, r.o.Lease)
			return err
		})
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && held:
			misses = 0
			continue
		case err != nil:
			if misses++; misses < 3 {
				continue
			}
		}
		own.cancel(errLeaseLost)
		return
	}
}
