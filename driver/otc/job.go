package otc

import (
	"context"
	"net/http"
	"net/url"

	"cindergate/driver"
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
	var id string
	err := s.Wait(ctx, "job "+jobID, func(ctx context.Context) (bool, error) {
		var job Job
		if err := s.Call(ctx, who, http.MethodGet, "v1", "/jobs/"+url.PathEscape(jobID), nil, nil, &job); err != nil {
			return false, err
		}
		id = job.find(what)
		switch {
		case id != "":
			return true, nil
		case job.Status == "FAIL":
			failed := job.failed()
			return true, s.Failed(who, "Job "+jobID, string(failed.ErrorCode), string(failed.FailReason))
		case job.Status == "SUCCESS":
			return true, driver.Errorf(driver.Unavailable, "Job %s of %s succeeded without telling what it made.", jobID, s.kind.Name)
		}
		return false, nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}
