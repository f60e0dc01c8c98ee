package otc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"cindergate/driver"
	"cindergate/driver/openstack"
)

// Job is an asynchronous operation of VBS or EVS (GET /v1/{project_id}/jobs/{id}).
type Job struct {
	ID         string `json:"job_id"`
	Status     string `json:"status"` // INIT, RUNNING, SUCCESS or FAIL
	ErrorCode  Text   `json:"error_code"`
	FailReason Text   `json:"fail_reason"`
	// Entities are what the job works on. Not all of them are texts.
	Entities struct {
		BackupID Text  `json:"backup_id"`
		VolumeID Text  `json:"volume_id"`
		SubJobs  []Job `json:"sub_jobs"`
	} `json:"entities"`
	SubJobs []Job `json:"sub_jobs"`
}

// Entity names what a job makes.
type Entity func(*Job) Text

// What jobs make.
var (
	BackupID Entity = func(j *Job) Text { return j.Entities.BackupID }
	VolumeID Entity = func(j *Job) Text { return j.Entities.VolumeID }
)

// find looks for an entity in the job and in those that it consists of.
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

// failed is the job, or that of which it consists, that tells why it failed.
func (j *Job) failed() *Job {
	if j.FailReason != "" || j.ErrorCode != "" {
		return j
	}
	for _, jobs := range [][]Job{j.SubJobs, j.Entities.SubJobs} {
		for i := range jobs {
			if jobs[i].Status == "FAIL" {
				return jobs[i].failed()
			}
		}
	}
	return j
}

// Await asks a job for the id of what it makes until it tells: for the id, not for the
// end of the work. A job that fails before is an error with the vendor's reason. One
// that does not tell within Options.IDTimeout is Unavailable, with its id, so that an
// operator can look for what it made. A failing look is no end, unless the token is.
func (s *Service) Await(ctx context.Context, who driver.Caller, jobID string, what Entity) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, s.cloud.o.IDTimeout)
	defer cancel()
	var id string
	var last error
	err := openstack.Until(bounded, s.cloud.o.PollEvery, func(ctx context.Context) (bool, error) {
		var job Job
		err := s.Call(ctx, who, http.MethodGet, "v1", "/jobs/"+url.PathEscape(jobID), nil, nil, &job)
		switch {
		case err != nil && lasting(err):
			return false, err
		case err != nil:
			if ctx.Err() == nil {
				last = err
			}
			return false, nil
		}
		id = job.find(what)
		switch {
		case id != "":
			return true, nil
		case job.Status == "FAIL":
			return false, s.jobFailed(who, jobID, job.failed())
		case job.Status == "SUCCESS":
			return false, driver.Errorf(driver.Unavailable, "Job %s of %s succeeded without telling what it made.", jobID, s.kind.Name)
		}
		return false, nil
	})
	switch {
	case err == nil:
		return id, nil
	case ctx.Err() != nil:
		return "", driver.Wrap(driver.Unavailable, ctx.Err(), "Nobody waited for job %s of %s.", jobID, s.kind.Name)
	case errors.Is(err, context.DeadlineExceeded):
		return "", driver.Wrap(driver.Unavailable, errors.Join(err, last),
			"%s took the request, but its job %s did not tell in time what it makes.", s.kind.Name, jobID)
	}
	return "", err
}

// lasting tells whether asking again is of no use.
func lasting(err error) bool {
	switch driver.KindOf(err) {
	case driver.Unauthorized, driver.Forbidden, driver.NotSupported:
		return true
	}
	return false
}

// jobFailed is the error for a job that failed. What would be an internal error in an
// answer is Unavailable here: the reason is known, and the client is to see it.
func (s *Service) jobFailed(who driver.Caller, jobID string, job *Job) error {
	code, reason := string(job.ErrorCode), discreet(string(job.FailReason), who)
	kind := s.kind.codes.kind(http.StatusInternalServerError, fault{code, reason})
	if kind == driver.Internal {
		kind = driver.Unavailable
	}
	told := strings.Trim(code+": "+reason, ": ")
	if told == "" {
		told = "no reason given"
	}
	return driver.Wrap(kind, &Refusal{
		Service: s.kind.Name, Status: http.StatusOK, Code: code, Err: errors.New("job " + jobID + " failed"),
	}, "Job %s of %s failed: %s", jobID, s.kind.Name, told)
}
