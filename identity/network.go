package identity

import (
	"net/http"
	"strings"
)

// networkLists are Neutron's lists by path, with the member that holds each.
var networkLists = map[string]string{
	"extensions": "extensions", "networks": "networks", "subnets": "subnets", "ports": "ports", "routers": "routers",
	"floatingips": "floatingips", "security-groups": "security_groups", "security-group-rules": "security_group_rules",
	"subnetpools": "subnetpools", "agents": "agents", "availability_zones": "availability_zones", "quotas": "quotas",
	"rbac-policies": "rbac_policies", "address-scopes": "address_scopes", "service-providers": "service_providers",
}

// networkQuotas are the members of a quota set (neutron/conf/quota.py).
var networkQuotas = []string{
	"floatingip", "network", "port", "rbac_policy", "router", "security_group", "security_group_rule", "subnet", "subnetpool",
}

// Network is a network service without networks and extensions, with quotas of 0, below
// /network. It can only be read. Horizon's first page asks for it, and fails without.
func (s *Service) Network() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /network", s.networkVersions)
	mux.HandleFunc("GET /network/{$}", s.networkVersions)
	mux.HandleFunc("GET /network/v2.0", s.networkResources)
	mux.HandleFunc("GET /network/v2.0/{$}", s.networkResources)
	mux.HandleFunc("/network/v2.0/{path...}", s.with(networkResource))
	mux.HandleFunc("/network/", func(w http.ResponseWriter, r *http.Request) {
		networkError(w, http.StatusNotFound, "HTTPNotFound", "There is no "+r.URL.Path+" here.")
	})
	return s.withRequestID(mux)
}

func (s *Service) networkVersions(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, map[string]any{"versions": []any{map[string]any{
		"id": "v2.0", "status": "CURRENT", "links": []map[string]string{{"rel": "self", "href": s.base(r) + "/network/v2.0/"}},
	}}})
}

func (s *Service) networkResources(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{"resources": []any{}})
}

func networkResource(w http.ResponseWriter, r *http.Request, _ *token) {
	path := strings.TrimSuffix(strings.Trim(r.PathValue("path"), "/"), ".json")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		networkError(w, http.StatusForbidden, "PolicyNotAuthorized",
			"This network service can only be read: the gateway has it for tools that look for one. The setting identity.catalog names a real one.")
		return
	}
	if list, ok := networkLists[path]; ok {
		write(w, http.StatusOK, map[string]any{list: []any{}})
		return
	}
	kind, rest, _ := strings.Cut(path, "/")
	id, part, _ := strings.Cut(rest, "/")
	switch {
	case kind == "quotas" && id != "" && (part == "" || part == "default"):
		write(w, http.StatusOK, map[string]any{"quota": zeros(networkQuotas, 0)})
	case kind == "quotas" && id != "" && part == "details":
		write(w, http.StatusOK, map[string]any{"quota": zeros(networkQuotas, map[string]int{"limit": 0, "used": 0, "reserved": 0})})
	default:
		networkError(w, http.StatusNotFound, "HTTPNotFound", "This network service has no "+path+": the gateway has it for tools that look for one.")
	}
}

// networkError is an error as Neutron writes it.
func networkError(w http.ResponseWriter, status int, kind, message string) {
	write(w, status, map[string]any{"NeutronError": map[string]any{"type": kind, "message": message, "detail": ""}})
}
