package cinder

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Forward implements driver.Passthrough.
func (d *Driver) Forward(w http.ResponseWriter, r *http.Request, caller driver.Caller, base string) error {
	v, err := d.version(r.Context())
	if err != nil {
		return err
	}
	if !v.atLeast(driver.MVProjectOptional) {
		r = withProject(r, caller.ProjectID)
	}
	return d.http.Forward(w, r, openstack.Forwarding{
		Upstream: d.base, Version: strconv.Itoa(v.major), Service: service, Project: caller.ProjectID, Base: base, RequestID: caller.RequestID,
		Check: d.foreign,
	})
}

// projectID matches what Cinder's routes accept as a project
// (cinder/api/openstack/__init__.py).
var projectID = regexp.MustCompile(`^[0-9a-f-]+$`)

// withProject adds the caller's project to a path that begins with the resource. Older
// upstreams require it.
func withProject(r *http.Request, project string) *http.Request {
	version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	first, _, _ := strings.Cut(rest, "/")
	if projectID.MatchString(first) {
		return r
	}
	path := "/" + version + "/" + url.PathEscape(project) + "/" + rest
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return r // the gateway lets no such path through
	}
	r = r.Clone(r.Context())
	r.URL.RawPath, r.URL.Path = path, decoded
	return r
}

// foreign returns an error for a page of a server in front of Cinder, such as a load
// balancer. Cinder's own errors are JSON and pass unchanged.
func (d *Driver) foreign(resp *http.Response) error {
	failed := resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode == http.StatusTooManyRequests
	if !failed || strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return nil
	}
	return gophercloud.ErrUnexpectedResponseCode{Actual: resp.StatusCode, ResponseHeader: resp.Header}
}
