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
)

// quotaNames are the quotas that EVS tells of, in Cinder's order.
var quotaNames = []string{
	driver.QuotaVolumes, driver.QuotaPerVolumeGigabytes, driver.QuotaSnapshots, driver.QuotaGigabytes,
	driver.QuotaBackups, driver.QuotaBackupGigabytes,
}

// Quotas are a project's limits and use (GET /v2/{project_id}/os-quota-sets/{project_id}).
func (v *Volumes) Quotas(ctx context.Context, who driver.Caller, projectID string) ([]driver.Quota, error) {
	if !v.EVS.Exists() {
		return nil, v.EVS.Missing("quotas")
	}
	var answer struct {
		Set map[string]quota `json:"quota_set"`
	}
	if err := v.EVS.Call(ctx, who, http.MethodGet, "v2", "/os-quota-sets/"+url.PathEscape(projectID),
		url.Values{"usage": {"True"}}, nil, &answer); err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(answer.Set)), func(name string) bool { return !ofType.MatchString(name) })
	var quotas []driver.Quota
	for _, name := range slices.Concat(quotaNames, names) {
		if q, told := answer.Set[name]; told {
			quotas = append(quotas, driver.Quota{Resource: name, Limit: int(q.Limit), InUse: int(q.InUse), Reserve: int(q.Reserved)})
		}
	}
	return quotas, nil
}

// ofType are the quotas of one volume type.
var ofType = regexp.MustCompile(`^(volumes|gigabytes|snapshots)_.`)

type quota struct {
	Limit    Int `json:"limit"`
	InUse    Int `json:"in_use"`
	Reserved Int `json:"reserved"`
}

// UnmarshalJSON takes what is no quota, such as the set's id, for an empty one.
func (q *quota) UnmarshalJSON(text []byte) error {
	type plain quota
	if len(text) == 0 || text[0] != '{' {
		return nil
	}
	return json.Unmarshal(text, (*plain)(q))
}
