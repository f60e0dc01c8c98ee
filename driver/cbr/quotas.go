package cbr

import (
	"context"
	"net/http"
	"net/url"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// Quotas returns a project's limits and use. Those of backups are the sizes and use of its
// vaults; those of volumes come from EVS. The number of backups has no limit.
func (d *Driver) Quotas(ctx context.Context, caller driver.Caller, projectID string) ([]driver.Quota, error) {
	if projectID != caller.ProjectID {
		return nil, d.cbr.Cannot("quotas of other projects than the token's")
	}
	var quotas []driver.Quota
	if d.EVS.Exists() {
		all, err := d.Volumes.Quotas(ctx, caller, projectID)
		if err != nil {
			return nil, err
		}
		for _, q := range all {
			if q.Resource != driver.QuotaBackups && q.Resource != driver.QuotaBackupGigabytes { // these are VBS's
				quotas = append(quotas, q)
			}
		}
	}
	vaults, err := d.vaults(ctx, caller, url.Values{})
	if err != nil {
		return nil, err
	}
	gigabytes := driver.Quota{Resource: driver.QuotaBackupGigabytes}
	for _, v := range vaults {
		gigabytes.Limit += int(v.Billing.Size)
		gigabytes.InUse += (int(v.Billing.Used) + 1<<10 - 1) >> 10
	}
	var answer struct {
		Count *otc.Int `json:"count"`
	}
	if err := d.cbr.Call(ctx, caller, http.MethodGet, "v3", "/backups", url.Values{"resource_type": {ofVolumes}, "limit": {"1"}}, nil, &answer); err != nil {
		return nil, err
	}
	if answer.Count == nil {
		return nil, d.cbr.Unreadable("count")
	}
	return append(quotas, driver.Quota{Resource: driver.QuotaBackups, Limit: -1, InUse: int(*answer.Count)}, gigabytes), nil
}
