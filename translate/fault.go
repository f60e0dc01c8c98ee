package translate

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Fault is how an error leaves the API: cinder/api/openstack/wsgi.py Fault.
type Fault struct {
	Status     int
	Name       string // the one key of the body
	Message    string
	RetryAfter string // seconds; "" for none
}

// kinds is THE table: what a kind of error becomes.
var kinds = map[driver.Kind]struct {
	status int
	name   string
}{
	driver.InvalidInput: {http.StatusBadRequest, "badRequest"},
	// 400, not 409: Cinder answers so when a resource's state forbids a call
	// (cinder/api/contrib/backups.py).
	driver.InvalidState: {http.StatusBadRequest, "badRequest"},
	driver.Unauthorized: {http.StatusUnauthorized, "unauthorized"},
	driver.Forbidden:    {http.StatusForbidden, "forbidden"},
	driver.NotFound:     {http.StatusNotFound, "itemNotFound"},
	// 413, not 403 or 429: cinder/exception.py QuotaError, and so the documented
	// status of create and restore.
	driver.OverLimit:    {http.StatusRequestEntityTooLarge, "overLimit"},
	driver.NotSupported: {http.StatusNotImplemented, "notImplemented"},
	driver.Unavailable:  {http.StatusServiceUnavailable, "serviceUnavailable"},
	driver.Conflict:     {http.StatusConflict, "conflictingRequest"},
	// Nobody reads it, except for a client that closed only its sending half.
	driver.Canceled: {http.StatusBadRequest, "badRequest"},
	driver.Internal: {http.StatusInternalServerError, "computeFault"},
}

// InternalText is all that a client learns of an unclassified error.
const InternalText = "The server has either erred or is incapable of performing the requested operation."

// FaultOf maps an error to its fault. Only texts meant for clients get through.
func FaultOf(err error) Fault {
	var version *UnsupportedVersion
	if errors.As(err, &version) {
		return Fault{Status: http.StatusNotAcceptable, Name: "computeFault", Message: version.Error()}
	}
	var media *unsupportedMedia
	if errors.As(err, &media) {
		return Fault{Status: http.StatusUnsupportedMediaType, Name: "badMediaType", Message: media.Error()}
	}
	var invalid *schema.Error
	if errors.As(err, &invalid) {
		return Fault{Status: http.StatusBadRequest, Name: "badRequest", Message: invalid.Message}
	}
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind == driver.Internal {
		return Fault{Status: http.StatusInternalServerError, Name: "computeFault", Message: InternalText}
	}
	to := kinds[e.Kind]
	f := Fault{Status: to.status, Name: to.name, Message: e.Message}
	switch {
	case e.Kind == driver.OverLimit:
		// Clients take 0 for "give up": waiting frees no quota.
		f.RetryAfter = strconv.Itoa(int(e.RetryAfter.Round(time.Second) / time.Second))
	case e.RetryAfter > 0:
		f.RetryAfter = strconv.Itoa(int(max(e.RetryAfter.Round(time.Second)/time.Second, 1)))
	}
	return f
}

// unsupportedMedia refuses a body that does not say it is JSON.
type unsupportedMedia struct{}

func (*unsupportedMedia) Error() string { return "Unsupported Content-Type" }

// UnsupportedMedia is the error for a body of another type than JSON.
func UnsupportedMedia() error { return &unsupportedMedia{} }
