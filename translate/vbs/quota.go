package vbs

import (
	"context"

	"cindergate/driver"
	"cindergate/translate"
)

// quota is one resource in the answer of ShowQuota.
type quota struct {
	Type     string `json:"type"`
	Used     int    `json:"used"`
	Reserved int    `json:"reserved"`
	Quota    int    `json:"quota"` // -1: no limit
}

// ShowQuota serves GET /v2/{project_id}/cloudbackups/quota.
func (s *Service) ShowQuota(ctx context.Context, r translate.Request) (translate.Response, error) {
	set, err := s.quotas(ctx, r)
	if err != nil {
		return translate.Response{}, withCode(codeQuotaFailed, err)
	}
	resources := []quota{}
	for _, q := range set {
		if q.Resource == driver.QuotaBackups || q.Resource == driver.QuotaBackupGigabytes {
			resources = append(resources, quota{q.Resource, q.InUse, q.Reserve, q.Limit})
		}
	}
	return ok(map[string]any{"quotas": map[string]any{"resources": resources}})
}

func (s *Service) quotas(ctx context.Context, r translate.Request) ([]driver.Quota, error) {
	if reader, forwards := s.driver.(driver.BackupQuotaReader); forwards {
		return reader.BackupQuotas(ctx, r.Caller)
	}
	reader, err := translate.Capability[driver.QuotaReader](s.driver, "quotas")
	if err != nil {
		return nil, err
	}
	return reader.Quotas(ctx, r.Caller, r.Caller.ProjectID)
}
