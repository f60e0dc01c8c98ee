package cinder

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Forward implements driver.Passthrough.
func (d *Driver) Forward(w http.ResponseWriter, r *http.Request, who driver.Caller, base string) error {
	v, err := d.version(r.Context())
	if err != nil {
		return err
	}
	return d.http.Forward(w, r, openstack.Forwarding{
		Upstream: d.base, Version: strconv.Itoa(v.major), Service: service, Project: who.ProjectID, Base: base, RequestID: who.RequestID,
		Check: d.foreign,
	})
}

// foreign is the error for a page of whatever stands before Cinder, such as a load
// balancer. Cinder's own errors are JSON and go on as they are.
func (d *Driver) foreign(resp *http.Response) error {
	failed := resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests
	if !failed || strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return nil
	}
	return gophercloud.ErrUnexpectedResponseCode{Actual: resp.StatusCode, ResponseHeader: resp.Header}
}
