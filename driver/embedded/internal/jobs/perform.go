package jobs

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/database"
	"cindergate/internal/meta"
	"cindergate/internal/panics"
)

// cancelled is the outcome of a job that was cancelled or lost.
const cancelled = "cancelled"

// perform runs the task and stores its end: done, failed, requeued, repeated or lost. outcome is one
// of those of embedded.Observer.
func (r *Runner) perform(ctx context.Context, j *meta.Job) (outcome string, bytes int64, err error) {
	t := r.task(j)
	bytes, settle, err := r.try(ctx, j, t)
	// The rest is short, and a shutdown must not interrupt it.
	after := context.WithoutCancel(ctx)
	cause := context.Cause(ctx)
	if errors.Is(err, ErrKilled) {
		return cancelled, 0, err
	}
	if errors.Is(cause, errCancelled) || errors.Is(cause, errLeaseLost) {
		return cancelled, bytes, errors.Join(cause, t.undo(after))
	}
	if err != nil && ctx.Err() != nil {
		return "released", bytes, r.requeue(after, j, 0, Done)
	}
	if again := (*Again)(nil); errors.As(err, &again) {
		return "repeated", 0, errors.Join(err, r.requeue(after, j, again.After, again.Change))
	}
	if errors.As(err, new(*database.Away)) {
		// The database was away, and not the work at fault: it runs again.
		return "repeated", 0, errors.Join(err, r.requeueLater(ctx, j))
	}
	outcome = "ok"
	if err != nil {
		outcome = "error"
		reason := core.ReasonOf(err)
		err = errors.Join(err, t.undo(after))
		bytes = 0
		settle = Done
		if t.Fail != nil {
			settle = func(tx *meta.Tx) error { return t.Fail(tx, reason) }
		}
	}
	held, settleErr := r.settle(after, j, settle)
	for (database.Unwritable(settleErr) || database.Unavailable(settleErr)) && ctx.Err() == nil {
		// The work is done. Its end is stored as soon as the disk has free space or the database
		// answers, unless the lease expires before.
		r.core.Log.Error("the end of a job cannot be stored yet", zap.String("job_id", j.ID), zap.Error(settleErr))
		r.core.Wait(ctx, retryWrite)
		held, settleErr = r.settle(after, j, settle)
	}
	if !held {
		return cancelled, bytes, errors.Join(errLeaseLost, t.undo(after))
	}
	if settleErr != nil {
		outcome = "error" // the lease expires, and the job runs again
	}
	return outcome, bytes, errors.Join(err, settleErr)
}

func (t Task) undo(ctx context.Context) error {
	if t.Undo == nil {
		return nil
	}
	return t.Undo(ctx)
}

// try does the work of a job, or gives up after too many attempts. It does nothing if the job was
// cancelled before. A panic fails only this job.
func (r *Runner) try(ctx context.Context, j *meta.Job, t Task) (bytes int64, settle func(*meta.Tx) error, err error) {
	defer func() {
		if p := panics.Recovered(recover()); p != nil {
			err = p
		}
	}()
	if err := context.Cause(ctx); err != nil {
		return 0, nil, err
	}
	if k, known := r.kinds[j.Kind]; !known || j.Tries() <= k.maxAttempts {
		if r.o.Hook != nil {
			ctx = reportingTo(ctx, func(done, total int64) error { return r.o.Hook.Progress(ctx, j, done, total) })
			if err := r.o.Hook.Before(ctx, j); err != nil {
				return 0, nil, err
			}
		}
		return t.Run(ctx)
	}
	err = core.Reasonf("The service died %d times while it worked on this.", j.Tries()-1)
	if t.GiveUp != nil {
		err = errors.Join(err, t.GiveUp(ctx))
	}
	return 0, nil, err
}

// settle stores the end of a job. held is false if another worker has the job by now, or if
// it was cancelled. In that case nothing is stored. It may be called again after an error: if the
// connection was lost during the commit, the end may be stored already.
func (r *Runner) settle(ctx context.Context, j *meta.Job, change func(*meta.Tx) error) (held bool, err error) {
	held = true // if nobody can tell
	defer func() {
		if p := panics.Recovered(recover()); p != nil {
			err = p
		}
	}()
	err = r.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		own, err := tx.Held(j.ID, j.Attempts)
		if err != nil {
			return err
		}
		if own == nil {
			held, err = tx.Ended(j.ID, j.Attempts)
			return err
		}
		held = true
		if err := change(tx); err != nil {
			return err
		}
		return tx.EndJob(own)
	})
	return held, err
}

// requeueLater requeues a job as soon as the database answers, unless its lease expires before. The
// attempt does not count.
func (r *Runner) requeueLater(ctx context.Context, j *meta.Job) error {
	for {
		err := r.requeue(context.WithoutCancel(ctx), j, retryWrite, Done)
		if err == nil || !database.Unavailable(err) || ctx.Err() != nil {
			return err
		}
		r.core.Wait(ctx, retryWrite)
	}
}

// requeue returns a job to the queue, to run after a pause at the earliest. The attempt does not
// count.
func (r *Runner) requeue(ctx context.Context, j *meta.Job, pause time.Duration, change func(*meta.Tx) error) error {
	return r.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		own, err := tx.Held(j.ID, j.Attempts)
		if err != nil || own == nil {
			return err
		}
		own.State, own.LeaseUntil = meta.Queued, time.Time{}
		own.Released++
		if pause > 0 {
			own.NotBefore = tx.Now.Add(pause)
			tx.AfterCommit(func() { r.core.Clock.AfterFunc(pause, r.signal) })
		}
		if change == nil {
			change = Done
		}
		return errors.Join(change(tx), tx.PutJob(own))
	})
}
