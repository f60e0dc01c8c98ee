// Package jobs runs the background work of the embedded driver: a queue in the database,
// workers that take jobs from it, and the kinds of jobs, which the rooms register. It
// knows what no kind does.
//
// A job is queued in the transaction of the request that asks for it. A worker claims it
// for the time of a lease, which it renews while it works. The end of a job is one
// transaction, which changes the resources and deletes the job's row. A worker that has
// lost its lease changes nothing.
package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// The queues: what takes a moment must not wait behind what takes an hour. The names are
// stored.
const (
	DataQueue  = "data"  // copies of data
	QuickQueue = "quick" // deletes and imports
)

// Kind is one kind of job with arguments of type A, which are stored as JSON.
type Kind[A any] struct {
	Queue string
	// AfterBackup makes a job wait, in this process, until other jobs about its backup
	// have stopped: one that was cancelled may still be writing.
	AfterBackup bool
	// Task returns what one attempt at a job does.
	Task func(j *meta.Job, a A) Task
}

// Task is one attempt at a job. Only Run is required. The functions that are given a
// transaction may be run more than once, as [meta.DB.Write] says.
type Task struct {
	// Run does the work. It returns the bytes of the volume that it was about, and what
	// the settling transaction changes if all went well.
	Run func(ctx context.Context) (bytes int64, settle func(*meta.Tx) error, err error)
	// Fail is what the settling transaction changes when Run has failed. reason is the
	// error in words for a user.
	Fail func(tx *meta.Tx, reason string) error
	// Undo removes what an attempt has left that failed, was cancelled, or has lost its
	// lease. It must not touch what a later attempt makes.
	Undo func(ctx context.Context) error
	// GiveUp removes what all attempts have left. It is called in place of Run when the
	// process died during too many of them.
	GiveUp func(ctx context.Context) error
	// Cancel gives what the job holds another status, in the transaction that cancels
	// the job.
	Cancel func(tx *meta.Tx) error
}

// Done is a settle that changes nothing.
func Done(*meta.Tx) error { return nil }

// kind is a Kind whose arguments are decoded.
type kind struct {
	queue       string
	afterBackup bool
	task        func(j *meta.Job) Task
}

// Register makes a kind of job known under a name, which is stored with its jobs. It is
// called before the first job is made.
func Register[A any](r *Runner, name string, k Kind[A]) {
	if _, twice := r.kinds[name]; twice {
		panic("jobs: the kind " + name + " is registered twice")
	}
	r.kinds[name] = kind{k.Queue, k.AfterBackup, func(j *meta.Job) Task {
		a, err := Arguments[A](j)
		t := k.Task(j, a)
		if err != nil {
			t.Run = failing(core.Because(err, "The arguments of the job cannot be read."))
		}
		return t
	}}
}

// task returns what an attempt at a job does.
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

// New returns a new job of the caller. Jobs of one resource run one after the other, in
// the order in which they were queued. The caller of New names in the job what it is
// about, and hands it to [Runner.Enqueue].
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
		ProjectID: who.ProjectID, UserID: who.UserID, RequestID: who.RequestID, Arguments: raw}, nil
}

// Requester is who asked for a job, as far as a message to it needs to know.
func Requester(j *meta.Job) driver.Caller {
	return driver.Caller{ProjectID: j.ProjectID, UserID: j.UserID, RequestID: j.RequestID}
}
