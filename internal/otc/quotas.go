package otc

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// quotaNames are the quotas that EVS reports, in Cinder's order.
var quotaNames = []string{
	driver.QuotaVolumes, driver.QuotaPerVolumeGigabytes, driver.QuotaSnapshots, driver.QuotaGigabytes,
	driver.QuotaBackups, driver.QuotaBackupGigabytes,
}

// Quotas returns a project's limits and use (GET
// /v2/{project_id}/os-quota-sets/{project_id}).
func (v *Volumes) Quotas(ctx context.Context, caller driver.Caller, projectID string) ([]driver.Quota, error) {
	if !v.EVS.Exists() {
		return nil, v.EVS.Missing("quotas")
	}
	var answer struct {
		Set map[string]quota `json:"quota_set"`
	}
	if err := v.EVS.Call(ctx, caller, http.MethodGet, "v2", "/os-quota-sets/"+url.PathEscape(projectID),
		url.Values{"usage": {"True"}}, nil, &answer); err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(answer.Set)), func(name string) bool { return !ofType.MatchString(name) })
	var quotas []driver.Quota
	if answer.Set == nil {
		return nil, v.EVS.Unreadable("quota_set")
	}
	for _, name := range slices.Concat(quotaNames, names) {
		if q := answer.Set[name]; q.told {
			quotas = append(quotas, driver.Quota{Resource: name, Limit: q.limit, InUse: q.inUse, Reserve: q.reserved})
		}
	}
	return quotas, nil
}

// ofType matches the quotas of one volume type.
var ofType = regexp.MustCompile(`^(volumes|gigabytes|snapshots)_.`)

// quota is one resource's quota. told is true only if limit and in_use were both readable:
// a 0 in their place would be a limit that nobody set.
type quota struct {
	limit, inUse, reserved int
	told                   bool
}

// UnmarshalJSON implements json.Unmarshaler. It returns no error: members that are not
// quotas, such as the set's id, leave told false.
func (q *quota) UnmarshalJSON(text []byte) error {
	*q = quota{}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil //nolint:nilerr // not told
	}
	var limited, used bool
	q.limit, limited = openstack.ParseInt(members["limit"])
	q.inUse, used = openstack.ParseInt(members["in_use"])
	q.reserved, _ = openstack.ParseInt(members["reserved"])
	q.told = limited && used
	return nil
}
