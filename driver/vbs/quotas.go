package vbs

import (
	"context"
	"net/http"
	"strings"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// Quotas implements driver.QuotaReader. EVS reports the quotas of volumes and backups.
// Without EVS the service reports those of backups only.
func (d *Driver) Quotas(ctx context.Context, caller driver.Caller, projectID string) ([]driver.Quota, error) {
	if projectID != caller.ProjectID {
		return nil, d.vbs.Cannot("quotas of other projects than the token's")
	}
	if d.EVS.Exists() {
		return d.Volumes.Quotas(ctx, caller, projectID)
	}
	var answer struct {
		Quotas struct {
			Resources otc.List[struct {
				Type     string  `json:"type"`
				Used     otc.Int `json:"used"`
				Reserved otc.Int `json:"reserved"`
				Quota    otc.Int `json:"quota"`
			}] `json:"resources"`
		} `json:"quotas"`
	}
	if err := d.vbs.Call(ctx, caller, http.MethodGet, "v2", "/cloudbackups/quota", nil, nil, &answer); err != nil {
		return nil, err
	}
	if !answer.Quotas.Resources.Told {
		return nil, d.vbs.Unreadable("quotas")
	}
	var quotas []driver.Quota
	for _, name := range []string{driver.QuotaBackups, driver.QuotaBackupGigabytes} {
		for _, r := range answer.Quotas.Resources.Items {
			if strings.ReplaceAll(r.Type, " ", "") == name { // documented as "backup_ gigabytes"
				quotas = append(quotas, driver.Quota{Resource: name, Limit: int(r.Quota), InUse: int(r.Used), Reserve: int(r.Reserved)})
			}
		}
	}
	return quotas, nil
}
