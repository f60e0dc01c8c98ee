package otc

import (
	"net/http"
	"net/url"
	"strings"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// Forward implements driver.Passthrough. EVS's v2 API serves every request that is not
// about backups. Errors of EVS and of the API gateway become driver errors. A volume from a
// backup needs EVS's cloudvolumes API, since v2 of /volumes has no backup_id.
func (v *Volumes) Forward(w http.ResponseWriter, r *http.Request, caller driver.Caller, base string) error {
	if !v.EVS.Exists() {
		return v.EVS.Missing("anything but backups")
	}
	asked, path := v.split(r, caller)
	if r.Method == http.MethodPost && strings.TrimSuffix(path, "/") == "volumes" {
		id, err := v.fromBackup(r, caller)
		if err != nil {
			return err
		}
		if id != "" {
			return v.made(w, r, caller, base, id)
		}
	}
	return v.forward(w, r, caller, base, asked, path)
}

// split returns the requested API version and the path below the project. A v3 path may
// omit the project.
func (*Volumes) split(r *http.Request, caller driver.Caller) (asked, path string) {
	asked, path, _ = strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v"), "/")
	return asked, strings.TrimPrefix(path, url.PathEscape(caller.ProjectID)+"/")
}

func (v *Volumes) forward(w http.ResponseWriter, r *http.Request, caller driver.Caller, base, asked, path string) error {
	endpoint, err := v.EVS.Endpoint(r.Context(), caller)
	if err != nil {
		return err
	}
	query, err := v.sorted(path, r.URL.RawQuery)
	if err != nil {
		return err
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = query
	r.URL.RawPath = "/v" + asked + "/" + url.PathEscape(caller.ProjectID) + "/" + path
	if r.URL.Path, err = url.PathUnescape(r.URL.RawPath); err != nil {
		return driver.Wrap(driver.NotFound, err, "The resource could not be found.")
	}
	if asked == "3" {
		w.Header().Set("Openstack-Api-Version", "volume 3.0") // a v2 answer is valid as 3.0
		w.Header().Set("Vary", "OpenStack-API-Version")
	}
	return v.EVS.cloud.http.Forward(w, r, openstack.Forwarding{
		Upstream: endpoint, Version: "2", Service: v.EVS.kind.Name, Project: caller.ProjectID, Base: base, RequestID: caller.RequestID,
		Check: func(resp *http.Response) error {
			if resp.StatusCode < http.StatusBadRequest {
				return nil
			}
			body, err := peek(resp)
			if err != nil {
				return err
			}
			return v.EVS.refused(caller, resp.StatusCode, resp.Header, body, statusError(resp.StatusCode))
		},
	})
}

// statusError is the cause of an error that consists of an error answer only.
type statusError int

func (s statusError) Error() string { return http.StatusText(int(s)) }
