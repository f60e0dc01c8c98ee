package identity

import (
	"net/http"

	"cindergate/driver"
)

// view is one resource; every one has id and name.
type view map[string]any

// viewsOf lists the resources of one kind.
type viewsOf func(r *http.Request) []view

func none(*http.Request) []view { return []view{} }

func (s *Service) linked(r *http.Request, kind, id string, v view) view {
	v["id"] = id
	v["links"] = map[string]string{"self": s.base(r) + "/identity/v3/" + kind + "/" + id}
	return v
}

func (s *Service) projectView(r *http.Request, p project) view {
	return s.linked(r, "projects", p.id, view{
		"name": p.name, "domain_id": DefaultDomain, "parent_id": DefaultDomain, "enabled": true,
		"description": "", "is_domain": false, "tags": []string{}, "options": map[string]any{},
	})
}

func (s *Service) projectViews(r *http.Request) []view {
	views := []view{}
	for _, p := range s.projects {
		views = append(views, s.projectView(r, p))
	}
	return views
}

func (s *Service) userViews(r *http.Request) []view {
	views := []view{}
	for _, u := range s.users {
		views = append(views, s.linked(r, "users", u.id, view{
			"name": u.name, "domain_id": DefaultDomain, "enabled": true, "password_expires_at": nil, "options": map[string]any{},
		}))
	}
	return views
}

func (s *Service) roleViews(r *http.Request) []view {
	views := []view{}
	for _, role := range roleNames {
		views = append(views, s.linked(r, "roles", ID("role", role.name), view{
			"name": role.name, "domain_id": nil, "description": nil, "options": map[string]any{},
		}))
	}
	return views
}

func (s *Service) domainViews(r *http.Request) []view {
	return []view{s.linked(r, "domains", DefaultDomain, view{
		"name": "Default", "enabled": true, "description": "The default domain", "tags": []string{}, "options": map[string]any{},
	})}
}

func (s *Service) serviceViews(r *http.Request) []view {
	views := []view{}
	for _, svc := range services {
		views = append(views, s.linked(r, "services", ID("service", svc.kind), view{
			"name": svc.name, "type": svc.kind, "enabled": true,
		}))
	}
	return views
}

func (s *Service) endpointViews(r *http.Request) []view {
	views := []view{}
	for _, svc := range s.catalog(&token{}, s.base(r)) {
		for _, e := range svc.Endpoints {
			views = append(views, s.linked(r, "endpoints", e.ID, view{
				"service_id": svc.ID, "interface": e.Interface, "region": e.Region, "region_id": e.RegionID,
				"url": e.URL, "enabled": true, "name": svc.Name,
			}))
		}
	}
	return views
}

func (s *Service) regionViews(r *http.Request) []view {
	return []view{s.linked(r, "regions", s.region, view{"name": s.region, "description": "", "parent_region_id": nil})}
}

// list shows all of a kind to admins; roles and domains to everybody.
func (s *Service) list(name string, views viewsOf) authorized {
	return func(w http.ResponseWriter, r *http.Request, caller *token) {
		if caller.role != driver.Admin && name != "roles" && name != "domains" && name != "system" {
			fail(w, http.StatusForbidden, "You are not authorized to perform the requested action: identity:list_"+name+".")
			return
		}
		found := []view{}
		wanted := r.URL.Query().Get("name")
		for _, v := range views(r) {
			if wanted == "" || v["name"] == wanted {
				found = append(found, v)
			}
		}
		s.writeList(w, r, name, found)
	}
}

// show shows one of a kind: to others than admins only what is their own.
func (s *Service) show(name string, views viewsOf) authorized {
	return func(w http.ResponseWriter, r *http.Request, caller *token) {
		id := r.PathValue("id")
		own := id == caller.user.id || caller.user.roles[id] != driver.NoRole || name == "role" || name == "domain" || name == "region"
		if caller.role != driver.Admin && !own {
			fail(w, http.StatusForbidden, "You are not authorized to perform the requested action: identity:get_"+name+".")
			return
		}
		for _, v := range views(r) {
			if v["id"] == id {
				write(w, http.StatusOK, map[string]any{name: v})
				return
			}
		}
		fail(w, http.StatusNotFound, "Could not find "+name+": "+id+".")
	}
}

func (s *Service) ownProjects(w http.ResponseWriter, r *http.Request, caller *token) {
	s.writeProjects(w, r, caller.user)
}

func (s *Service) userProjects(w http.ResponseWriter, r *http.Request, caller *token) {
	u := s.findUser(r.PathValue("id"))
	switch {
	case u == nil && caller.role == driver.Admin:
		fail(w, http.StatusNotFound, "Could not find user: "+r.PathValue("id")+".")
	case u == nil || u != caller.user && caller.role != driver.Admin:
		fail(w, http.StatusForbidden, "You are not authorized to perform the requested action: identity:list_user_projects.")
	default:
		s.writeProjects(w, r, u)
	}
}

func (s *Service) writeProjects(w http.ResponseWriter, r *http.Request, u *user) {
	views := []view{}
	for _, p := range s.projects {
		if u.roles[p.id] != driver.NoRole {
			views = append(views, s.projectView(r, p))
		}
	}
	s.writeList(w, r, "projects", views)
}

func (s *Service) writeList(w http.ResponseWriter, r *http.Request, name string, views []view) {
	write(w, http.StatusOK, map[string]any{
		name:    views,
		"links": map[string]any{"self": s.base(r) + r.URL.Path, "previous": nil, "next": nil},
	})
}
