package translate

import "context"

type resourceFilter struct {
	Resource string   `json:"resource"`
	Filters  []string `json:"filters"`
}

// resourceFilters are Cinder's default etc/cinder/resource_filters.json.
var resourceFilters = []resourceFilter{
	{"volume", append(volumeListing.filters, "consumes_quota")},
	{"backup", backupListing.filters},
	{"snapshot", []string{"name", "status", "volume_id", "metadata", "availability_zone", "consumes_quota"}},
	{"group", []string{"name"}},
	{"group_snapshot", []string{"name", "status", "group_id"}},
	{"attachment", []string{"volume_id", "status", "instance_id", "attach_status"}},
	{"message", messageListing.filters},
	{"pool", []string{"name", "volume_type"}},
	{"volume_type", []string{"is_public", "extra_specs"}},
}

// ListResourceFilters is GET /resource_filters, from 3.33.
func ListResourceFilters(_ context.Context, r Request) (Response, error) {
	if !r.Version.AtLeast(mvResourceFilters) {
		return Response{}, tooOld()
	}
	resource, named := r.Query.Get("resource")
	found := []resourceFilter{}
	for _, f := range resourceFilters {
		if !named || f.Resource == resource {
			found = append(found, f)
		}
	}
	return ok(envelope("resource_filters", found))
}
