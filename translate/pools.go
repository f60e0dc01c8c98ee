package translate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of pools (cinder/policies/scheduler_stats.py, capabilities.py).
var (
	poolsGet         = Policy{"scheduler_extension:scheduler_stats:get_pools", driver.Admin}
	capabilitiesShow = Policy{"volume_extension:capabilities", driver.Admin}
)

// ListPools serves GET /scheduler-stats/get_pools.
func (t *Translator) ListPools(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(poolsGet); err != nil {
		return Response{}, err
	}
	all, err := cloud.Pools(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	detail, err := r.Query.boolean("detail")
	if err != nil {
		return Response{}, err
	}
	filtered, err := t.filterPools(ctx, r, all)
	if err != nil {
		return Response{}, err
	}
	pools := []map[string]any{}
	for i := range filtered {
		v := map[string]any{"name": filtered[i].Name}
		if detail {
			v["capabilities"] = poolCapabilities(&filtered[i])
		}
		pools = append(pools, v)
	}
	return ok(envelope("pools", pools))
}

// poolCapabilities returns a pool's capabilities together with its capacities, as Cinder's
// drivers report them (cinder/volume/driver.py _update_pools_and_stats).
func poolCapabilities(p *driver.Pool) map[string]any {
	hundredths := func(gb float64) float64 { return math.Round(gb*100) / 100 }
	all := map[string]any{
		"total_capacity_gb": hundredths(p.TotalCapacityGB), "free_capacity_gb": hundredths(p.FreeCapacityGB),
		"allocated_capacity_gb": p.AllocatedCapacityGB, "provisioned_capacity_gb": p.ProvisionedCapacityGB,
		"reserved_percentage": 0, "max_over_subscription_ratio": "20.0", "filter_function": nil, "goodness_function": nil,
		"backend_state": "up", "timestamp": timestamp(p.ReportedAt),
	}
	maps.Copy(all, p.Capabilities)
	return all
}

// filterPools returns the pools that match the query: from 3.28 by name and capabilities,
// from 3.35 by a volume type whose specs they meet (cinder/api/contrib/scheduler_stats.py,
// get_pools of cinder/scheduler/host_manager.py).
func (t *Translator) filterPools(ctx context.Context, r Request, all []driver.Pool) ([]driver.Pool, error) {
	if !r.Version.AtLeast(driver.MVPoolFilters) {
		return all, nil
	}
	rest, err := poolFilters.allowed(r, r.Query.without("detail"))
	if err != nil {
		return nil, err
	}
	name, _ := rest.Get("name")
	typeName, typed := rest.Get("volume_type")
	var specs map[string]string
	if typed && typeName != "" && r.Version.AtLeast(driver.MVPoolTypeFilter) {
		vt, err := t.typeByNameOrID(ctx, r, typeName)
		if err != nil {
			return nil, err
		}
		specs = vt.ExtraSpecs
	}
	rest = rest.without("name").without("volume_type")
	return slices.DeleteFunc(slices.Clone(all), func(p driver.Pool) bool {
		capabilities := poolCapabilities(&p)
		odd := slices.ContainsFunc(rest, func(param Param) bool { return !hasCapability(capabilities[param.Key], param.Value) })
		return odd || name != "" && p.Name != name || !driver.Satisfies(capabilities, specs)
	}), nil
}

// hasCapability reports whether a pool's capability equals a filter's value
// (_equal_after_convert of cinder/scheduler/host_manager.py). An absent capability equals
// nothing.
func hasCapability(have any, wanted string) bool {
	switch have := have.(type) {
	case nil:
		return false
	case bool:
		b, _ := schema.ParseBool(wanted)
		return have == b
	}
	return fmt.Sprint(have) == wanted
}

// ShowCapabilities serves GET /capabilities/{host}. host names a pool or a backend; a
// backend answers with its first pool (cinder/api/views/capabilities.py).
func (t *Translator) ShowCapabilities(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(capabilitiesShow); err != nil {
		return Response{}, err
	}
	pools, err := cloud.Pools(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	for _, p := range pools {
		host, _, _ := strings.Cut(p.Name, "#")
		if r.ID != host && r.ID != p.Name {
			continue
		}
		view := map[string]any{
			"namespace": "OS::Storage::Capabilities::cinder-volume." + host, "pool_name": nil, "display_name": nil,
			"description": nil, "visibility": nil, "replication_targets": []any{}, "properties": map[string]any{},
		}
		for _, key := range []string{"vendor_name", "volume_backend_name", "driver_version", "storage_protocol"} {
			view[key] = p.Capabilities[key]
		}
		return ok(view)
	}
	return Response{}, driver.Errorf(driver.NotFound, "Can't find service: %s", r.ID)
}
