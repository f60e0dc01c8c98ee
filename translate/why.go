package translate

import (
	"errors"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Reason is why an error has its status: its row of the table in fault.go, and where that row comes from.
type Reason struct {
	Kind   string // of the error, such as InvalidState
	Status int
	Name   string // the only key of the answer's body
	Source string // of the status: a file of Cinder; "": none has it
}

// ReasonOf returns why FaultOf gives an error its status.
func ReasonOf(err error) Reason {
	f := FaultOf(err)
	row := kinds[driver.KindOf(err)]
	r := Reason{Kind: row.kind, Status: f.Status, Name: f.Name, Source: row.source}
	var version *UnsupportedVersion
	var media *unsupportedMedia
	var invalid *schema.Error
	switch {
	case errors.As(err, &version):
		r.Kind, r.Source = "UnsupportedVersion", "cinder/api/openstack/wsgi.py Resource"
	case errors.As(err, &media):
		r.Kind, r.Source = "UnsupportedMedia", faultNames
	case errors.As(err, &invalid):
		r.Kind, r.Source = "InvalidBody", "cinder/api/validation/validators.py"
	}
	return r
}
