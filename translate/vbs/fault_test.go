package vbs

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/translate"
)

// Statuses and codes of what no request of a test provokes at a real backend.
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
