package identity

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
)

// computeVersion is the only microversion of the stub.
const computeVersion = "2.1"

// emptyLists are Nova's lists by path, with the member that holds each.
var emptyLists = map[string]string{
	"servers": "servers", "servers/detail": "servers", "flavors": "flavors", "flavors/detail": "flavors",
	"images": "images", "images/detail": "images",
	"extensions": "extensions", "os-keypairs": "keypairs", "os-server-groups": "server_groups",
	"os-availability-zone": "availabilityZoneInfo", "os-availability-zone/detail": "availabilityZoneInfo",
	"os-services": "services", "os-hypervisors": "hypervisors", "os-hypervisors/detail": "hypervisors",
	"os-aggregates": "aggregates", "os-migrations": "migrations", "os-networks": "networks", "os-tenant-networks": "networks",
	"os-security-groups": "security_groups", "os-floating-ips": "floating_ips", "os-volumes": "volumes",
	"os-simple-tenant-usage": "tenant_usages",
}

// quotaNames are the members of a quota set at microversion 2.1
// (nova/api/openstack/compute/quota_sets.py).
var quotaNames = []string{
	"cores", "fixed_ips", "floating_ips", "injected_file_content_bytes", "injected_file_path_bytes", "injected_files", "instances",
	"key_pairs", "metadata_items", "ram", "security_group_rules", "security_groups", "server_group_members", "server_groups",
}

// limitNames are the absolute limits at microversion 2.1 (nova/api/openstack/compute/views/limits.py).
var limitNames = []string{
	"maxImageMeta", "maxPersonality", "maxPersonalitySize", "maxSecurityGroupRules", "maxSecurityGroups", "maxServerGroupMembers",
	"maxServerGroups", "maxServerMeta", "maxTotalCores", "maxTotalFloatingIps", "maxTotalInstances", "maxTotalKeypairs",
	"maxTotalRAMSize", "totalCoresUsed", "totalFloatingIpsUsed", "totalInstancesUsed", "totalRAMUsed", "totalSecurityGroupsUsed",
	"totalServerGroupsUsed",
}

// hypervisorNames are the sums of GET /os-hypervisors/statistics.
var hypervisorNames = []string{
	"count", "current_workload", "disk_available_least", "free_disk_gb", "free_ram_mb", "local_gb", "local_gb_used", "memory_mb",
	"memory_mb_used", "running_vms", "vcpus", "vcpus_used",
}

// Compute is a compute service without instances and flavors, with quotas of 0, below
// /compute. It can only be read. Tools that look for compute before they do anything
// with volumes work with it: cinder-csi, Horizon, `openstack quota show`.
func (s *Service) Compute() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /compute", s.computeVersions)
	mux.HandleFunc("GET /compute/{$}", s.computeVersions)
	mux.HandleFunc("GET /compute/v2.1", s.computeDocument)
	mux.HandleFunc("GET /compute/v2.1/{$}", s.computeDocument)
	mux.HandleFunc("/compute/v2.1/{path...}", s.with(computeResource))
	mux.HandleFunc("/compute/", func(w http.ResponseWriter, r *http.Request) {
		computeFault(w, http.StatusNotFound, "itemNotFound", "There is no "+r.URL.Path+" here.")
	})
	return s.withRequestID(computeHeaders(mux))
}

// computeHeaders sets the headers about microversions that Nova sets.
func computeHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("OpenStack-API-Version", "compute "+computeVersion)
		w.Header().Set("X-OpenStack-Nova-API-Version", computeVersion)
		wanted := r.Header.Get("X-OpenStack-Nova-API-Version")
		for _, each := range strings.Split(strings.Join(r.Header.Values("OpenStack-API-Version"), ","), ",") {
			if version, ok := strings.CutPrefix(strings.TrimSpace(each), "compute "); ok {
				wanted = version
			}
		}
		if wanted != "" && wanted != computeVersion && wanted != "latest" {
			if !microversion.MatchString(wanted) {
				computeFault(w, http.StatusBadRequest, "badRequest", "API Version String "+wanted+" is of invalid format. Must be of format MajorNum.MinorNum.")
				return
			}
			computeFault(w, http.StatusNotAcceptable, "computeFault",
				"Version "+wanted+" is not supported by the API. Minimum is "+computeVersion+" and maximum is "+computeVersion+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

var microversion = regexp.MustCompile(`^[1-9][0-9]*\.(0|[1-9][0-9]*)$`)

func (s *Service) computeV21(r *http.Request) map[string]any {
	return map[string]any{
		"id": "v2.1", "status": "CURRENT", "version": computeVersion, "min_version": computeVersion, "updated": "2013-07-23T11:33:21Z",
		"links": []map[string]string{{"rel": "self", "href": s.base(r) + "/compute/v2.1/"}},
	}
}

func (s *Service) computeVersions(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, map[string]any{"versions": []any{s.computeV21(r)}})
}

func (s *Service) computeDocument(w http.ResponseWriter, r *http.Request) {
	v := s.computeV21(r)
	v["media-types"] = []map[string]string{{"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}}
	write(w, http.StatusOK, map[string]any{"version": v})
}

func computeResource(w http.ResponseWriter, r *http.Request, _ *token) {
	path := strings.Trim(r.PathValue("path"), "/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		computeFault(w, http.StatusForbidden, "forbidden",
			"This compute service can only be read: the gateway has it for tools that look for one. The setting identity.catalog names a real one.")
		return
	}
	if list, ok := emptyLists[path]; ok {
		write(w, http.StatusOK, map[string]any{list: []any{}})
		return
	}
	kind, rest, _ := strings.Cut(path, "/")
	id, part, _ := strings.Cut(rest, "/")
	switch {
	case path == "limits":
		write(w, http.StatusOK, map[string]any{"limits": map[string]any{"rate": []any{}, "absolute": zeros(limitNames, 0)}})
	case path == "os-hypervisors/statistics":
		write(w, http.StatusOK, map[string]any{"hypervisor_statistics": zeros(hypervisorNames, 0)})
	case kind == "os-quota-sets" && id != "" && part == "detail":
		write(w, http.StatusOK, map[string]any{"quota_set": quotas(id, map[string]int{"in_use": 0, "limit": 0, "reserved": 0})})
	case kind == "os-quota-sets" && id != "" && (part == "" || part == "defaults"):
		write(w, http.StatusOK, map[string]any{"quota_set": quotas(id, 0)})
	case kind == "os-quota-class-sets" && id != "" && part == "":
		write(w, http.StatusOK, map[string]any{"quota_class_set": quotas(id, 0)})
	case kind == "os-simple-tenant-usage" && id != "" && part == "":
		write(w, http.StatusOK, map[string]any{"tenant_usage": map[string]any{}})
	case kind == "servers" && id != "":
		computeFault(w, http.StatusNotFound, "itemNotFound", "Instance "+id+" could not be found.")
	case kind == "flavors" && id != "":
		computeFault(w, http.StatusNotFound, "itemNotFound", "Flavor "+id+" could not be found.")
	default:
		computeFault(w, http.StatusNotFound, "itemNotFound", "This compute service has no "+path+": the gateway has it for tools that look for one.")
	}
}

func zeros[V any](names []string, zero V) map[string]any {
	values := map[string]any{}
	for _, name := range names {
		values[name] = zero
	}
	return values
}

func quotas[V any](id string, zero V) map[string]any {
	set := map[string]any{"id": id}
	maps.Copy(set, zeros(quotaNames, zero))
	return set
}

// computeFault is an error as Nova writes it.
func computeFault(w http.ResponseWriter, status int, name, message string) {
	write(w, status, map[string]any{name: map[string]any{"code": status, "message": message}})
}
