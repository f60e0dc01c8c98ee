package translate

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"cindergate/driver"
)

// Statuses and codes of what no request of a test provokes at a real backend.
func TestVBSFaults(t *testing.T) {
	throttled := &driver.Error{Kind: driver.OverLimit, Message: "Slow down.", RetryAfter: time.Minute}
	for _, test := range []struct {
		err  error
		want VBSFault
	}{
		{withCode(vbsCreateFailed, driver.Errorf(driver.OverLimit, "Full.")), VBSFault{http.StatusBadRequest, "", "Full.", vbsQuotaBackups}},
		{withCode(vbsCreateFailed, throttled), VBSFault{http.StatusServiceUnavailable, "60", "Slow down.", vbsUnavailable}},
		{withCode(vbsRestoreFailed, driver.Errorf(driver.Unavailable, "Away.")), VBSFault{http.StatusServiceUnavailable, "", "Away.", vbsUnavailable}},
		{driver.Errorf(driver.NotSupported, "Cannot."), VBSFault{http.StatusNotImplemented, "", "Cannot.", vbsUnavailable}},
		{withCode(vbsRestoreFailed, errors.New("secret")), VBSFault{http.StatusInternalServerError, "", internalText, vbsRestoreFailed}},
		{errors.New("secret"), VBSFault{http.StatusInternalServerError, "", internalText, vbsCreateFailed}},
		{UnsupportedMedia(), VBSFault{http.StatusBadRequest, "", "Unsupported Content-Type", vbsCreateFormat}},
		{driver.Errorf(driver.InvalidInput, "No."), VBSFault{http.StatusBadRequest, "", "No.", vbsCreateFormat}},
	} {
		if got := VBSFaultOf(test.err); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.err, got, test.want)
		}
	}
}
