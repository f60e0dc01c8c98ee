package translate

import (
	"errors"
	"testing"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Each error has the row of its own status, and a row that says where Cinder has it.
func TestReasonOf(t *testing.T) {
	for kind, fault := range want {
		for how, wrap := range wrappings {
			r := ReasonOf(wrap(kind))
			if r.Status != fault.Status || r.Name != fault.Name || r.Kind == "" || r.Source == "" && kind != driver.Canceled {
				t.Errorf("kind %d, %s: %+v", kind, how, r)
			}
		}
	}
	for _, x := range []struct {
		err  error
		want Reason
	}{
		{driver.Errorf(driver.InvalidState, "x"), Reason{"InvalidState", 400, "badRequest", "cinder/api/contrib/backups.py"}},
		{&UnsupportedVersion{}, Reason{"UnsupportedVersion", 406, "computeFault", "cinder/api/openstack/wsgi.py Resource"}},
		{UnsupportedMedia(), Reason{"UnsupportedMedia", 415, "badMediaType", "cinder/api/openstack/wsgi.py Fault"}},
		{&schema.Error{}, Reason{"InvalidBody", 400, "badRequest", "cinder/api/validation/validators.py"}},
		{errors.New("x"), Reason{"Internal", 500, "computeFault", "cinder/api/middleware/fault.py"}},
	} {
		if got := ReasonOf(x.err); got != x.want {
			t.Errorf("%v: %+v, want %+v", x.err, got, x.want)
		}
	}
}
