package vbs

import (
	"context"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/translate"
)

// jobKind is the operation of a job, as it appears in the job's id.
type jobKind string

const (
	createJob  jobKind = "create"
	restoreJob jobKind = "restore"
	deleteJob  jobKind = "delete"
)

// job identifies a request. There is no store of jobs: the status of a job is that of its
// backup and volume. So the job's id contains their ids: create-<backup id>, delete-<backup
// id> or restore-<volume id>-<backup id>.
type job struct {
	kind               jobKind
	backupID, volumeID string
}

func (j job) id() string {
	if j.kind == restoreJob {
		return string(j.kind) + "-" + j.volumeID + "-" + j.backupID
	}
	return string(j.kind) + "-" + j.backupID
}

// parseJob parses the id of a job. A volume's id is a UUID; a backup's id may be any text.
func parseJob(id string) (job, bool) {
	kind, rest, _ := strings.Cut(id, "-")
	j := job{kind: jobKind(kind), backupID: rest}
	switch j.kind {
	case createJob, deleteJob:
	case restoreJob:
		if len(rest) < uuidLength+2 || rest[uuidLength] != '-' {
			return j, false
		}
		j.volumeID, j.backupID = rest[:uuidLength], rest[uuidLength+1:]
	default:
		return j, false
	}
	return j, j.backupID != ""
}

// jobStatus is the status of a job, one of the constants below.
type jobStatus string

const (
	jobInit    jobStatus = "INIT"
	jobRunning jobStatus = "RUNNING"
	jobSuccess jobStatus = "SUCCESS"
	jobFail    jobStatus = "FAIL"
)

// jobView is a job on the wire (VBS API reference, Querying the Job Status).
type jobView struct {
	Status     jobStatus         `json:"status"`
	Entities   map[string]string `json:"entities"`
	JobID      string            `json:"job_id"`
	JobType    string            `json:"job_type"`
	BeginTime  *string           `json:"begin_time"`
	EndTime    *string           `json:"end_time"`
	ErrorCode  *string           `json:"error_code"`
	FailReason *string           `json:"fail_reason"`
}

var jobTypes = map[jobKind]string{createJob: "bksCreateBackup", restoreJob: "bksRestoreBackup", deleteJob: "bksDeleteBackup"}

// ShowJob serves GET /v1/{project_id}/jobs/{job_id}.
func (s *Service) ShowJob(ctx context.Context, r translate.Request) (translate.Response, error) {
	j, valid := parseJob(r.ID)
	if !valid {
		return translate.Response{}, noSuchJob(r.ID)
	}
	b, err := s.driver.GetBackup(ctx, r.Caller, j.backupID)
	gone := driver.KindOf(err) == driver.NotFound
	if err != nil && !gone {
		return translate.Response{}, withCode(jobQuery, err)
	}
	view := jobView{JobID: r.ID, JobType: jobTypes[j.kind], Entities: map[string]string{"backup_id": j.backupID}}
	switch j.kind {
	case createJob:
		if gone {
			return translate.Response{}, noSuchJob(r.ID)
		}
		view.created(&b)
	case deleteJob:
		view.deleted(&b, gone)
	case restoreJob:
		volume, known := s.volume(ctx, r, j.volumeID)
		if gone && !known {
			return translate.Response{}, noSuchJob(r.ID)
		}
		view.Entities["volume_id"] = j.volumeID
		view.restored(&b, &volume)
	}
	return ok(view)
}

// noSuchJob returns 400 with common.0011 (EVS API reference, Error Codes).
func noSuchJob(id string) error { return refusef(jobQuery, "Job %s could not be found.", id) }

func (j *jobView) created(b *driver.Backup) {
	j.Entities["volume_id"], j.Entities["snapshot_id"] = b.VolumeID, b.SnapshotID
	switch b.Status {
	case driver.BackupCreating:
		j.Status, j.BeginTime = jobRunning, jobTime(b.CreatedAt)
	case driver.BackupError:
		j.fail(codeBackupError, b.FailReason, b.CreatedAt, b.UpdatedAt)
	default: // created, whatever happened to it later
		j.succeed(b.CreatedAt, b.UpdatedAt)
	}
}

func (j *jobView) deleted(b *driver.Backup, gone bool) {
	switch {
	case gone:
		j.Status = jobSuccess
	case b.Status == driver.BackupError, b.Status == driver.BackupErrorDeleting:
		j.fail(codeDeleteError, b.FailReason, time.Time{}, b.UpdatedAt)
	case b.Status == driver.BackupDeleting:
		j.Status, j.BeginTime = jobRunning, jobTime(b.UpdatedAt)
	default:
		j.Status = jobInit
	}
}

func (j *jobView) restored(b *driver.Backup, v *driver.Volume) {
	switch {
	case b.Status == driver.BackupRestoring, v.Status == driver.VolumeRestoringBackup, v.Status == driver.VolumeCreating:
		j.Status, j.BeginTime = jobRunning, jobTime(b.UpdatedAt)
	case b.Status == driver.BackupErrorRestore, v.Status == driver.VolumeErrorRestoring, v.Status == driver.VolumeError:
		reason := b.FailReason
		if reason == "" {
			reason = "The volume's status is " + v.Status + "."
		}
		j.fail(codeRestoreFailed, reason, time.Time{}, v.UpdatedAt)
	default:
		j.succeed(time.Time{}, v.UpdatedAt)
	}
}

func (j *jobView) succeed(begin, end time.Time) {
	j.Status, j.BeginTime, j.EndTime = jobSuccess, jobTime(begin), jobTime(end)
}

func (j *jobView) fail(code, reason string, begin, end time.Time) {
	j.Status, j.BeginTime, j.EndTime, j.ErrorCode, j.FailReason = jobFail, jobTime(begin), jobTime(end), &code, &reason
}

// jobTime returns a time with milliseconds, or null if t is zero.
func jobTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

// volume returns a volume, if the backend shows volumes.
func (s *Service) volume(ctx context.Context, r translate.Request, id string) (driver.Volume, bool) {
	reader, can := s.driver.(driver.VolumeReader)
	if !can {
		return driver.Volume{}, false
	}
	volume, err := reader.GetVolume(ctx, r.Caller, id)
	return volume, err == nil
}
