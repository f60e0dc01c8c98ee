package translate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of the backend as a whole (cinder/policies).
var (
	servicesList     = policy{"volume_extension:services:index", driver.Admin}
	poolsGet         = policy{"scheduler_extension:scheduler_stats:get_pools", driver.Admin}
	clustersList     = policy{"clusters:get_all", driver.Admin}
	manageableList   = policy{"volume_extension:list_manageable", driver.Admin}
	snapshotsManaged = policy{"snapshot_extension:list_manageable", driver.Admin}
)

func (t *Translator) cloud() (driver.Cloud, error) {
	return capability[driver.Cloud](t.driver, "telling about services")
}

// ListServices is GET /os-services.
func (t *Translator) ListServices(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.allow(servicesList); err != nil {
		return Response{}, err
	}
	all, err := cloud.Services(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	binary, one := r.Query.Get("binary")
	host, _ := r.Query.Get("host")
	services := []map[string]any{}
	for _, s := range all {
		// A host without a backend is that of all its backends
		// (cinder/db/sqlalchemy/api.py service_get_all).
		if one && !strings.EqualFold(s.Binary, binary) || host != "" && s.Host != host && !strings.HasPrefix(s.Host, host+"@") {
			continue
		}
		services = append(services, r.serviceView(s))
	}
	return ok(envelope("services", services))
}

func (r Request) serviceView(s driver.Service) map[string]any {
	status, state := "enabled", "down"
	if s.Disabled {
		status = "disabled"
	}
	if s.Up {
		state = "up"
	}
	v := map[string]any{
		"binary": s.Binary, "host": s.Host, "zone": s.Zone, "status": status, "state": state,
		"updated_at": timestamp(s.UpdatedAt), "disabled_reason": nullable(s.DisabledReason),
	}
	if r.Version.AtLeast(mvClusterSupport) {
		v["cluster"] = nil
	}
	if r.Version.AtLeast(mvBackendState) && s.Binary == "cinder-volume" {
		v["backend_state"] = state
	}
	if s.Binary == "cinder-volume" {
		v["replication_status"], v["active_backend_id"], v["frozen"] = "disabled", nil, s.Frozen
	}
	return v
}

// ListPools is GET /scheduler-stats/get_pools.
func (t *Translator) ListPools(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.allow(poolsGet); err != nil {
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

// poolCapabilities are a pool's capabilities with its capacities, as Cinder's drivers
// report them (cinder/volume/driver.py _update_pools_and_stats).
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

// filterPools leaves the pools that the query asks for: from 3.28 by name and
// capabilities, from 3.35 by a volume type that they meet
// (cinder/api/contrib/scheduler_stats.py, get_pools of cinder/scheduler/host_manager.py).
func (t *Translator) filterPools(ctx context.Context, r Request, all []driver.Pool) ([]driver.Pool, error) {
	if !r.Version.AtLeast(mvPoolFilters) {
		return all, nil
	}
	rest, err := poolFilters.allowed(r, r.Query.without("detail"))
	if err != nil {
		return nil, err
	}
	name, _ := rest.Get("name")
	typeName, typed := rest.Get("volume_type")
	var specs map[string]string
	if typed && typeName != "" && r.Version.AtLeast(mvPoolTypeFilter) {
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

// hasCapability compares a pool's capability with a filter (_equal_after_convert of
// cinder/scheduler/host_manager.py). An absent one equals nothing.
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

// typeByNameOrID is get_by_name_or_id of cinder/volume/volume_types.py.
func (t *Translator) typeByNameOrID(ctx context.Context, r Request, nameOrID string) (driver.VolumeType, error) {
	types, err := t.types()
	if err != nil {
		return driver.VolumeType{}, err
	}
	all, err := types.ListVolumeTypes(ctx, r.Caller)
	if err != nil {
		return driver.VolumeType{}, err
	}
	byID := func(vt driver.VolumeType) bool { return vt.ID == nameOrID }
	byName := func(vt driver.VolumeType) bool { return strings.EqualFold(vt.Name, nameOrID) }
	for _, matches := range []func(driver.VolumeType) bool{byID, byName} {
		if i := slices.IndexFunc(all, matches); i >= 0 {
			return all[i], nil
		}
	}
	return driver.VolumeType{}, driver.Errorf(driver.NotFound, "Volume type with name %s could not be found.", nameOrID)
}

// ShowCapabilities is GET /capabilities/{host}: what a pool, or a backend by its
// first pool, reports (cinder/api/views/capabilities.py).
func (t *Translator) ShowCapabilities(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.allow(admin("volume_extension:capabilities")); err != nil {
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

// ListAvailabilityZones is GET /os-availability-zone.
func (t *Translator) ListAvailabilityZones(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	zones, err := cloud.AvailabilityZones(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	names := make([]string, 0, len(zones))
	for name := range zones {
		names = append(names, name)
	}
	sort.Strings(names)
	info := []map[string]any{}
	for _, name := range names {
		info = append(info, map[string]any{"zoneName": name, "zoneState": map[string]bool{"available": zones[name]}})
	}
	return ok(envelope("availabilityZoneInfo", info))
}

// EmptyLists maps routes that clients probe but that are always empty here to their
// operations.
var EmptyLists = map[string]Operation{
	"/clusters":                    clusters,
	"/clusters/detail":             clusters,
	"/os-volume-manage":            empty("manageable-volumes", 0, &manageableList),
	"/os-volume-manage/detail":     empty("manageable-volumes", 0, &manageableList),
	"/os-snapshot-manage":          empty("manageable-snapshots", 0, &snapshotsManaged),
	"/manageable_volumes":          empty("manageable-volumes", mvManageExisting, &manageableList),
	"/manageable_volumes/detail":   empty("manageable-volumes", mvManageExisting, &manageableList),
	"/manageable_snapshots":        empty("manageable-snapshots", mvManageExisting, &snapshotsManaged),
	"/manageable_snapshots/detail": empty("manageable-snapshots", mvManageExisting, &snapshotsManaged),
	"/consistencygroups":           empty("consistencygroups", 0, nil),
	"/consistencygroups/detail":    empty("consistencygroups", 0, nil),
	"/cgsnapshots":                 empty("cgsnapshots", 0, nil),
	"/cgsnapshots/detail":          empty("cgsnapshots", 0, nil),
}

// Filters of the list of clusters: those that there are, and those that tell of
// replication, from 3.26 on (cinder/api/v3/clusters.py).
var (
	clusterFilters            = []string{"name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"}
	clusterReplicationFilters = []string{"replication_status", "frozen", "active_backend_id"}
)

func clusters(ctx context.Context, r Request) (Response, error) {
	answer, err := empty("clusters", mvClusterSupport, &clustersList)(ctx, r)
	if err != nil {
		return answer, err
	}
	var odd []string
	for _, param := range r.Query {
		known := slices.Contains(clusterFilters, param.Key) ||
			r.Version.AtLeast(mvReplicationCluster) && slices.Contains(clusterReplicationFilters, param.Key)
		if !known {
			odd = append(odd, param.Key)
		}
	}
	if len(odd) > 0 {
		slices.Sort(odd)
		odd = slices.Compact(odd)
		return Response{}, driver.Errorf(driver.InvalidInput, "Invalid input received: Invalid filter keys: %s", strings.Join(odd, ", "))
	}
	for _, key := range []string{"disabled", "is_up"} {
		if _, err := r.Query.boolean(key); err != nil {
			return Response{}, err
		}
	}
	return answer, nil
}

func empty(name string, since int, p *policy) Operation {
	return func(_ context.Context, r Request) (Response, error) {
		if since > 0 && !r.Version.AtLeast(since) {
			return Response{}, tooOld()
		}
		if p != nil {
			if err := r.allow(*p); err != nil {
				return Response{}, err
			}
		}
		return ok(envelope(name, []any{}))
	}
}
