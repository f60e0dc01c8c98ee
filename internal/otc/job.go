package otc

import (
	"context"
	"net/http"
	"net/url"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Job is an asynchronous operation of VBS or EVS (GET /v1/{project_id}/jobs/{id}).
type Job struct {
	ID string `json:"job_id"`
	// Status is SUCCESS or FAIL at the end, before that INIT or RUNNING. Jobs of EVS also
	// have WAITING_EXECUTE and LISTENING.
	Status     string         `json:"status"`
	BeginTime  openstack.Time `json:"begin_time"`
	ErrorCode  Text           `json:"error_code"`
	FailReason Text           `json:"fail_reason"`
	// Entities are the resources that the job works on. Not all of them are strings.
	Entities struct {
		BackupID Text  `json:"backup_id"`
		VolumeID Text  `json:"volume_id"`
		SubJobs  []Job `json:"sub_jobs"`
	} `json:"entities"`
	SubJobs []Job `json:"sub_jobs"` // "" if there are none
}

// The statuses of a job that has ended.
const (
	jobSucceeded = "SUCCESS"
	jobFailed    = "FAIL"
)

// Failed reports whether the job has failed.
func (j *Job) Failed() bool { return j.Status == jobFailed }

// Entity returns the id of one kind of resource that a job makes.
type Entity func(*Job) Text

// The kinds of resources that jobs make.
var (
	BackupID Entity = func(j *Job) Text { return j.Entities.BackupID }
	VolumeID Entity = func(j *Job) Text { return j.Entities.VolumeID }
)

// find returns the entity's id from the job or its sub-jobs, "" if there is none yet.
func (j *Job) find(what Entity) string {
	if id := what(j); id != "" {
		return string(id)
	}
	for _, jobs := range [][]Job{j.SubJobs, j.Entities.SubJobs} {
		for i := range jobs {
			if id := jobs[i].find(what); id != "" {
				return id
			}
		}
	}
	return ""
}

// cause returns the job or sub-job that has the reason of the failure.
func (j *Job) cause() *Job {
	if j.FailReason != "" || j.ErrorCode != "" {
		return j
	}
	for _, jobs := range [][]Job{j.SubJobs, j.Entities.SubJobs} {
		for i := range jobs {
			if jobs[i].Failed() {
				return jobs[i].cause()
			}
		}
	}
	return j
}

// job reads a job.
func (s *Service) job(ctx context.Context, caller driver.Caller, id string) (job Job, err error) {
	err = s.Call(ctx, caller, http.MethodGet, "v1", "/jobs/"+url.PathEscape(id), nil, nil, &job)
	return job, err
}

// Await polls a job until the job names the id of the resource that it makes. It retries a
// failed poll unless the token has expired. It returns the last answer about the job in any
// case.
//
// A failed job is an error with the vendor's reason; the job may still have named an id. If
// the job names no id within Options.IDTimeout, the error is Unavailable with the job's id,
// so that an operator can look for the resource. A job that succeeds without an id is
// Unavailable too.
func (s *Service) Await(ctx context.Context, caller driver.Caller, jobID string, what Entity) (id string, last Job, err error) {
	err = s.Wait(ctx, "job "+jobID, func(ctx context.Context) (bool, error) {
		job, err := s.job(ctx, caller, jobID)
		if err != nil {
			return false, err
		}
		last, id = job, job.find(what)
		switch {
		case job.Failed():
			cause := job.cause()
			return true, s.Failed(caller, "Job "+jobID, string(cause.ErrorCode), string(cause.FailReason))
		case id != "":
			return true, nil
		case job.Status == jobSucceeded:
			return true, s.toldNothing(jobID)
		}
		return false, nil
	})
	return id, last, err
}

func (s *Service) toldNothing(jobID string) error {
	return driver.Errorf(driver.Unavailable, "Job %s of %s succeeded without telling what it made.", jobID, s.kind.Name)
}
