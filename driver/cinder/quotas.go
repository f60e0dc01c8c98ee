package cinder

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"cindergate/driver"
)

var _ driver.BackupQuotaReader = (*Driver)(nil)

// BackupQuotas implements driver.BackupQuotaReader.
func (d *Driver) BackupQuotas(ctx context.Context, caller driver.Caller) ([]driver.Quota, error) {
	var answer struct {
		// The set also holds the project's id.
		Set map[string]json.RawMessage `json:"quota_set"`
	}
	if err := d.call(ctx, caller, http.MethodGet, "/os-quota-sets/"+url.PathEscape(caller.ProjectID)+"?usage=True", nil, &answer, http.StatusOK); err != nil {
		return nil, err
	}
	var quotas []driver.Quota
	for _, name := range []string{driver.QuotaBackups, driver.QuotaBackupGigabytes} {
		var q struct {
			Limit    int `json:"limit"`
			InUse    int `json:"in_use"`
			Reserved int `json:"reserved"`
		}
		if err := json.Unmarshal(answer.Set[name], &q); err != nil {
			return nil, d.http.Classify(err)
		}
		quotas = append(quotas, driver.Quota{Resource: name, Limit: q.Limit, InUse: q.InUse, Reserve: q.Reserved})
	}
	return quotas, nil
}
