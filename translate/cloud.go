package translate

import (
	"context"
	"sort"
	"strings"

	"cindergate/driver"
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
	binary, _ := r.Query.Get("binary")
	host, _ := r.Query.Get("host")
	services := []map[string]any{}
	for _, s := range all {
		// A host without a backend is that of all its backends
		// (cinder/db/sqlalchemy/api.py service_get_all).
		if binary != "" && s.Binary != binary || host != "" && s.Host != host && !strings.HasPrefix(s.Host, host+"@") {
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
	pools := []map[string]any{}
	for _, p := range all {
		v := map[string]any{"name": p.Name}
		if detail {
			v["capabilities"] = p.Capabilities
		}
		pools = append(pools, v)
	}
	return ok(envelope("pools", pools))
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

// EmptyLists are what tools ask for and what has nothing in it here, by path.
var EmptyLists = map[string]Operation{
	"/clusters":                    empty("clusters", mvClusterSupport, &clustersList),
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
