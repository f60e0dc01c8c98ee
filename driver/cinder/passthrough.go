package cinder

import (
	"net/http"
	"strconv"

	"cindergate/driver"
	"cindergate/driver/openstack"
)

// Forward implements driver.Passthrough.
func (d *Driver) Forward(w http.ResponseWriter, r *http.Request, who driver.Caller, base string) error {
	v, err := d.version(r.Context())
	if err != nil {
		return err
	}
	return d.http.Forward(w, r, openstack.Forwarding{
		Upstream: d.base, Version: strconv.Itoa(v.major), Base: base, RequestID: who.RequestID,
	})
}
