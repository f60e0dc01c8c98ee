package translate

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Fault is an error on the wire (cinder/api/openstack/wsgi.py Fault).
type Fault struct {
	Status     int
	Name       string // the only key of the body
	Message    string
	RetryAfter string // seconds; "" for none
}

// kinds maps each kind of error to its status and name. It is the only such table.
var kinds = map[driver.Kind]struct {
	status int
	name   string
}{
	driver.InvalidInput: {http.StatusBadRequest, "badRequest"},
	// 400, not 409: Cinder answers 400 when a resource's state forbids a call
	// (cinder/api/contrib/backups.py).
	driver.InvalidState: {http.StatusBadRequest, "badRequest"},
	driver.Unauthorized: {http.StatusUnauthorized, "unauthorized"},
	driver.Forbidden:    {http.StatusForbidden, "forbidden"},
	driver.NotFound:     {http.StatusNotFound, "itemNotFound"},
	// 413, not 403 or 429: cinder/exception.py QuotaError uses it, and the API reference
	// documents it for create and restore.
	driver.OverLimit:    {http.StatusRequestEntityTooLarge, "overLimit"},
	driver.NotSupported: {http.StatusNotImplemented, "notImplemented"},
	driver.Unavailable:  {http.StatusServiceUnavailable, "serviceUnavailable"},
	driver.Conflict:     {http.StatusConflict, "conflictingRequest"},
	// Nobody reads this answer, except for a client that closed only its sending half.
	driver.Canceled: {http.StatusBadRequest, "badRequest"},
	driver.Internal: {http.StatusInternalServerError, "computeFault"},
}

// InternalText is the text that clients see of an unclassified error.
const InternalText = "The server has either erred or is incapable of performing the requested operation."

// FaultOf converts an error to its fault. It shows only texts that are meant for clients.
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
		// Clients read 0 as "give up". Waiting does not free quota.
		f.RetryAfter = strconv.Itoa(int(e.RetryAfter.Round(time.Second) / time.Second))
	case e.RetryAfter > 0:
		f.RetryAfter = strconv.Itoa(int(max(e.RetryAfter.Round(time.Second)/time.Second, 1)))
	}
	return f
}

// unsupportedMedia is the error for a body whose Content-Type is not JSON.
type unsupportedMedia struct{}

func (*unsupportedMedia) Error() string { return "Unsupported Content-Type" }

// UnsupportedMedia returns the error for a body whose Content-Type is not JSON.
func UnsupportedMedia() error { return &unsupportedMedia{} }
