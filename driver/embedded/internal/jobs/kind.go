// Package jobs runs the background work of the embedded driver: it has a queue in the
// database, the workers, and a registry of the kinds of jobs.
//
// Packages volumes and backups register the kinds. This package does not know what a kind
// does.
//
// A job is queued in the transaction of the request that asks for it. A worker claims it
// for the time of a lease, and renews the lease while it works. The end of a job is one
// transaction, which changes the resources and deletes the job's row. A worker that has
// lost its lease changes nothing.
package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// The queues. Short jobs must not wait behind jobs that take an hour. The names are stored
// in the database.
const (
	DataQueue  = "data"  // copies of data
	QuickQueue = "quick" // deletes and imports
	IdleQueue  = "idle"  // work that nobody waits for
	CopyQueue  = "copy"  // copies to other backends
)

// Kind is one kind of job. Its arguments have type A and are stored as JSON.
type Kind[A any] struct {
	Queue string
	// AfterBackup makes a job wait, in this process, until other jobs on its backup have
	// stopped. A cancelled job may still be writing.
	AfterBackup bool
	// MaxAttempts is how often a job of this kind runs if the process dies each time, for kinds
	// that go on where they were; 0: [Options.MaxAttempts].
	MaxAttempts int
	// Task returns the work of one attempt at a job.
	Task func(j *meta.Job, a A) Task
}

// Task is the work of one attempt at a job. Only Run is required. The functions that take a
// transaction may run more than once; see [meta.DB.Write].
type Task struct {
	// Run does the work. It returns the number of the volume's bytes, and the changes to
	// make in the final transaction after success.
	Run func(ctx context.Context) (bytes int64, settle func(*meta.Tx) error, err error)
	// Fail makes the changes of the final transaction after Run has failed. reason is the
	// error as a text for users.
	Fail func(tx *meta.Tx, reason string) error
	// Undo removes what an attempt has left behind if it failed, was cancelled, or lost its
	// lease. It must not touch what a later attempt creates.
	Undo func(ctx context.Context) error
	// GiveUp removes what all attempts have left behind. It is called instead of Run if the
	// process died in too many of them.
	GiveUp func(ctx context.Context) error
	// Cancel changes the status of the job's resources, in the transaction that cancels the
	// job.
	Cancel func(tx *meta.Tx) error
}

// Again is an error of [Task.Run] that has the job run again after a pause. It is no failure:
// neither Fail nor Undo is called, and the attempt does not count.
type Again struct {
	After  time.Duration
	Change func(*meta.Tx) error // made in the transaction that requeues the job; nil: none
	Err    error                // why, for the log
	Waits  bool                 // nothing is wrong: the log has it at the level debug
}

func (a *Again) Error() string { return a.Err.Error() }
func (a *Again) Unwrap() error { return a.Err }

// Done is a settle function that changes nothing.
func Done(*meta.Tx) error { return nil }

// kind is a [Kind] that decodes the arguments itself.
type kind struct {
	queue       string
	afterBackup bool
	maxAttempts int
	task        func(j *meta.Job) Task
}

// Register registers a kind of job under a name. The name is stored with the jobs. Call
// Register before the first job is created.
func Register[A any](r *Runner, name string, k Kind[A]) {
	if _, twice := r.kinds[name]; twice {
		panic("jobs: the kind " + name + " is registered twice")
	}
	r.kinds[name] = kind{k.Queue, k.AfterBackup, cmp.Or(k.MaxAttempts, r.o.MaxAttempts), func(j *meta.Job) Task {
		a, err := Arguments[A](j)
		t := k.Task(j, a)
		if err != nil {
			t.Run = failing(core.Because(err, "The arguments of the job cannot be read."))
		}
		return t
	}}
}

// task returns the work of an attempt at a job.
func (r *Runner) task(j *meta.Job) Task {
	k, ok := r.kinds[j.Kind]
	if !ok {
		return Task{Run: failing(fmt.Errorf("unknown kind of job %q", j.Kind))}
	}
	return k.task(j)
}

func failing(err error) func(context.Context) (int64, func(*meta.Tx) error, error) {
	return func(context.Context) (int64, func(*meta.Tx) error, error) { return 0, nil, err }
}

// Arguments decodes the arguments of a job.
func Arguments[A any](j *meta.Job) (a A, err error) {
	if len(j.Arguments) > 0 {
		err = json.Unmarshal(j.Arguments, &a)
	}
	return a, err
}

// New returns a new job of the caller. Jobs of one resource run one after the other, in the
// order of the queue. The caller of New sets the job's backup, volume or snapshot, and
// passes the job to [Runner.Enqueue].
func (r *Runner) New(who driver.Caller, name, resource string, arguments any) (*meta.Job, error) {
	k, ok := r.kinds[name]
	if !ok {
		return nil, fmt.Errorf("unknown kind of job %q", name)
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return nil, fmt.Errorf("arguments of a job %s: %w", name, err)
	}
	return &meta.Job{ID: r.core.NewID(), Kind: name, Queue: k.queue, Resource: resource, State: meta.Queued,
		ProjectID: who.ProjectID, UserID: who.UserID, RequestID: who.RequestID, Trace: who.Trace, Arguments: raw}, nil
}

// Requester returns the user who requested a job, with the fields that a message needs.
func Requester(j *meta.Job) driver.Caller {
	return driver.Caller{ProjectID: j.ProjectID, UserID: j.UserID, RequestID: j.RequestID, Trace: j.Trace}
}
