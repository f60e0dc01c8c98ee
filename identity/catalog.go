package identity

// service is one entry of the catalogue; %p is the project's id.
type service struct{ kind, name, path string }

// services are what tools look for. volume and volumev2 are the older names of
// the Block Storage API; image is there because `openstack volume create` insists
// on one.
var services = []service{
	{"volumev3", "cinderv3", "/v3/%p"},
	{"block-storage", "cinder", "/v3/%p"},
	{"volume", "cinder", "/v3/%p"},
	{"volumev2", "cinderv2", "/v2/%p"},
	{"identity", "keystone", "/identity/v3"},
	{"image", "glance", "/image"},
}

type endpointView struct {
	ID        string `json:"id"`
	Interface string `json:"interface"`
	Region    string `json:"region"`
	RegionID  string `json:"region_id"`
	URL       string `json:"url"`
}

type serviceView struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Endpoints []endpointView `json:"endpoints"`
}

func (s *Service) catalog(t *token, base string) []serviceView {
	views := make([]serviceView, len(services))
	for i, svc := range services {
		views[i] = serviceView{ID: ID("service", svc.kind), Type: svc.kind, Name: svc.name}
		for _, face := range []string{"public", "internal", "admin"} {
			views[i].Endpoints = append(views[i].Endpoints, endpointView{
				ID: ID("endpoint", svc.kind+" "+face), Interface: face, Region: s.region, RegionID: s.region,
				URL: base + expand(svc.path, t.project.id),
			})
		}
	}
	return views
}

func expand(path, project string) string {
	if n := len(path) - 2; n > 0 && path[n:] == "%p" {
		return path[:n] + project
	}
	return path
}
