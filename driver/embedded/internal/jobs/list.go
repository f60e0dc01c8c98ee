package jobs

import (
	"cmp"
	"context"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// ListJobs implements [driver.JobLister]. The progress of jobs of this process is that of the moment;
// that of others is as old as their latest renewal of the lease.
func (r *Runner) ListJobs(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Job], error) {
	project, some := core.Scope(who, q.AllProjects)
	if !some {
		return driver.Page[driver.Job]{}, nil
	}
	var rows []*meta.Job
	err := r.core.DB.Read(ctx, func(tx *meta.Tx) (err error) {
		rows, err = tx.JobsOfProject(project)
		return err
	})
	if err != nil {
		return driver.Page[driver.Job]{}, core.Classify(err)
	}
	all := make([]driver.Job, len(rows))
	for i, j := range rows {
		all[i] = r.show(j)
	}
	if len(q.Sort) == 0 {
		q.Sort = []driver.SortKey{{Column: "queue_position"}}
	}
	return driver.Paginate(all, driver.JobColumns, q, driver.JobNotFound)
}

// show returns a job as package driver has it.
func (r *Runner) show(j *meta.Job) driver.Job {
	p := j.Progress
	r.mu.Lock()
	if own := r.running[j.ID]; own != nil && j.State == meta.Running {
		p = own.progress.now()
	}
	r.mu.Unlock()
	shown := driver.Job{ID: j.ID, Action: j.Kind, State: j.State, ProjectID: j.ProjectID, UserID: j.UserID, RequestID: j.RequestID,
		BackupID: j.BackupID, VolumeID: j.VolumeID, SnapshotID: j.SnapshotID, Host: j.Host, Attempt: j.Attempts, Position: j.Seq, Queued: j.CreatedAt}
	if j.State == meta.Queued {
		shown.NotBefore = j.NotBefore
		return shown
	}
	shown.Host, shown.Started, shown.Seen, shown.Done, shown.Total = cmp.Or(j.Worker, r.core.Host), p.Started, p.Seen, p.Done, p.Total
	if took := p.Seen.Sub(p.Started); !p.Seen.IsZero() && took >= time.Millisecond {
		shown.Rate = int64(float64(p.Done) / took.Seconds())
	}
	return shown
}
