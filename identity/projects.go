package identity

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Lengths in characters (keystone/resource/schema.py, identity/schema.py, and the
// TEXT column of descriptions).
const (
	maxProjectName = 64
	maxUserName    = 255
	maxDescription = 65535 / 4
	maxID          = 64
)

// newID is 32 hex digits, as Keystone's ids are.
func (s *Service) newID() string { return strings.ReplaceAll(s.newUUID(), "-", "") }

// newUUID returns a random UUID. The source never fails.
func (s *Service) newUUID() string {
	id, _ := uuid.NewRandomFromReader(s.secrets)
	return id.String()
}

// read takes the members of a project from a request.
func (p *Project) read(a *attributes) error {
	a.inDefaultDomain()
	if parent, _ := a.take("parent_id"); parent != nil && parent != DefaultDomain {
		a.refuse(http.StatusNotImplemented, "The embedded identity service has no projects within projects: parent_id can only be %q.", DefaultDomain)
	}
	isDomain := false
	if a.flag("is_domain", &isDomain); isDomain {
		a.refuse(http.StatusNotImplemented, "The embedded identity service has one domain: is_domain can only be false.")
	}
	a.name(&p.Name, maxProjectName)
	a.text("description", &p.Description, maxDescription)
	a.flag("enabled", &p.Enabled)
	a.tags(&p.Tags)
	p.Extra = a.merge(p.Extra)
	if p.Name == "" {
		a.refuse(http.StatusBadRequest, "'name' is a required property")
	}
	return a.err
}

// freeProjectName tells whether a project may have the name.
func (s *Service) freeProjectName(made *Accounts, p Project) error {
	taken := func(id, name string) bool { return id != p.ID && sameName(name, p.Name) }
	if slices.ContainsFunc(s.configured.projects, func(c project) bool { return taken(c.id, c.name) }) ||
		slices.ContainsFunc(made.Projects, func(m Project) bool { return taken(m.ID, m.Name) }) {
		return refused(http.StatusConflict, "Conflict occurred attempting to store project - it is not permitted to have two projects "+
			"with the same name in the same domain: "+p.Name+".")
	}
	return nil
}

func (s *Service) createProject(w http.ResponseWriter, r *http.Request, _ *token) {
	a := readAttributes(w, r, "project", "")
	if a == nil {
		return
	}
	p := Project{ID: s.newID(), Enabled: true}
	err := p.read(a)
	if err == nil {
		err = s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
			if len(next.Projects) >= maxAccounts {
				return refused(http.StatusForbidden, "There are as many projects as there can be.")
			}
			if err := s.freeProjectName(next, p); err != nil {
				return err
			}
			next.Projects = append(next.Projects, p)
			return store.SaveProject(ctx, p)
		})
	}
	s.answerProject(w, r, http.StatusCreated, p.ID, err)
}

func (s *Service) updateProject(w http.ResponseWriter, r *http.Request, _ *token) {
	id := r.PathValue("id")
	a := readAttributes(w, r, "project", id)
	if a == nil {
		return
	}
	err := s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
		at, err := s.changeableProject(next, id)
		if err != nil {
			return err
		}
		p := next.Projects[at]
		if err := p.read(a); err != nil {
			return err
		}
		if err := s.freeProjectName(next, p); err != nil {
			return err
		}
		next.Projects[at] = p
		return store.SaveProject(ctx, p)
	})
	s.answerProject(w, r, http.StatusOK, id, err)
}

// changeableProject finds a project that was made through the API and that the
// configuration does not name.
func (s *Service) changeableProject(made *Accounts, id string) (at int, err error) {
	if p, ok := s.configured.project(id); ok && p.id == id {
		return 0, refused(http.StatusForbidden, "The project "+p.name+" is one of the configuration or a default one, and cannot be changed here.")
	}
	if at = made.project(id); at < 0 {
		return 0, refused(http.StatusNotFound, "Could not find project: "+id+".")
	}
	return at, nil
}

// answerProject shows the project that was changed.
func (s *Service) answerProject(w http.ResponseWriter, r *http.Request, status int, id string, err error) {
	p := s.directory.Load().projects.byID[id]
	switch {
	case err != nil:
		s.refuse(w, err)
	case p == nil: // deleted meanwhile
		missing(w, "project", id)
	default:
		write(w, status, map[string]any{"project": s.projectView(r, p)})
	}
}

// deleteProject is DELETE /v3/projects/{id}. What the project has in the backends stays,
// as with Keystone and Cinder.
func (s *Service) deleteProject(w http.ResponseWriter, r *http.Request, _ *token) {
	id := r.PathValue("id")
	err := s.change(r.Context(), func(ctx context.Context, store Changes, _ *directory, next *Accounts) error {
		at, err := s.changeableProject(next, id)
		if err != nil {
			return err
		}
		next.Projects = slices.Delete(next.Projects, at, at+1)
		next.Grants = slices.DeleteFunc(next.Grants, func(g Grant) bool { return g.ProjectID == id })
		return store.DeleteProject(ctx, id)
	})
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
