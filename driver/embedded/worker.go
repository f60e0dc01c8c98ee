package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/driver"
	"cindergate/internal/chunked"
	"cindergate/internal/meta"
)

// Kinds of jobs.
const (
	backupJob         = "backup"
	restoreJob        = "restore"
	deleteJob         = "delete"
	importJob         = "import"
	copyVolumeJob     = "volume-copy"
	deleteVolumeJob   = meta.DeleteVolume
	snapshotJob       = "snapshot"
	deleteSnapshotJob = meta.DeleteSnapshot
	revertJob         = "revert"
)

// Lanes keep what takes a moment from waiting behind what takes an hour.
const (
	dataLane  = "data"
	quickLane = "quick"
)

// arguments are what a job needs to know beside what it is about.
type arguments struct {
	Previous string `json:"previous,omitempty"` // status of the volume before
	New      bool   `json:"new,omitempty"`      // a volume from a backup: the backup stays available
	Source   string `json:"source,omitempty"`   // file name of what is copied
	Cascade  bool   `json:"cascade,omitempty"`  // the volume is deleted after its last snapshot
}

func (a arguments) encode() json.RawMessage {
	raw, err := json.Marshal(a)
	if err != nil {
		return nil // Record is valid JSON and the rest are strings
	}
	return raw
}

func argumentsOf(j *meta.Job) (a arguments, err error) {
	if len(j.Arguments) > 0 {
		err = json.Unmarshal(j.Arguments, &a)
	}
	return a, err
}

// job is a new job of the caller. Jobs of one resource run one after the other.
func (d *Driver) job(who driver.Caller, kind, resource string, a arguments) *meta.Job {
	lane := quickLane
	switch kind {
	case backupJob, restoreJob, copyVolumeJob, snapshotJob, revertJob:
		lane = dataLane
	}
	return &meta.Job{ID: d.o.NewID(), Kind: kind, Lane: lane, Resource: resource, State: meta.Queued,
		ProjectID: who.ProjectID, UserID: who.UserID, RequestID: who.RequestID, Arguments: a.encode()}
}

// enqueue inserts the job and wakes a worker once it is committed.
func (d *Driver) enqueue(tx *meta.Tx, j *meta.Job) error {
	j.CreatedAt = tx.Now
	tx.AfterCommit(d.signal)
	return tx.PutJob(j)
}

// requester is who asked for a job, as far as a message to it needs to know.
func requester(j *meta.Job) driver.Caller {
	return driver.Caller{ProjectID: j.ProjectID, UserID: j.UserID, RequestID: j.RequestID}
}

// storeReady returns an error unless the backup store is there: one that is not
// mounted looks empty.
func (d *Driver) storeReady(ctx context.Context) error {
	err := d.store.Check(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return because(err, "The backup store is not there: its directory is not mounted or is another one.")
}

// signal wakes the workers. One that is busy looks again when it is done.
func (d *Driver) signal() {
	for _, wake := range d.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Why a job's context ends before the job.
var (
	errCancelled = errors.New("the job was cancelled")
	errLeaseLost = errors.New("the job's lease was lost")
)

// flight is a job that runs in this process.
type flight struct {
	backupID string
	resource string
	cancel   context.CancelCauseFunc
	done     chan struct{}
}

func (d *Driver) cancelFlight(jobID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f, ok := d.flights[jobID]; ok {
		f.cancel(errCancelled)
	}
}

// takeOff registers a run of the job, once earlier ones of this process that could
// get in its way have landed.
func (d *Driver) takeOff(ctx context.Context, j *meta.Job) (*flight, context.Context) {
	f := &flight{backupID: j.BackupID, resource: j.Resource, done: make(chan struct{})}
	run, cancel := context.WithCancelCause(ctx)
	f.cancel = cancel
	for {
		d.mu.Lock()
		var other *flight
		for id, o := range d.flights {
			// A cancelled job's row is gone, and its last writes may be under way.
			if id == j.ID || o.resource == j.Resource || (j.Kind == deleteJob && o.backupID == j.BackupID) {
				other = o
			}
		}
		if other == nil {
			d.flights[j.ID] = f
			d.mu.Unlock()
			return f, run
		}
		d.mu.Unlock()
		other.cancel(errLeaseLost)
		<-other.done
	}
}

func (d *Driver) land(j *meta.Job, f *flight) {
	d.mu.Lock()
	delete(d.flights, j.ID)
	d.mu.Unlock()
	f.cancel(nil)
	close(f.done)
}

// Run does jobs until ctx ends; those that run then are given back, to be begun
// anew. It returns nil.
func (d *Driver) Run(ctx context.Context) error {
	d.up.Store(true)
	defer d.up.Store(false)
	var workers errgroup.Group
	for range d.o.Workers {
		workers.Go(func() error { d.work(ctx, dataLane); return nil })
	}
	workers.Go(func() error { d.work(ctx, quickLane); return nil })
	workers.Go(func() error { d.expireMessages(ctx); return nil })
	return workers.Wait()
}

// work does the jobs of a lane. It is woken by new jobs; the ticker is only for
// leases that ran out. When the queue cannot be read or written, for instance
// because the disk is full, it tries again soon.
func (d *Driver) work(ctx context.Context, lane string) {
	ticker := time.NewTicker(d.o.Lease)
	defer ticker.Stop()
	for ctx.Err() == nil {
		ran, err := d.runOne(ctx, lane)
		if err != nil && ctx.Err() == nil {
			d.log.Error("job queue", zap.String("lane", lane), zap.Error(err))
			wait(ctx, retryWrite)
			continue
		}
		if ran {
			continue
		}
		select {
		case <-ctx.Done():
		case <-d.wake[lane]:
		case <-ticker.C:
		}
	}
}

// retryWrite is how long the queue waits before it writes again to a database that
// could not be written.
const retryWrite = time.Second

// wait waits for a while, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (d *Driver) expireMessages(ctx context.Context) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		if err := d.write(ctx, func(tx *meta.Tx) error { return tx.ExpireMessages() }); err != nil && ctx.Err() == nil {
			d.log.Error("expire messages", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// RunOne does the next job, whatever its lane, and tells whether there was one. A
// job that failed is no error: the statuses say so.
func (d *Driver) RunOne(ctx context.Context) (bool, error) { return d.runOne(ctx, "") }

func (d *Driver) runOne(ctx context.Context, lane string) (bool, error) {
	var j *meta.Job
	err := d.writeFreeing(ctx, func(tx *meta.Tx) (err error) {
		j, err = tx.Claim(lane, d.o.Lease)
		return err
	})
	if err != nil || j == nil {
		return false, err
	}
	return true, d.run(ctx, j)
}

// run performs a claimed job and settles it.
func (d *Driver) run(ctx context.Context, j *meta.Job) error {
	f, jobCtx := d.takeOff(ctx, j)
	defer d.land(j, f)
	beat, stop := context.WithCancel(jobCtx)
	stopped := make(chan struct{})
	go func() { defer close(stopped); d.heartbeat(beat, j, f) }()

	began := d.o.Now()
	outcome, bytes, err := d.perform(jobCtx, j)
	stop()
	<-stopped
	took := d.o.Now().Sub(began)
	if d.o.Observer != nil {
		d.o.Observer.JobDone(j.Kind, outcome, bytes, took)
	}
	fields := []zap.Field{zap.String("job_id", j.ID), zap.String("kind", j.Kind), zap.String("outcome", outcome),
		zap.String("backup_id", j.BackupID), zap.String("volume_id", j.VolumeID), zap.Int("attempt", j.Attempts),
		zap.Duration("took", took), zap.String("request_id", j.RequestID)}
	if err != nil {
		d.log.Error("job", append(fields, zap.Error(err))...)
	} else {
		d.log.Info("job", fields...)
	}
	if err := d.spare.keep(); err != nil {
		d.log.Debug("no room is reserved for the database", zap.Error(err))
	}
	d.signal() // another job may have waited for this one's resource
	return nil
}

// heartbeat prolongs the lease until ctx ends, and ends the job when it is lost.
func (d *Driver) heartbeat(ctx context.Context, j *meta.Job, f *flight) {
	ticker := time.NewTicker(d.o.Lease / 3)
	defer ticker.Stop()
	misses := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		held := false
		err := d.writeFreeing(ctx, func(tx *meta.Tx) (err error) {
			held, err = tx.Renew(j.ID, j.Attempts, d.o.Lease)
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
		f.cancel(errLeaseLost)
		return
	}
}

// task is what a kind of job does.
type task struct {
	// do moves the data and returns the volume's bytes and what the settling
	// transaction changes if all went well.
	do func(ctx context.Context) (bytes int64, settle func(*meta.Tx) error, err error)
	// fail is what the settling transaction changes otherwise.
	fail func(tx *meta.Tx, reason string) error
	// undo removes what an attempt that will not be settled has left.
	undo func(ctx context.Context) error
	// abandon removes what all attempts have left, before the job is given up.
	abandon func(ctx context.Context) error
}

func (d *Driver) task(j *meta.Job) task {
	switch j.Kind {
	case backupJob:
		return d.backupTask(j)
	case restoreJob:
		return d.restoreTask(j)
	case deleteJob:
		return d.deleteTask(j)
	case importJob:
		return d.importTask(j)
	case copyVolumeJob:
		return d.copyVolumeTask(j)
	case deleteVolumeJob:
		return d.deleteVolumeTask(j)
	case snapshotJob:
		return d.snapshotTask(j)
	case deleteSnapshotJob:
		return d.deleteSnapshotTask(j)
	case revertJob:
		return d.revertTask(j)
	}
	return task{do: func(context.Context) (int64, func(*meta.Tx) error, error) {
		return 0, func(*meta.Tx) error { return nil }, fmt.Errorf("unknown kind of job %q", j.Kind)
	}}
}

// perform runs the task and settles: done, failed, given back, or lost.
func (d *Driver) perform(ctx context.Context, j *meta.Job) (outcome string, bytes int64, err error) {
	t := d.task(j)
	bytes, settle, err := d.attemptTask(ctx, j, t)
	// Whatever follows is short, and a shutdown must not leave it half done.
	after := context.WithoutCancel(ctx)
	cause := context.Cause(ctx)
	if errors.Is(cause, errCancelled) || errors.Is(cause, errLeaseLost) {
		return "cancelled", bytes, errors.Join(cause, t.cleanUp(after))
	}
	if err != nil && ctx.Err() != nil {
		return "released", bytes, d.release(after, j)
	}
	outcome = "ok"
	if err != nil {
		outcome = "error"
		reason := reasonOf(err)
		if undo := t.cleanUp(after); undo != nil {
			err = errors.Join(err, undo)
		}
		bytes = 0
		settle = func(tx *meta.Tx) error {
			if t.fail == nil {
				return nil
			}
			return t.fail(tx, reason)
		}
	}
	held, settleErr := d.settle(after, j, settle)
	for meta.Unwritable(settleErr) && ctx.Err() == nil {
		// The work is done: its end is stored as soon as the disk has room.
		d.log.Error("the end of a job cannot be stored yet", zap.String("job_id", j.ID), zap.Error(settleErr))
		wait(ctx, retryWrite)
		held, settleErr = d.settle(after, j, settle)
	}
	if !held {
		return "cancelled", bytes, errors.Join(errLeaseLost, t.cleanUp(after))
	}
	if settleErr != nil {
		outcome = "error" // the lease runs out, and the job is done again
	}
	return outcome, bytes, errors.Join(err, settleErr)
}

// attemptTask does the work of a job, or gives it up after too many attempts. A
// panic is an error of this job alone.
func (d *Driver) attemptTask(ctx context.Context, j *meta.Job, t task) (bytes int64, settle func(*meta.Tx) error, err error) {
	defer func() {
		if p := chunked.Recovered(recover()); p != nil {
			err = p
		}
	}()
	if j.Tries() <= d.o.MaxAttempts {
		return t.do(ctx)
	}
	err = reasonf("The service died %d times while it worked on this.", j.Tries()-1)
	if t.abandon != nil {
		err = errors.Join(err, t.abandon(ctx))
	}
	return 0, nil, err
}

// settle stores the end of a job. held is false if the job is another worker's by
// now, or was cancelled; then nothing is stored.
func (d *Driver) settle(ctx context.Context, j *meta.Job, change func(*meta.Tx) error) (held bool, err error) {
	defer func() {
		if p := chunked.Recovered(recover()); p != nil {
			err = p
		}
	}()
	held = true
	err = d.writeFreeing(ctx, func(tx *meta.Tx) error {
		own, err := tx.Held(j.ID, j.Attempts)
		if err != nil {
			return err
		}
		if held = own != nil; !held {
			return nil
		}
		if err := change(tx); err != nil {
			return err
		}
		return tx.RemoveJob(j.ID)
	})
	return held, err
}

func (t task) cleanUp(ctx context.Context) error {
	if t.undo == nil {
		return nil
	}
	return t.undo(ctx)
}

// release gives a job back unharmed, for the next Run.
func (d *Driver) release(ctx context.Context, j *meta.Job) error {
	return d.writeFreeing(ctx, func(tx *meta.Tx) error {
		own, err := tx.Held(j.ID, j.Attempts)
		if err != nil || own == nil {
			return err
		}
		own.State, own.LeaseUntil = meta.Queued, time.Time{}
		own.Released++
		return tx.PutJob(own)
	})
}
