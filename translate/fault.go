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

// faultNames says in which file Cinder names faults by their status.
const faultNames = "cinder/api/openstack/wsgi.py Fault"

// kinds maps each kind of error to its status and name, and says where they come from. It is the only such
// table.
var kinds = map[driver.Kind]struct {
	status             int
	name, kind, source string
}{
	driver.InvalidInput: {http.StatusBadRequest, "badRequest", "InvalidInput", "cinder/exception.py Invalid"},
	// 400, not 409: Cinder answers 400 when a resource's state forbids a call.
	driver.InvalidState: {http.StatusBadRequest, "badRequest", "InvalidState", "cinder/api/contrib/backups.py"},
	driver.Unauthorized: {http.StatusUnauthorized, "unauthorized", "Unauthorized", "keystonemiddleware"},
	driver.Forbidden:    {http.StatusForbidden, "forbidden", "Forbidden", "cinder/exception.py NotAuthorized"},
	driver.NotFound:     {http.StatusNotFound, "itemNotFound", "NotFound", "cinder/exception.py NotFound"},
	// 413, not 403 or 429: the API reference documents it for create and restore.
	driver.OverLimit:    {http.StatusRequestEntityTooLarge, "overLimit", "OverLimit", "cinder/exception.py QuotaError"},
	driver.NotSupported: {http.StatusNotImplemented, "notImplemented", "NotSupported", faultNames},
	driver.Unavailable:  {http.StatusServiceUnavailable, "serviceUnavailable", "Unavailable", faultNames},
	driver.Conflict:     {http.StatusConflict, "conflictingRequest", "Conflict", faultNames},
	// Nobody reads this answer, except for a client that closed only its sending half.
	driver.Canceled: {http.StatusBadRequest, "badRequest", "Canceled", ""},
	driver.Internal: {http.StatusInternalServerError, "computeFault", "Internal", "cinder/api/middleware/fault.py"},
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
