package translate

import (
	"context"
	"math"
	"slices"

	"cindergate/driver"
)

// jobListing is the list of jobs, which Cinder does not have. Its filters are those of the API of
// backups: text, and all_tenants of an admin.
var jobListing = &listing{
	columns: columnNames(driver.JobColumns), sortByName: never, notFound: driver.JobNotFound, counts: true,
	filters: &filterRules{allTenants: strictAllTenants},
}

// jobFilters are the filters of the list of jobs; any other one is refused.
var jobFilters = []string{"action", "state", "project_id", "request_id", "backup_id", "volume_id", "snapshot_id"}

type jobView struct {
	ID         string  `json:"id"`
	Action     string  `json:"action"`
	State      string  `json:"state"`
	ProjectID  *string `json:"project_id"` // null: work of the service itself
	BackupID   *string `json:"backup_id"`
	VolumeID   *string `json:"volume_id"`
	SnapshotID *string `json:"snapshot_id"`
	RequestID  *string `json:"request_id"`
	Host       *string `json:"host,omitempty"` // only for admins
	Attempt    int     `json:"attempt"`

	CreatedAt timestamp `json:"created_at"`
	NotBefore timestamp `json:"not_before"`
	StartedAt timestamp `json:"started_at"`
	SeenAt    timestamp `json:"seen_at"`

	Done      *int64 `json:"done"`  // bytes of the volume
	Total     *int64 `json:"total"` // bytes of the volume
	Rate      *int64 `json:"rate"`  // bytes in a second
	Remaining *int64 `json:"remaining_seconds"`
}

// known returns n, or nil if it is 0, which stands for what is not known.
func known(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

func (r Request) jobView(j *driver.Job) jobView {
	v := jobView{ID: j.ID, Action: j.Action, State: j.State, ProjectID: nullable(j.ProjectID), BackupID: nullable(j.BackupID),
		VolumeID: nullable(j.VolumeID), SnapshotID: nullable(j.SnapshotID), RequestID: nullable(j.RequestID), Attempt: j.Attempt,
		CreatedAt: timestamp(j.Queued), NotBefore: timestamp(j.NotBefore), StartedAt: timestamp(j.Started), SeenAt: timestamp(j.Seen),
		Total: known(j.Total), Rate: known(j.Rate)}
	if !j.Seen.IsZero() {
		v.Done = &j.Done
	}
	if left, ok := j.Remaining(); ok {
		seconds := int64(math.Ceil(left.Seconds()))
		v.Remaining = &seconds
	}
	if r.Caller.IsAdmin() {
		v.Host = nullable(j.Host)
	}
	return v
}

// ListJobs serves GET /jobs: the work that waits or runs, in the order of the queue.
func (t *Translator) ListJobs(ctx context.Context, r Request) (Response, error) {
	lister, err := Capability[driver.JobLister](t.driver, "jobs")
	if err != nil {
		return Response{}, err
	}
	p, err := jobListing.list(r)
	if err != nil {
		return Response{}, err
	}
	for _, f := range p.Filters {
		if !slices.Contains(jobFilters, f.Column) {
			return Response{}, driver.Errorf(driver.InvalidInput, "Invalid filters %s are found in query options.", f.Column)
		}
	}
	found, err := lister.ListJobs(ctx, r.Caller, p.Query)
	if err != nil {
		return Response{}, err
	}
	id := func(j *driver.Job) string { return j.ID }
	return list(r, p, "jobs", "jobs", found.Items, found.Count, id, r.jobView)
}
