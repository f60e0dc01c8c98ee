package identity

import (
	"errors"
	"fmt"
	"strings"
)

// CatalogEntry is a service besides the gateway's own. %(project_id)s in its URL
// stands for the id of the token's project.
type CatalogEntry struct{ Type, Name, URL string }

// service is one entry of the catalogue. Its path is below the gateway's own URL,
// unless it is a URL itself.
type service struct{ kind, name, path string }

// projectMark is where the project's id goes; the others are older ways to write it
// (keystone/common/utils.py, format_url).
const projectMark = "%(project_id)s"

var projectMarks = strings.NewReplacer(
	"%(tenant_id)s", projectMark, "$(project_id)s", projectMark, "$(tenant_id)s", projectMark,
)

// ownServices are what tools look for. volume and volumev2 are the older names of the
// Block Storage API. image, compute and network are stubs: `openstack volume create`
// insists on an image service, cinder-csi, Horizon and `openstack quota show` on compute,
// and Horizon on network where there is compute.
var ownServices = []service{
	{"volumev3", "cinderv3", "/v3/" + projectMark},
	{"block-storage", "cinder", "/v3/" + projectMark},
	{"volume", "cinder", "/v3/" + projectMark},
	{"volumev2", "cinderv2", "/v2/" + projectMark},
	{"identity", "keystone", "/identity/v3"},
	{"image", "glance", "/image"},
	{"compute", "nova", "/compute/v2.1"},
	{"network", "neutron", "/network"},
}

// stubs are the types of our own services that a configured service replaces.
var stubs = map[string]bool{"image": true, "compute": true, "network": true}

// CheckCatalog reports every mistake in the services of a configuration.
func CheckCatalog(configured []CatalogEntry) error {
	_, err := allServices(configured)
	return err
}

// allServices returns our own services and the configured ones.
func allServices(configured []CatalogEntry) ([]service, error) {
	services := append([]service(nil), ownServices...)
	var problems []error
	seen := map[string]bool{}
	for i, entry := range configured {
		at := -1
		for j, own := range ownServices {
			if own.kind == entry.Type {
				at = j
			}
		}
		switch {
		case entry.Type == "" || entry.Name == "":
			problems = append(problems, fmt.Errorf("catalog[%d]: type and name must not be empty", i))
		case seen[entry.Type]:
			problems = append(problems, fmt.Errorf("catalog[%d]: type %q is there twice", i, entry.Type))
		case at >= 0 && !stubs[entry.Type]:
			problems = append(problems, fmt.Errorf("catalog[%d]: type %q is the gateway's own", i, entry.Type))
		case at >= 0:
			services[at] = service{entry.Type, entry.Name, projectMarks.Replace(entry.URL)}
		default:
			services = append(services, service{entry.Type, entry.Name, projectMarks.Replace(entry.URL)})
		}
		seen[entry.Type] = true
	}
	return services, errors.Join(problems...)
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

// catalog returns the catalogue for a token of the project.
func (s *Service) catalog(project, base string) []serviceView {
	views := make([]serviceView, len(s.services))
	for i, svc := range s.services {
		url := strings.ReplaceAll(svc.path, projectMark, project)
		if strings.HasPrefix(url, "/") {
			url = base + url
		}
		views[i] = serviceView{ID: ID("service", svc.kind), Type: svc.kind, Name: svc.name}
		for _, face := range []string{"public", "internal", "admin"} {
			views[i].Endpoints = append(views[i].Endpoints, endpointView{
				ID: ID("endpoint", svc.kind+" "+face), Interface: face, Region: s.region, RegionID: s.region, URL: url,
			})
		}
	}
	return views
}
