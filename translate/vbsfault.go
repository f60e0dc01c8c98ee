package translate

import (
	"context"
	"errors"
	"net/http"

	"cindergate/driver"
)

// Codes of the service (VBS API reference, Error Codes).
const (
	vbsJobQuery       = "common.0011"
	vbsCreateFormat   = "VolumeBackup.0002"
	vbsNameLong       = "VolumeBackup.0003"
	vbsNameFormat     = "VolumeBackup.0004"
	vbsNameAuto       = "VolumeBackup.0005"
	vbsDescription    = "VolumeBackup.0006"
	vbsNameEmpty      = "VolumeBackup.0007"
	vbsVolumeEmpty    = "VolumeBackup.0010"
	vbsVolumeFormat   = "VolumeBackup.0011"
	vbsVolumeState    = "VolumeBackup.0012"
	vbsStillBackingUp = "VolumeBackup.0013"
	vbsCreateFailed   = "VolumeBackup.0014"
	vbsVolumeUnknown  = "VolumeBackup.0021"
	vbsRights         = "VolumeBackup.0041"
	vbsNotAllowed     = "VolumeBackup.0042"
	vbsTag            = "VolumeBackup.0049"
	vbsTooManyTags    = "VolumeBackup.0050"
	vbsBackupError    = "VolumeBackup.0064"
	vbsQuotaFailed    = "VolumeBackup.0070"
	vbsQuotaBackups   = "VolumeBackup.0080"
	vbsBackupState    = "VolumeBackup.0089"
	vbsDeleteError    = "VolumeBackup.0102"
	vbsDeleteUnknown  = "VolumeBackup.0110"
	vbsRestoreUnknown = "VolumeBackup.0111"
	vbsDeleteFailed   = "VolumeBackup.0125"
	vbsRestoreFailed  = "VolumeBackup.0200"
	vbsVolumeError    = "VolumeBackup.0202"
	vbsVolumeBusy     = "VolumeBackup.0205"
	vbsBeingBackedUp  = "VolumeBackup.0206"
	vbsRestoreVolume  = "VolumeBackup.0208"
	vbsVolumeSmall    = "VolumeBackup.0209"
	vbsRestoreFormat  = "VolumeBackup.0210"
	vbsUnavailable    = "VolumeBackup.0900"
)

// coded is an error with the service's code.
type coded struct {
	error
	code string
}

func (e *coded) Unwrap() error { return e.error }

func withCode(code string, err error) error { return &coded{err, code} }

// vbsErrorf refuses a request.
func vbsErrorf(code, format string, args ...any) error {
	return withCode(code, driver.Errorf(driver.InvalidInput, format, args...))
}

// vbsKinds are the codes of errors whatever was asked.
var vbsKinds = map[driver.Kind]string{
	driver.Unauthorized: vbsRights,
	driver.Forbidden:    vbsNotAllowed,
	driver.OverLimit:    vbsQuotaBackups,
	driver.Unavailable:  vbsUnavailable,
	driver.NotSupported: vbsUnavailable,
}

// noRetry is the Retry-After of what waiting does not help with.
const noRetry = "0"

// VBSFault is how an error leaves the service's API: {"error": {"message", "code"}}.
type VBSFault struct {
	Status     int    `json:"-"`
	RetryAfter string `json:"-"` // seconds; "" for none
	Message    string `json:"message"`
	Code       string `json:"code"`
}

// VBSFaultOf maps an error to its fault. The statuses are those that the service
// documents, which has neither 413 nor 415: a quota and a body of another type are 400,
// a rate is 503.
func VBSFaultOf(err error) VBSFault {
	f := FaultOf(err)
	v := VBSFault{Status: f.Status, RetryAfter: f.RetryAfter, Message: f.Message, Code: vbsKinds[driver.KindOf(err)]}
	switch {
	case f.Status == http.StatusRequestEntityTooLarge && f.RetryAfter != noRetry:
		v.Status, v.Code = http.StatusServiceUnavailable, vbsUnavailable
	case f.Status == http.StatusRequestEntityTooLarge, f.Status == http.StatusUnsupportedMediaType:
		v.Status, v.RetryAfter = http.StatusBadRequest, ""
	}
	var c *coded
	if v.Code == "" && errors.As(err, &c) {
		v.Code = c.code
	}
	if v.Code == "" {
		v.Code = vbsCreateFormat
		if v.Status >= http.StatusInternalServerError {
			v.Code = vbsCreateFailed
		}
	}
	return v
}

// createRefused gives a failed create its code.
func (v VBS) createRefused(ctx context.Context, r Request, volumeID string, err error) error {
	code := vbsCreateFailed
	switch driver.KindOf(err) {
	case driver.NotFound:
		code = vbsVolumeUnknown
	case driver.InvalidInput:
		code = vbsCreateFormat
	case driver.InvalidState, driver.Conflict:
		code = vbsVolumeState
		if volume, ok := v.volume(ctx, r, volumeID); ok && volume.Status == "backing-up" {
			code = vbsStillBackingUp
		}
	}
	return withCode(code, err)
}

// restoreRefused gives a failed restore its code, by looking at what is in the way.
func (v VBS) restoreRefused(ctx context.Context, r Request, volumeID string, err error) error {
	switch driver.KindOf(err) {
	case driver.NotFound:
		return withCode(vbsRestoreUnknown, err)
	case driver.InvalidInput:
		return withCode(vbsRestoreFormat, err)
	case driver.InvalidState, driver.Conflict:
		return withCode(v.restoreObstacle(ctx, r, volumeID), err)
	}
	return withCode(vbsRestoreFailed, err)
}

func (v VBS) restoreObstacle(ctx context.Context, r Request, volumeID string) string {
	b, err := v.t.driver.GetBackup(ctx, r.Caller, r.ID)
	volume, known := v.volume(ctx, r, volumeID)
	switch {
	case err != nil || b.Status != driver.BackupAvailable || !known:
		return vbsBackupState
	case volume.Status == "error":
		return vbsVolumeError
	case volume.Status == "backing-up":
		return vbsBeingBackedUp
	case volume.Status == "available" && volume.Size < b.Size:
		return vbsVolumeSmall
	}
	return vbsVolumeBusy
}

// volume looks at a volume where the backend shows them.
func (v VBS) volume(ctx context.Context, r Request, id string) (driver.Volume, bool) {
	reader, can := v.t.driver.(driver.VolumeReader)
	if !can {
		return driver.Volume{}, false
	}
	volume, err := reader.GetVolume(ctx, r.Caller, id)
	return volume, err == nil
}
