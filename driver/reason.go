package driver

import (
	"errors"
	"fmt"
	"strings"
)

// Reason tells programs why a request failed. APIs other than Cinder's derive their error
// codes from it. The code that makes the error sets it, so that nobody has to query again
// or to parse the text.
type Reason string

// The reasons. An error has [NoReason] if its [Kind] says everything.
const (
	NoReason Reason = ""

	BackupUnknown       Reason = "backup_unknown"
	BackupUnfit         Reason = "backup_unfit"          // its state forbids it; details are unknown
	BackupNotAvailable  Reason = "backup_not_available"  // its status forbids the request
	BackupHasDependents Reason = "backup_has_dependents" // it has dependents
	BackupHasNoParent   Reason = "backup_has_no_parent"  // no backup to build an incremental one on
	BackupExists        Reason = "backup_exists"         // the id of an imported record is taken

	VolumeUnknown  Reason = "volume_unknown"
	VolumeUnfit    Reason = "volume_unfit"     // its state forbids it; details are unknown
	VolumeBusy     Reason = "volume_busy"      // its status forbids the request
	VolumeBackedUp Reason = "volume_backed_up" // it is being backed up
	VolumeFailed   Reason = "volume_failed"    // its status is one of the error statuses
	VolumeTooSmall Reason = "volume_too_small" // smaller than the backup

	SnapshotUnknown Reason = "snapshot_unknown"
	SnapshotUnfit   Reason = "snapshot_unfit" // its state forbids it; details are unknown

	ServiceUnknown Reason = "service_unknown" // no running process does such work
	QuotaExceeded  Reason = "quota_exceeded"  // waiting does not help
	RateLimited    Reason = "rate_limited"    // waiting helps
)

// reasons maps each reason to its kind and to the start of Cinder's text
// (cinder/exception.py InvalidBackup, InvalidVolume, InvalidSnapshot).
var reasons = map[Reason]struct {
	kind   Kind
	prefix string
}{
	BackupUnknown:       {NotFound, ""},
	BackupUnfit:         {InvalidState, invalidBackup},
	BackupNotAvailable:  {InvalidState, invalidBackup},
	BackupHasDependents: {InvalidState, invalidBackup},
	BackupHasNoParent:   {InvalidState, invalidBackup},
	BackupExists:        {InvalidState, invalidBackup},
	VolumeUnknown:       {NotFound, ""},
	VolumeUnfit:         {InvalidState, invalidVolume},
	VolumeBusy:          {InvalidState, invalidVolume},
	VolumeBackedUp:      {InvalidState, invalidVolume},
	VolumeFailed:        {InvalidState, invalidVolume},
	VolumeTooSmall:      {InvalidState, invalidVolume},
	SnapshotUnknown:     {NotFound, ""},
	SnapshotUnfit:       {InvalidState, invalidSnapshot},
	ServiceUnknown:      {NotFound, ""},
	QuotaExceeded:       {OverLimit, ""},
	RateLimited:         {OverLimit, ""},
}

const (
	invalidBackup   = "Invalid backup: "
	invalidVolume   = "Invalid volume: "
	invalidSnapshot = "Invalid snapshot: "
)

// Kind returns the kind of errors that have the reason. It is Internal for [NoReason].
func (r Reason) Kind() Kind { return reasons[r].kind }

// Errorf returns an error with the reason and its kind. The client sees the start of
// Cinder's text and then the formatted text.
func (r Reason) Errorf(format string, args ...any) error {
	known := reasons[r]
	return &Error{Kind: known.kind, Reason: r, Message: known.prefix + fmt.Sprintf(format, args...)}
}

// Because adds a cause, for the log, to an [*Error] that has none. It returns other errors
// unchanged.
func Because(cause, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	caused := *e
	caused.Err = cause
	return &caused
}

// ReasonOf returns the reason of the first [*Error] in err's chain.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return NoReason
}

// StatusReason returns the reason why a volume with the status cannot be used.
func StatusReason(status VolumeStatus) Reason {
	switch {
	case status == VolumeBackingUp:
		return VolumeBackedUp
	case strings.HasPrefix(status, VolumeError):
		return VolumeFailed
	}
	return VolumeBusy
}
