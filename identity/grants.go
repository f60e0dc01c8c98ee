package identity

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// granted is the user and the project that the path of a grant names.
func (s *Service) granted(w http.ResponseWriter, r *http.Request) (u *user, p *knownProject, ok bool) {
	d := s.directory.Load()
	u, p = d.users.byID[r.PathValue("user")], d.projects.byID[r.PathValue("project")]
	switch {
	case p == nil:
		missing(w, "project", r.PathValue("project"))
	case u == nil:
		missing(w, "user", r.PathValue("user"))
	default:
		return u, p, true
	}
	return nil, nil, false
}

// grantOf is granted with the role of the path.
func (s *Service) grantOf(w http.ResponseWriter, r *http.Request) (grant, bool) {
	u, p, ok := s.granted(w, r)
	if !ok {
		return grant{}, false
	}
	for _, each := range roleNames {
		if ID("role", each.name) == r.PathValue("role") {
			return grant{user: u, project: p, role: each.role}, true
		}
	}
	missing(w, "role", r.PathValue("role"))
	return grant{}, false
}

// find returns the stored grant.
func (d *directory) find(of grant) (grant, bool) {
	at := slices.IndexFunc(d.grants, func(g grant) bool {
		return g.user.id == of.user.id && g.project.ID == of.project.ID && g.role == of.role
	})
	if at < 0 {
		return grant{}, false
	}
	return d.grants[at], true
}

func (g grant) stored() Grant { return Grant{g.user.id, g.project.ID, roleName(g.role)} }

func (s *Service) listGrants(w http.ResponseWriter, r *http.Request, _ *token) {
	u, p, ok := s.granted(w, r)
	if !ok {
		return
	}
	views := []view{}
	for _, g := range s.directory.Load().grants {
		if g.user.id == u.id && g.project.ID == p.ID {
			views = append(views, s.roleView(r, roleName(g.role)))
		}
	}
	s.writeList(w, r, "roles", views)
}

// checkGrant is GET and HEAD of a grant.
func (s *Service) checkGrant(w http.ResponseWriter, r *http.Request, _ *token) {
	wanted, ok := s.grantOf(w, r)
	if !ok {
		return
	}
	if _, there := s.directory.Load().find(wanted); !there {
		noGrant(w, wanted)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func noGrant(w http.ResponseWriter, g grant) {
	fail(w, http.StatusNotFound, "Could not find role assignment with role: "+ID("role", roleName(g.role))+", user or group: "+g.user.id+
		", project, domain, or system: "+g.project.ID+".")
}

func (s *Service) createGrant(w http.ResponseWriter, r *http.Request, _ *token) {
	wanted, ok := s.grantOf(w, r)
	if !ok {
		return
	}
	err := s.change(r.Context(), func(ctx context.Context, store Changes, d *directory, next *Accounts) error {
		switch _, there := d.find(wanted); {
		case d.users.byID[wanted.user.id] == nil || d.projects.byID[wanted.project.ID] == nil:
			return refused(http.StatusNotFound, "The user or the project has been deleted meanwhile.")
		case there:
			return nil
		case len(next.Grants) >= maxGrants:
			return refused(http.StatusForbidden, "There are as many role assignments as there can be.")
		}
		next.Grants = append(next.Grants, wanted.stored())
		return store.SaveGrant(ctx, wanted.stored())
	})
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Service) deleteGrant(w http.ResponseWriter, r *http.Request, _ *token) {
	wanted, ok := s.grantOf(w, r)
	if !ok {
		return
	}
	found := true
	err := s.change(r.Context(), func(ctx context.Context, store Changes, d *directory, next *Accounts) error {
		g, there := d.find(wanted)
		if found = there; !there {
			return nil
		}
		if g.configured {
			return refused(http.StatusForbidden, "The role of "+g.user.name+" in "+g.project.Name+" is one of the configuration or a default one, and cannot be changed here.")
		}
		next.Grants = slices.DeleteFunc(next.Grants, func(each Grant) bool { return each == g.stored() })
		return store.DeleteGrant(ctx, g.stored())
	})
	switch {
	case err != nil:
		s.refuse(w, err)
	case !found:
		noGrant(w, wanted)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// listAssignments is GET /v3/role_assignments.
func (s *Service) listAssignments(w http.ResponseWriter, r *http.Request, _ *token) {
	query := r.URL.Query()
	effective, named := flagged(query, "effective"), flagged(query, "include_names")
	views := []view{}
	seen := map[Grant]bool{} // a role that is granted may be implied by another as well
	for _, g := range s.directory.Load().grants {
		for _, each := range roleNames {
			key := Grant{g.user.id, g.project.ID, each.name}
			implied := effective && each.role < g.role
			if each.role != g.role && !implied || seen[key] || !wantsAssignment(query, key) {
				continue
			}
			seen[key] = true
			views = append(views, s.assignmentView(r, g, each.name, named))
		}
	}
	s.writeList(w, r, "role_assignments", views)
}

// flagged reports whether a query sets a switch (query_filter_is_true of
// keystone/server/flask/common.py).
func flagged(query url.Values, name string) bool { return query.Has(name) && query.Get(name) != "0" }

// wantsAssignment reports whether a role assignment matches the query.
func wantsAssignment(query url.Values, g Grant) bool {
	for name, value := range map[string]string{
		"user.id": g.UserID, "scope.project.id": g.ProjectID, "role.id": ID("role", g.Role),
		"group.id": "", "scope.domain.id": "", "scope.system": "", "scope.OS-INHERIT:inherited_to": "",
	} {
		if query.Has(name) && query.Get(name) != value {
			return false
		}
	}
	return true
}

func (s *Service) assignmentView(r *http.Request, g grant, role string, named bool) view {
	of := view{"id": ID("role", role)}
	user, project := view{"id": g.user.id}, view{"id": g.project.ID}
	if named {
		of["name"], user["name"], project["name"] = role, g.user.name, g.project.Name
		user["domain"], project["domain"] = domain(), domain()
	}
	return view{
		"role": of, "user": user, "scope": view{"project": project},
		"links": map[string]string{"assignment": s.base(r) + "/identity/v3/projects/" + g.project.ID + "/users/" + g.user.id + "/roles/" +
			ID("role", roleName(g.role))},
	}
}
