package vbs

import (
	"errors"
	"net/http"

	"cindergate/driver"
	"cindergate/translate"
)

// Codes of the service (VBS API reference, Error Codes).
const (
	jobQuery           = "common.0011"
	codeCreateFormat   = "VolumeBackup.0002"
	codeNameLong       = "VolumeBackup.0003"
	codeNameFormat     = "VolumeBackup.0004"
	codeNameAuto       = "VolumeBackup.0005"
	codeDescription    = "VolumeBackup.0006"
	codeNameEmpty      = "VolumeBackup.0007"
	codeVolumeEmpty    = "VolumeBackup.0010"
	codeVolumeFormat   = "VolumeBackup.0011"
	codeVolumeState    = "VolumeBackup.0012"
	codeStillBackingUp = "VolumeBackup.0013"
	codeCreateFailed   = "VolumeBackup.0014"
	codeVolumeUnknown  = "VolumeBackup.0021"
	codeRights         = "VolumeBackup.0041"
	codeNotAllowed     = "VolumeBackup.0042"
	codeTag            = "VolumeBackup.0049"
	codeTooManyTags    = "VolumeBackup.0050"
	codeBackupError    = "VolumeBackup.0064"
	codeQuotaFailed    = "VolumeBackup.0070"
	codeQuotaBackups   = "VolumeBackup.0080"
	codeBackupState    = "VolumeBackup.0089"
	codeDeleteError    = "VolumeBackup.0102"
	codeDeleteUnknown  = "VolumeBackup.0110"
	codeRestoreUnknown = "VolumeBackup.0111"
	codeDeleteFailed   = "VolumeBackup.0125"
	codeRestoreFailed  = "VolumeBackup.0200"
	codeVolumeError    = "VolumeBackup.0202"
	codeVolumeBusy     = "VolumeBackup.0205"
	codeBeingBackedUp  = "VolumeBackup.0206"
	codeRestoreVolume  = "VolumeBackup.0208"
	codeVolumeSmall    = "VolumeBackup.0209"
	codeRestoreFormat  = "VolumeBackup.0210"
	codeUnavailable    = "VolumeBackup.0900"
)

// coded is an error with the service's code.
type coded struct {
	error
	code string
}

func (e *coded) Unwrap() error { return e.error }

func withCode(code string, err error) error { return &coded{err, code} }

// refusef returns the error that refuses a request with a code.
func refusef(code, format string, args ...any) error {
	return withCode(code, driver.Errorf(driver.InvalidInput, format, args...))
}

// kindCodes are the codes by kind of error, for every operation.
var kindCodes = map[driver.Kind]string{
	driver.Unauthorized: codeRights,
	driver.Forbidden:    codeNotAllowed,
	driver.OverLimit:    codeQuotaBackups,
	driver.Unavailable:  codeUnavailable,
	driver.NotSupported: codeUnavailable,
}

// noRetry is the Retry-After of errors that do not pass with time.
const noRetry = "0"

// Fault is an error on the wire: {"error": {"message", "code"}}.
type Fault struct {
	Status     int    `json:"-"`
	RetryAfter string `json:"-"` // seconds; "": no header
	Message    string `json:"message"`
	Code       string `json:"code"`
}

// FaultOf converts an error to its fault. The statuses are those that the service
// documents. It documents neither 413 nor 415: an exceeded quota and a body of another type
// are 400, an exceeded rate is 503.
func FaultOf(err error) Fault {
	f := translate.FaultOf(err)
	v := Fault{Status: f.Status, RetryAfter: f.RetryAfter, Message: f.Message, Code: kindCodes[driver.KindOf(err)]}
	switch {
	case f.Status == http.StatusRequestEntityTooLarge && f.RetryAfter != noRetry:
		v.Status, v.Code = http.StatusServiceUnavailable, codeUnavailable
	case f.Status == http.StatusRequestEntityTooLarge, f.Status == http.StatusUnsupportedMediaType:
		v.Status, v.RetryAfter = http.StatusBadRequest, ""
	}
	var c *coded
	if v.Code == "" && errors.As(err, &c) {
		v.Code = c.code
	}
	if v.Code == "" {
		v.Code = codeCreateFormat
		if v.Status >= http.StatusInternalServerError {
			v.Code = codeCreateFailed
		}
	}
	return v
}

// refusals are the error codes of one operation. A code by reason comes before one by kind;
// other is the default.
type refusals struct {
	reasons map[driver.Reason]string
	kinds   map[driver.Kind]string
	other   string
}

// of adds the code to the error of a failed operation.
func (r *refusals) of(err error) error {
	code, known := r.reasons[driver.ReasonOf(err)]
	if !known {
		code, known = r.kinds[driver.KindOf(err)]
	}
	if !known {
		code = r.other
	}
	return withCode(code, err)
}

var (
	createRefusals = refusals{
		reasons: map[driver.Reason]string{
			driver.VolumeBackedUp: codeStillBackingUp,
			driver.ServiceUnknown: codeCreateFailed,
		},
		kinds: map[driver.Kind]string{
			driver.NotFound:     codeVolumeUnknown,
			driver.InvalidInput: codeCreateFormat,
			driver.InvalidState: codeVolumeState, driver.Conflict: codeVolumeState,
		},
		other: codeCreateFailed,
	}
	restoreRefusals = refusals{
		reasons: map[driver.Reason]string{
			driver.BackupNotAvailable: codeBackupState,
			driver.BackupUnfit:        codeBackupState,
			driver.VolumeFailed:       codeVolumeError,
			driver.VolumeBackedUp:     codeBeingBackedUp,
			driver.VolumeTooSmall:     codeVolumeSmall,
			driver.ServiceUnknown:     codeRestoreFailed,
		},
		kinds: map[driver.Kind]string{
			driver.NotFound:     codeRestoreUnknown,
			driver.InvalidInput: codeRestoreFormat,
			driver.InvalidState: codeVolumeBusy, driver.Conflict: codeVolumeBusy,
		},
		other: codeRestoreFailed,
	}
	deleteRefusals = refusals{
		reasons: map[driver.Reason]string{driver.ServiceUnknown: codeDeleteFailed},
		kinds:   map[driver.Kind]string{driver.NotFound: codeDeleteUnknown},
		other:   codeDeleteFailed,
	}
)
