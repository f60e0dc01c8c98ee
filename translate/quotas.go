package translate

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of quotas (cinder/policies/quotas.py, quota_class.py).
var (
	quotaShow        = Policy{"volume_extension:quotas:show", driver.Reader}
	quotaUpdate      = Policy{"volume_extension:quotas:update", driver.Admin}
	quotaDelete      = Policy{"volume_extension:quotas:delete", driver.Admin}
	quotaClassGet    = Policy{"volume_extension:quota_classes:get", driver.Admin}
	quotaClassUpdate = Policy{"volume_extension:quota_classes:update", driver.Admin}
)

// Bodies of quota requests (cinder/api/schemas/quotas.py, quota_classes.py).
var (
	quotaSetBody   = schema.Body("quota_set", schema.Schema{Types: []string{"object"}, MinProperties: 1})
	quotaClassBody = schema.Body("quota_class_set", schema.Schema{Types: []string{"object"}})
)

func (t *Translator) quotas() (driver.QuotaManager, error) {
	return Capability[driver.QuotaManager](t.driver, "quotas")
}

func (t *Translator) quotaReader() (driver.QuotaReader, error) {
	return Capability[driver.QuotaReader](t.driver, "quotas")
}

// allowQuota lets callers see the quotas of their own project, and admins those of all.
func (r Request) allowQuota() error {
	if r.Caller.Owns(r.ID) {
		return r.Allow(quotaShow)
	}
	return driver.Errorf(driver.Forbidden, "Policy doesn't allow %s to be performed.", quotaShow.Name)
}

// ShowQuotas serves GET /os-quota-sets/{project}.
func (t *Translator) ShowQuotas(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotaReader()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowQuota(); err != nil {
		return Response{}, err
	}
	usage, err := r.Query.boolean("usage")
	if err != nil {
		return Response{}, err
	}
	set, err := quotas.Quotas(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("quota_set", quotaSet{set, usage, r.ID}))
}

// DefaultQuotas serves GET /os-quota-sets/{project}/defaults.
func (t *Translator) DefaultQuotas(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotas()
	if err != nil {
		return Response{}, err
	}
	if err := r.allowQuota(); err != nil {
		return Response{}, err
	}
	set, err := quotas.DefaultQuotas(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("quota_set", quotaSet{set, false, r.ID}))
}

// UpdateQuotas serves PUT /os-quota-sets/{project}.
func (t *Translator) UpdateQuotas(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotas()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "quota_set", quotaSetBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(quotaUpdate); err != nil {
		return Response{}, err
	}
	known, err := quotas.DefaultQuotas(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	limits, err := quotaLimits(body, known, "Bad key(s) in quota set: ")
	if err != nil {
		return Response{}, err
	}
	set, err := quotas.SetQuotas(ctx, r.Caller, r.ID, limits)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("quota_set", quotaSet{set, false, ""}))
}

// ResetQuotas serves DELETE /os-quota-sets/{project}.
func (t *Translator) ResetQuotas(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotas()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(quotaDelete); err != nil {
		return Response{}, err
	}
	if err := quotas.ResetQuotas(ctx, r.Caller, r.ID); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusOK}, nil
}

// ShowQuotaClass serves GET /os-quota-class-sets/{class}. The only class is default.
func (t *Translator) ShowQuotaClass(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotas()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(quotaClassGet); err != nil {
		return Response{}, err
	}
	set, err := quotas.DefaultQuotas(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("quota_class_set", quotaSet{set, false, r.ID}))
}

// UpdateQuotaClass serves PUT /os-quota-class-sets/default.
func (t *Translator) UpdateQuotaClass(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotas()
	if err != nil {
		return Response{}, err
	}
	body, err := decode(r, "quota_class_set", quotaClassBody)
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(quotaClassUpdate); err != nil {
		return Response{}, err
	}
	known, err := quotas.DefaultQuotas(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	limits, err := quotaLimits(body, known, "Bad key(s) in quota class set: ")
	if err != nil {
		return Response{}, err
	}
	set, err := quotas.SetDefaultQuotas(ctx, r.Caller, limits)
	if err != nil {
		return Response{}, err
	}
	return ok(envelope("quota_class_set", quotaSet{set, false, ""}))
}

// quotaLimits reads limits by quota name (validate_integer of cinder/api/api_utils.py).
func quotaLimits(body *schema.Object, known []driver.Quota, badKeys string) (map[string]int, error) {
	limits, odd := map[string]int{}, []string{}
	for _, key := range body.Keys() {
		switch {
		case key == "tenant_id" || key == "id": // NON_QUOTA_KEYS of cinder/quota.py
			continue
		case !isQuota(known, key):
			odd = append(odd, key)
			continue
		}
		v, _ := body.Get(key)
		n, isInt := schema.Integer(v)
		switch {
		case !isInt:
			return nil, driver.Errorf(driver.InvalidInput, "%s must be an integer", key)
		case !n.IsInt64() || n.Int64() > 0x7FFFFFFF:
			return nil, driver.Errorf(driver.InvalidInput, "%s must be <= %d", key, 0x7FFFFFFF)
		case n.Int64() < -1:
			return nil, driver.Errorf(driver.InvalidInput, "%s must be >= -1", key)
		}
		limits[key] = int(n.Int64())
	}
	if len(odd) > 0 {
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: %s%s", badKeys, strings.Join(odd, ", "))
	}
	return limits, nil
}

func isQuota(known []driver.Quota, name string) bool {
	for i := range known {
		if known[i].Resource == name {
			return true
		}
	}
	return false
}

// quotaSet shows quotas in order, then the project's id if there is one.
type quotaSet struct {
	quotas []driver.Quota
	usage  bool
	id     string
}

// MarshalJSON implements json.Marshaler.
func (s quotaSet) MarshalJSON() ([]byte, error) {
	type use struct {
		Limit    int `json:"limit"`
		InUse    int `json:"in_use"`
		Reserved int `json:"reserved"`
	}
	all := make(map[string]any, len(s.quotas)+1)
	for _, q := range s.quotas {
		if s.usage {
			all[q.Resource] = use{q.Limit, q.InUse, q.Reserve}
		} else {
			all[q.Resource] = q.Limit
		}
	}
	if s.id != "" {
		all["id"] = s.id
	}
	return json.Marshal(all)
}

// ShowLimits serves GET /limits; from 3.39 an admin may ask for another project.
func (t *Translator) ShowLimits(ctx context.Context, r Request) (Response, error) {
	quotas, err := t.quotaReader()
	if err != nil {
		return Response{}, err
	}
	project := r.Caller.ProjectID
	if r.Version.AtLeast(driver.MVLimitsProject) && r.Caller.IsAdmin() {
		for _, key := range []string{"project_id", "tenant_id"} {
			if v, ok := r.Query.Get(key); ok && v != "" {
				project = v
			}
		}
	}
	set, err := quotas.Quotas(ctx, r.Caller, project)
	if err != nil {
		return Response{}, err
	}
	absolute := map[string]int{}
	for _, q := range set {
		names, shown := limitNames[q.Resource]
		if shown {
			absolute[names.limit], absolute[names.used] = q.Limit, q.InUse
		}
	}
	return ok(envelope("limits", map[string]any{"rate": []any{}, "absolute": absolute}))
}

// limitNames are the names of limits and of their use (cinder/api/views/limits.py and
// contrib/used_limits.py).
var limitNames = map[string]struct{ limit, used string }{
	driver.QuotaVolumes:         {"maxTotalVolumes", "totalVolumesUsed"},
	driver.QuotaGigabytes:       {"maxTotalVolumeGigabytes", "totalGigabytesUsed"},
	driver.QuotaSnapshots:       {"maxTotalSnapshots", "totalSnapshotsUsed"},
	driver.QuotaBackups:         {"maxTotalBackups", "totalBackupsUsed"},
	driver.QuotaBackupGigabytes: {"maxTotalBackupGigabytes", "totalBackupGigabytesUsed"},
}
