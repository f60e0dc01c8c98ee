package driver

import (
	"errors"
	"fmt"
	"strings"
)

// Reason says what is in the way, for programs: other APIs than Cinder's make their codes
// of it. It is set where the error is made, so that nobody has to ask again or to read
// the text.
type Reason string

// The reasons. [NoReason] is that of an error whose [Kind] says all that is known.
const (
	NoReason Reason = ""

	BackupUnknown       Reason = "backup_unknown"
	BackupUnfit         Reason = "backup_unfit"          // its state forbids it; which one is not known
	BackupNotAvailable  Reason = "backup_not_available"  // its status forbids it
	BackupHasDependents Reason = "backup_has_dependents" // incremental backups need it
	BackupHasNoParent   Reason = "backup_has_no_parent"  // an incremental backup has none to build on
	BackupExists        Reason = "backup_exists"         // one has the id of an imported record

	VolumeUnknown  Reason = "volume_unknown"
	VolumeUnfit    Reason = "volume_unfit"     // its state forbids it; which one is not known
	VolumeBusy     Reason = "volume_busy"      // its status forbids it
	VolumeBackedUp Reason = "volume_backed_up" // a backup of it is being made
	VolumeFailed   Reason = "volume_failed"    // its status is an error
	VolumeTooSmall Reason = "volume_too_small" // for the backup

	SnapshotUnknown Reason = "snapshot_unknown"
	SnapshotUnfit   Reason = "snapshot_unfit" // its state forbids it

	ServiceUnknown Reason = "service_unknown" // no process does such work now
	QuotaExceeded  Reason = "quota_exceeded"  // waiting does not help
	RateLimited    Reason = "rate_limited"    // waiting helps
)

// reasons maps each reason to its kind, and to how Cinder's text begins (cinder/exception.py
// InvalidBackup, InvalidVolume, InvalidSnapshot).
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

// Kind is the kind of errors with the reason; that of [NoReason] is Internal.
func (r Reason) Kind() Kind { return reasons[r].kind }

// Errorf makes an error with the reason, of its kind. The client sees the text, after
// what Cinder's begins with.
func (r Reason) Errorf(format string, args ...any) error {
	known := reasons[r]
	return &Error{Kind: known.kind, Reason: r, Message: known.prefix + fmt.Sprintf(format, args...)}
}

// Because adds a cause, for the log, to an error that has none. It returns other errors
// than [*Error] as they are.
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

// StatusReason is why a volume with the status cannot be used.
func StatusReason(status VolumeStatus) Reason {
	switch {
	case status == VolumeBackingUp:
		return VolumeBackedUp
	case strings.HasPrefix(status, VolumeError):
		return VolumeFailed
	}
	return VolumeBusy
}
