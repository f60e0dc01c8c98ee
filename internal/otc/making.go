package otc

import (
	"context"
	"time"

	"cindergate/driver"
)

// making watches EVS make a volume from a backup.
//
// An id is no volume yet: v2.1 promises ids before the job has begun, and 404 for one
// means that the volume is being made or that the job has failed (vendor's answer to
// this very question). Jobs may tell the id of a volume that then fails.
type making struct {
	*Volumes
	caller driver.Caller
	new    NewVolume
	jobID  string // "" if EVS named none
	began  time.Time

	id      string // promised, or told by the job; "" so far
	shown   bool   // EVS shows the volume, and not in error
	inError bool
	failure error // of the job: nothing else counts then
}

// wait returns the volume's id once the volume is no longer creating, as Cinder does
// (cinder/backup/api.py restore), or, past Options.IDTimeout, if it is. A job that fails
// before is Cinder's error with EVS's reason.
func (m *making) wait(ctx context.Context) (string, error) {
	what := "job " + m.jobID
	if m.jobID == "" {
		what = "volume " + m.id
	}
	err := m.EVS.Wait(ctx, what, m.look)
	switch {
	case err == nil:
		return m.id, nil
	case m.failure != nil:
		return "", m.failure
	case m.inError:
		return "", m.failed("", "its status is error")
	case m.shown:
		return m.id, nil // it is being made, and nobody can tell how that ends
	case m.id == "":
		if m.find(ctx) {
			return m.id, nil
		}
	}
	return "", err
}

// look asks the job, and then for the volume.
func (m *making) look(ctx context.Context) (done bool, err error) {
	ended := m.jobID == ""
	if m.jobID != "" {
		job, err := m.EVS.job(ctx, m.caller, m.jobID)
		if err != nil {
			return false, err
		}
		if id := job.find(VolumeID); id != "" {
			m.id = id
		}
		if !job.BeginTime.IsZero() {
			m.began = job.BeginTime.Time
		}
		if job.Failed() {
			cause := job.cause()
			m.failure = m.failed(string(cause.ErrorCode), string(cause.FailReason))
			return true, m.failure
		}
		ended = job.Status == jobSucceeded
	}
	if m.id == "" {
		if ended {
			return true, m.EVS.toldNothing(m.jobID)
		}
		return false, nil
	}
	volume, err := m.GetVolume(ctx, m.caller, m.id)
	if driver.KindOf(err) == driver.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	m.inError = volume.Status == driver.VolumeError
	m.shown = !m.inError
	if m.inError {
		return ended, nil // until then the job may tell why
	}
	return ended || volume.Status != driver.VolumeCreating, nil
}

// failed is Cinder's error for a volume that could not be made, with the vendor's reason.
func (m *making) failed(code, reason string) error {
	told := Reason(code, discreet(reason, m.caller))
	cause := &Refusal{Service: m.EVS.kind.Name, Status: 200, Code: code, Err: errJob}
	if m.EVS.kind.codes.kind(500, fault{code, reason}) == driver.OverLimit {
		return driver.Wrap(driver.OverLimit, cause, "%s", told)
	}
	what := "a volume"
	if m.id != "" {
		what = "volume " + m.id
	}
	return driver.Wrap(driver.InvalidState, cause, "Invalid volume: Error while creating %s for restoring backup %s. %s", what, m.new.BackupID, told)
}

// find looks for the volume of a job that did not tell its id among all volumes, so that
// a client that asks again does not make another: it has the backup's id in its metadata
// and was made since the job began.
func (m *making) find(ctx context.Context) bool {
	found, err := m.ListVolumes(ctx, m.caller, driver.Query{Limit: -1})
	if err != nil {
		return false
	}
	for i := range found.Items {
		v := &found.Items[i]
		if v.Metadata[sourceBackup] != m.new.BackupID || deref(v.Name) != m.new.Name || v.CreatedAt.Before(Since(m.began)) {
			continue
		}
		if driver.StatusReason(v.Status) != driver.VolumeFailed {
			m.id = v.ID
			return true
		}
	}
	return false
}

// Since is from when what was made at a time may say to be: clocks of one service agree
// to the second, and not all times have fractions.
func Since(began time.Time) time.Time { return began.Truncate(time.Second).Add(-time.Second) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
