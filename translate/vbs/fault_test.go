package vbs

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/translate"
)

// Statuses and codes of errors that no test can provoke at a real backend.
func TestVBSFaults(t *testing.T) {
	throttled := &driver.Error{Kind: driver.OverLimit, Message: "Slow down.", RetryAfter: time.Minute}
	for _, test := range []struct {
		err  error
		want Fault
	}{
		{withCode(codeCreateFailed, driver.Errorf(driver.OverLimit, "Full.")), Fault{http.StatusBadRequest, "", "Full.", codeQuotaBackups}},
		{withCode(codeCreateFailed, throttled), Fault{http.StatusServiceUnavailable, "60", "Slow down.", codeUnavailable}},
		{withCode(codeRestoreFailed, driver.Errorf(driver.Unavailable, "Away.")), Fault{http.StatusServiceUnavailable, "", "Away.", codeUnavailable}},
		{driver.Errorf(driver.NotSupported, "Cannot."), Fault{http.StatusNotImplemented, "", "Cannot.", codeUnavailable}},
		{withCode(codeRestoreFailed, errors.New("secret")), Fault{http.StatusInternalServerError, "", translate.InternalText, codeRestoreFailed}},
		{errors.New("secret"), Fault{http.StatusInternalServerError, "", translate.InternalText, codeCreateFailed}},
		{translate.UnsupportedMedia(), Fault{http.StatusBadRequest, "", "Unsupported Content-Type", codeCreateFormat}},
		{driver.Errorf(driver.InvalidInput, "No."), Fault{http.StatusBadRequest, "", "No.", codeCreateFormat}},
	} {
		if got := FaultOf(test.err); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.err, got, test.want)
		}
	}
}

// The error itself carries the reason, so the code needs no further request to the backend.
func TestReasonsBecomeCodes(t *testing.T) {
	for _, test := range []struct {
		refusals *refusals
		err      error
		want     string
	}{
		{&createRefusals, driver.VolumeNotFound("v"), "VolumeBackup.0021"},
		{&createRefusals, driver.CheckSource(driver.VolumeBackingUp, true, false), "VolumeBackup.0013"},
		{&createRefusals, driver.CheckSource(driver.VolumeError, true, false), "VolumeBackup.0012"},
		{&createRefusals, driver.ServiceUnknown.Errorf("Away."), "VolumeBackup.0014"},
		{&createRefusals, driver.QuotaExceeded.Errorf("Full."), "VolumeBackup.0080"},
		{&createRefusals, errors.New("odd"), "VolumeBackup.0014"},
		{&restoreRefusals, driver.BackupNotFound("b"), "VolumeBackup.0111"},
		{&restoreRefusals, driver.VolumeNotFound("v"), "VolumeBackup.0111"},
		{&restoreRefusals, driver.CheckRestorable(driver.BackupCreating), "VolumeBackup.0089"},
		{&restoreRefusals, driver.CheckTarget(driver.VolumeError, 1, 1), "VolumeBackup.0202"},
		{&restoreRefusals, driver.CheckTarget(driver.VolumeErrorRestoring, 1, 1), "VolumeBackup.0202"},
		{&restoreRefusals, driver.CheckTarget(driver.VolumeBackingUp, 1, 1), "VolumeBackup.0206"},
		{&restoreRefusals, driver.CheckTarget(driver.VolumeInUse, 1, 1), "VolumeBackup.0205"},
		{&restoreRefusals, driver.CheckTarget(driver.VolumeAvailable, 1, 2), "VolumeBackup.0209"},
		{&restoreRefusals, driver.Errorf(driver.InvalidState, "No."), "VolumeBackup.0205"},
		{&restoreRefusals, driver.ServiceUnknown.Errorf("Away."), "VolumeBackup.0200"},
		{&deleteRefusals, driver.BackupNotFound("b"), "VolumeBackup.0110"},
		{&deleteRefusals, driver.NotDeletable(), "VolumeBackup.0125"},
		{&deleteRefusals, driver.ServiceUnknown.Errorf("Away."), "VolumeBackup.0125"},
	} {
		if got := FaultOf(test.refusals.of(test.err)).Code; got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}
