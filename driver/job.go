package driver

import (
	"context"
	"time"
)

// Job is work on data that waits or runs. It is gone when it has ended: then the status of its
// resource says how.
type Job struct {
	ID string
	// Action is what it does: backup, restore, delete (of a backup), and so on.
	Action    string
	State     string // queued, running
	ProjectID string
	UserID    string // of who asked for it
	RequestID string // of the request that queued it
	// The resources that it works on; "": none of that kind.
	BackupID, VolumeID, SnapshotID string

	Host    string // of the service that runs it, or must run it; "": any
	Attempt int    // 0: it has not begun
	// Position orders the jobs: those with lower ones were queued before.
	Position int64
	// Queued is when it was asked for. NotBefore is when a job that waits after a failed attempt runs
	// again. Started is when this attempt began, and Seen when Done was true.
	Queued, NotBefore, Started, Seen time.Time

	// Done of Total bytes of the volume are copied; Total 0: not known.
	Done, Total int64
	// Rate is bytes per second, on average of this attempt; 0: not known.
	Rate int64
}

// Remaining returns how long a running job lasts if it goes on as until now; false: not known.
func (j *Job) Remaining() (time.Duration, bool) {
	if j.Rate <= 0 || j.Total <= 0 || j.Done > j.Total {
		return 0, false
	}
	return time.Duration(float64(j.Total-j.Done) / float64(j.Rate) * float64(time.Second)), true
}

// JobLister shows the jobs of the caller's project, or of all projects if an admin asks for them.
type JobLister interface {
	// ListJobs returns one page of the jobs that wait or run, in the order of the queue unless q
	// sorts them. Columns: id, action, state, project_id, backup_id, volume_id, snapshot_id,
	// request_id, created_at, queue_position.
	ListJobs(ctx context.Context, caller Caller, q Query) (Page[Job], error)
}

// PolicyExplainer says what the backup policy of a volume does, and why.
type PolicyExplainer interface {
	// ExplainPolicy returns the policy's next runs, the last ones, and for each backup why it is kept
	// or when it goes, as a value that encodes to the JSON of docs/policies.md. With a text, as if the
	// volume had that policy; a mistake in it is Invalid. It changes nothing.
	ExplainPolicy(ctx context.Context, caller Caller, volumeID, text string) (any, error)
}

// JobNotFound is the error for a job that is not there, or has ended.
func JobNotFound(id string) error { return notFound("Job", id) }
