package identity

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

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

// extended is a view with the members that only clients know.
func extended(v view, extra map[string]any) view {
	for name, value := range extra {
		if _, own := v[name]; !own {
			v[name] = value
		}
	}
	return v
}

func (s *Service) projectView(r *http.Request, p *knownProject) view {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return extended(s.linked(r, "projects", p.ID, view{
		"name": p.Name, "domain_id": DefaultDomain, "parent_id": DefaultDomain, "enabled": p.Enabled,
		"description": p.Description, "is_domain": false, "tags": tags, "options": map[string]any{},
	}), p.Extra)
}

func (s *Service) projectViews(r *http.Request) []view {
	views := []view{}
	for _, p := range s.directory.Load().projects.all {
		views = append(views, s.projectView(r, p))
	}
	return views
}

func (s *Service) userView(r *http.Request, u *user) view {
	v := s.linked(r, "users", u.id, view{
		"name": u.name, "domain_id": DefaultDomain, "enabled": u.enabled, "password_expires_at": nil, "options": map[string]any{},
	})
	if u.defaultProject != "" {
		v["default_project_id"] = u.defaultProject
	}
	return extended(v, u.extra)
}

func (s *Service) userViews(r *http.Request) []view {
	views := []view{}
	for _, u := range s.directory.Load().users.all {
		views = append(views, s.userView(r, u))
	}
	return views
}

func (s *Service) roleView(r *http.Request, name string) view {
	return s.linked(r, "roles", ID("role", name), view{
		"name": name, "domain_id": nil, "description": nil, "options": map[string]any{},
	})
}

func (s *Service) roleViews(r *http.Request) []view {
	views := []view{}
	for _, role := range roleNames {
		views = append(views, s.roleView(r, role.name))
	}
	return views
}

func (s *Service) domainViews(r *http.Request) []view {
	return []view{s.linked(r, "domains", DefaultDomain, view{
		"name": defaultDomainName, "enabled": true, "description": "The default domain", "tags": []string{}, "options": map[string]any{},
	})}
}

func (s *Service) serviceViews(r *http.Request) []view {
	views := []view{}
	for _, svc := range s.services {
		views = append(views, s.linked(r, "services", ID("service", svc.kind), view{
			"name": svc.name, "type": svc.kind, "enabled": true,
		}))
	}
	return views
}

func (s *Service) endpointViews(r *http.Request) []view {
	views := []view{}
	for _, svc := range s.catalog(projectMark, s.base(r)) {
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

// public are the lists that every token may see (keystone/common/policies).
var public = map[string]bool{"roles": true, "domains": true, "system": true, "regions": true}

// list shows all of a kind to admins, some kinds to everybody.
func (s *Service) list(name string, views viewsOf) authorized {
	return func(w http.ResponseWriter, r *http.Request, caller *token) {
		if caller.role != driver.Admin && !public[name] {
			forbidden(w, "list_"+name)
			return
		}
		query := r.URL.Query()
		found := []view{}
		for _, v := range views(r) {
			if v.matches(query) {
				found = append(found, v)
			}
		}
		s.writeList(w, r, name, found)
	}
}

// matches tells whether the view has what a query asks for. Members that a view does
// not have filter nothing, as in Keystone. Names are compared without regard to case.
func (v view) matches(query url.Values) bool {
	for key, values := range query {
		name, comparison, _ := strings.Cut(key, "__")
		wanted := values[len(values)-1]
		switch have := v[name].(type) {
		case string:
			if !compare(fold(have), fold(wanted), strings.TrimPrefix(comparison, "i")) {
				return false
			}
		case bool:
			// Keystone takes everything for true but these (query_filter_is_true).
			asked, err := strconv.ParseBool(wanted)
			if have != (asked || err != nil) {
				return false
			}
		case nil:
			if _, there := v[name]; there && wanted != "" && wanted != "null" {
				return false
			}
		case []string:
			if name == "tags" && !hasAll(have, strings.Split(wanted, ",")) {
				return false
			}
		}
	}
	tags, _ := v["tags"].([]string)
	for key, fine := range map[string]func(wanted []string) bool{
		"tags-any":     func(wanted []string) bool { return hasAny(tags, wanted) },
		"not-tags":     func(wanted []string) bool { return !hasAll(tags, wanted) },
		"not-tags-any": func(wanted []string) bool { return !hasAny(tags, wanted) },
	} {
		if wanted := query.Get(key); wanted != "" && v["tags"] != nil && !fine(strings.Split(wanted, ",")) {
			return false
		}
	}
	return true
}

func compare(have, wanted, how string) bool {
	switch how {
	case "contains":
		return strings.Contains(have, wanted)
	case "startswith":
		return strings.HasPrefix(have, wanted)
	case "endswith":
		return strings.HasSuffix(have, wanted)
	}
	return have == wanted
}

func hasAny(have, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(tag string) bool { return slices.Contains(have, tag) })
}

func hasAll(have, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(tag string) bool { return !slices.Contains(have, tag) })
}

// show shows one of a kind: to others than admins only what is their own.
func (s *Service) show(name string, views viewsOf) authorized {
	return func(w http.ResponseWriter, r *http.Request, caller *token) {
		id := r.PathValue("id")
		own := id == caller.user.id || caller.user.roles[id] != driver.NoRole || public[name+"s"]
		if caller.role != driver.Admin && !own {
			forbidden(w, "get_"+name)
			return
		}
		for _, v := range views(r) {
			if v["id"] == id {
				write(w, http.StatusOK, map[string]any{name: v})
				return
			}
		}
		missing(w, name, id)
	}
}

func missing(w http.ResponseWriter, kind, id string) {
	fail(w, http.StatusNotFound, "Could not find "+kind+": "+id+".")
}

func (s *Service) ownProjects(w http.ResponseWriter, r *http.Request, caller *token) {
	s.writeProjects(w, r, caller.user)
}

// ownUser is the user of the path, whom admins and the user itself may ask for.
func (s *Service) ownUser(w http.ResponseWriter, r *http.Request, caller *token, action string) *user {
	id := r.PathValue("id")
	u := s.directory.Load().users.byID[id]
	switch {
	case caller.role != driver.Admin && id != caller.user.id:
		forbidden(w, action)
		return nil
	case u == nil:
		missing(w, "user", id)
	}
	return u
}

func (s *Service) userProjects(w http.ResponseWriter, r *http.Request, caller *token) {
	if u := s.ownUser(w, r, caller, "list_user_projects"); u != nil {
		s.writeProjects(w, r, u)
	}
}

func (s *Service) userGroups(w http.ResponseWriter, r *http.Request, caller *token) {
	if u := s.ownUser(w, r, caller, "list_groups_for_user"); u != nil {
		s.writeList(w, r, "groups", []view{})
	}
}

func (s *Service) writeProjects(w http.ResponseWriter, r *http.Request, u *user) {
	views := []view{}
	for _, p := range s.directory.Load().projects.all {
		if v := s.projectView(r, p); u.roles[p.ID] != driver.NoRole && v.matches(r.URL.Query()) {
			views = append(views, v)
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
