package otc

import (
	"context"
	"time"

	"cindergate/driver"
)

// making waits while EVS makes a volume from a backup.
//
// An id does not mean that the volume exists. v2.1 promises ids before the job has begun; a
// 404 for such an id means that the volume is being made or that the job has failed (the
// vendor's answer to this question). A job may also name the id of a volume that fails
// later.
type making struct {
	*Volumes
	caller driver.Caller
	new    NewVolume
	jobID  string // "" if EVS named none
	began  time.Time

	id      string // promised, or named by the job; "" so far
	shown   bool   // EVS shows the volume, and its status is not error
	inError bool
	failure error // of the job; it takes precedence over everything else
}

// wait returns the volume's id once the volume is no longer creating, as Cinder does
// (cinder/backup/api.py restore). After Options.IDTimeout it also returns the id of a
// volume that is still creating. If the job fails before, the error is Cinder's with EVS's
// reason.
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
		return m.id, nil // still creating; the result is unknown
	case m.id == "":
		if m.find(ctx) {
			return m.id, nil
		}
	}
	return "", err
}

// look polls the job, then the volume.
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
		return ended, nil // the job may give the reason before it ends
	}
	return ended || volume.Status != driver.VolumeCreating, nil
}

// failed returns Cinder's error for a volume that could not be made, with the vendor's
// reason.
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

// find searches all volumes for the volume of a job that named no id. It matches the
// backup's id in the metadata, the name, and a creation time after the job began. Without
// it, a client that retries would make a second volume.
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

// Since returns the earliest creation time that a resource made at began may show. It
// allows one second, because the clocks of one service agree to the second and some times
// have no fractions.
func Since(began time.Time) time.Time { return began.Truncate(time.Second).Add(-time.Second) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
