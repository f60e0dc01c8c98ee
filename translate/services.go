package translate

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Policies of services and hosts (cinder/policies/services.py, hosts.py).
var (
	servicesList   = Policy{"volume_extension:services:index", driver.Admin}
	servicesUpdate = Policy{"volume_extension:services:update", driver.Admin}
	hostsManage    = Policy{"volume_extension:hosts", driver.Admin}
)

// Bodies of PUT /os-services/{action} (cinder/api/schemas/services.py).
var (
	hostPattern  = schema.MustPattern(`^[a-zA-Z0-9-._#@:/+\[\]]*$`)
	cinderHost   = schema.Schema{Types: []string{"string", "null"}, MinLength: 1, MaxLength: 255, Pattern: &hostPattern}
	switchMember = schema.Members(
		schema.Property{Name: "binary", Schema: schema.TextSet255},
		schema.Property{Name: "host", Schema: cinderHost},
		schema.Property{Name: "cluster", Schema: schema.NullText},
		schema.Property{Name: "service", Schema: schema.TextSet255},
	)
	switchService  = anyOf(switchMember, "binary", "service")
	disableService = anyOf(switchMember.With(schema.Property{Name: "disabled_reason", Schema: schema.TextSet255}), "binary", "service")
	freezeService  = schema.Members(
		schema.Property{Name: "cluster", Schema: schema.NullText},
		schema.Property{Name: "host", Schema: cinderHost},
	)
	failoverService = freezeService.With(schema.Property{Name: "backend_id", Schema: schema.NullText})
)

func (t *Translator) cloud() (driver.Cloud, error) {
	return Capability[driver.Cloud](t.driver, "telling about services")
}

// ListServices serves GET /os-services.
func (t *Translator) ListServices(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(servicesList); err != nil {
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
		// A host without a backend matches all its backends (cinder/db/sqlalchemy/api.py
		// service_get_all).
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
	if r.Version.AtLeast(driver.MVClusterSupport) {
		v["cluster"] = nil
	}
	if r.Version.AtLeast(driver.MVBackendState) && s.Binary == "cinder-volume" {
		v["backend_state"] = state
	}
	if s.Binary == "cinder-volume" {
		v["replication_status"], v["active_backend_id"], v["frozen"] = "disabled", nil, s.Frozen
	}
	return v
}

// UpdateService serves PUT /os-services/{action} (cinder/api/contrib/services.py update).
func (t *Translator) UpdateService(ctx context.Context, r Request) (Response, error) {
	services, err := Capability[driver.ServiceManager](t.driver, "managing services")
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(servicesUpdate); err != nil {
		return Response{}, err
	}
	switch r.ID {
	case "enable":
		return r.switchService(ctx, services, switchService, driver.ServicePatch{Disabled: driver.Some(false)})
	case "disable":
		return r.switchService(ctx, services, switchService, driver.ServicePatch{Disabled: driver.Some(true)})
	case "disable-log-reason":
		return r.switchService(ctx, services, disableService, driver.ServicePatch{Disabled: driver.Some(true)})
	case "freeze":
		return r.freeze(ctx, services, driver.ServicePatch{
			Frozen: driver.Some(true), Disabled: driver.Some(true), DisabledReason: driver.Some("freeze"),
		})
	case "thaw":
		return r.freeze(ctx, services, driver.ServicePatch{
			Frozen: driver.Some(false), Disabled: driver.Some(false), DisabledReason: driver.Some(""),
		})
	case "failover_host":
		return r.failover(ctx, services)
	case "failover":
		if r.Version.AtLeast(driver.MVReplicationCluster) {
			return r.failover(ctx, services)
		}
	case "set-log", "get-log":
		if r.Version.AtLeast(driver.MVLogLevel) {
			return Response{}, driver.Errorf(driver.NotSupported, "The log level is a setting of this service.")
		}
	}
	return Response{}, driver.Errorf(driver.InvalidInput, "Invalid input received: Unknown action")
}

// serviceBody reads a body that names a host and has no root member.
func (r Request) serviceBody(rules schema.Schema) (*schema.Object, string, error) {
	v, err := parseBody(r.Body)
	if err != nil {
		return nil, "", err
	}
	if err := rules.Check(v); err != nil {
		return nil, "", err
	}
	body := v.(*schema.Object)
	host := body.Text("host")
	if host == "" {
		return nil, "", driver.Errorf(driver.InvalidInput, "Invalid input received: Host field is missing.")
	}
	return body, host, nil
}

func (r Request) switchService(ctx context.Context, services driver.ServiceManager, rules schema.Schema, patch driver.ServicePatch) (Response, error) {
	body, host, err := r.serviceBody(rules)
	if err != nil {
		return Response{}, err
	}
	binary := body.Text("binary")
	named := binary
	if named == "" {
		named = body.Text("service")
	}
	view := map[string]any{
		"host": host, "service": body.Text("service"), "binary": binary, "status": "enabled", "disabled": patch.Disabled.Value,
	}
	if patch.Disabled.Value {
		view["status"] = "disabled"
	}
	if r.ID == "disable-log-reason" {
		reason := body.NullText("disabled_reason")
		patch.DisabledReason = driver.Some(body.Text("disabled_reason"))
		view["disabled_reason"] = reason
	}
	if err := services.UpdateService(ctx, r.Caller, host, named, patch); err != nil {
		return Response{}, err
	}
	return ok(view)
}

// freeze freezes or thaws cinder-volume on a host. An unknown host is 400 here, not 404
// (_volume_api_proxy).
func (r Request) freeze(ctx context.Context, services driver.ServiceManager, patch driver.ServicePatch) (Response, error) {
	_, host, err := r.serviceBody(freezeService)
	if err != nil {
		return Response{}, err
	}
	if err := noServiceFound(services.UpdateService(ctx, r.Caller, host, "cinder-volume", patch), host); err != nil {
		return Response{}, err
	}
	return Response{Status: http.StatusOK}, nil
}

// failover always refuses: no backend here replicates.
func (r Request) failover(ctx context.Context, services driver.ServiceManager) (Response, error) {
	_, host, err := r.serviceBody(failoverService)
	if err != nil {
		return Response{}, err
	}
	if _, err := services.HostUse(ctx, r.Caller, host); err != nil {
		return Response{}, noServiceFound(err, host)
	}
	return Response{}, driver.Errorf(driver.NotSupported, "This backend does not support replication.")
}

func noServiceFound(err error, host string) error {
	if driver.KindOf(err) == driver.NotFound {
		return driver.Errorf(driver.InvalidInput, "No service found with host=%s", host)
	}
	return err
}

// ListHosts serves GET /os-hosts. It lists the enabled services
// (cinder/api/contrib/hosts.py).
func (t *Translator) ListHosts(ctx context.Context, r Request) (Response, error) {
	cloud, err := t.cloud()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(hostsManage); err != nil {
		return Response{}, err
	}
	services, err := cloud.Services(ctx, r.Caller)
	if err != nil {
		return Response{}, err
	}
	zone, _ := r.Query.Get("zone")
	hosts := []map[string]any{}
	for _, s := range services {
		if s.Disabled || zone != "" && s.Zone != zone {
			continue
		}
		status := "unavailable"
		if s.Up {
			status = "available"
		}
		hosts = append(hosts, map[string]any{
			"host_name": s.Host, "service": s.Binary, "zone": s.Zone, "service-status": status, "service-state": "enabled",
			"last-update": timestamp(s.UpdatedAt),
		})
	}
	return ok(envelope("hosts", hosts))
}

// ShowHost serves GET /os-hosts/{host}. It counts the volumes and snapshots on a host of
// cinder-volume, in total and by project.
func (t *Translator) ShowHost(ctx context.Context, r Request) (Response, error) {
	services, err := Capability[driver.ServiceManager](t.driver, "managing services")
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(hostsManage); err != nil {
		return Response{}, err
	}
	use, err := services.HostUse(ctx, r.Caller, r.ID)
	if err != nil {
		return Response{}, err
	}
	total := driver.HostUse{ProjectID: "(total)"}
	for _, u := range use {
		total.Volumes += u.Volumes
		total.VolumeGB += u.VolumeGB
		total.Snapshots += u.Snapshots
		total.SnapshotsGB += u.SnapshotsGB
	}
	resources := []map[string]any{}
	for _, u := range append([]driver.HostUse{total}, use...) {
		resources = append(resources, envelope("resource", map[string]string{
			"host": r.ID, "project": u.ProjectID,
			"volume_count": strconv.Itoa(u.Volumes), "total_volume_gb": strconv.Itoa(u.VolumeGB),
			"snapshot_count": strconv.Itoa(u.Snapshots), "total_snapshot_gb": strconv.Itoa(u.SnapshotsGB),
		}))
	}
	return ok(envelope("host", resources))
}
