package identity

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
)

// Project is a project that was made through the API.
type Project struct {
	ID, Name, Description string
	Enabled               bool
	Tags                  []string
	// Extra are members that this service stores for clients and does not use, as JSON values.
	Extra map[string]any
}

// Account is a user that was made through the API.
type Account struct {
	ID, Name       string
	PasswordHash   string // "": cannot log in by password
	DefaultProject string // id, or ""
	Enabled        bool
	// Generation counts what ends all tokens of the user: another password, being disabled.
	Generation int
	// Extra are members that this service stores for clients and does not use, such as
	// email and description.
	Extra map[string]any
}

// Grant is a role of a user in a project.
type Grant struct{ UserID, ProjectID, Role string }

// Accounts are all that was made through the API, in order of creation.
type Accounts struct {
	Version  string // of a shared store
	Projects []Project
	Users    []Account
	Grants   []Grant
}

// Bounds of what can be made through the API.
const (
	maxAccounts = 10_000 // projects, and users
	maxGrants   = 100_000
)

// storeTime bounds one change in the store.
const storeTime = 10 * time.Second

// refusal is an error with the status and text of its answer.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refused(status int, message string) error { return &refusal{status, message} }

// refuse writes the answer to a change that failed.
func (s *Service) refuse(w http.ResponseWriter, err error) {
	var r *refusal
	if errors.As(err, &r) {
		fail(w, r.status, r.message)
		return
	}
	s.log.Error("store a change of projects or users", zap.Error(err))
	fail(w, http.StatusServiceUnavailable, "The change could not be stored.")
}

// change makes one change of the accounts. do checks it against next, which it gets with the
// directory of the same moment, stores it in store, and makes it in next; requests see next
// once do has returned nil. Changes run one after another. If another gateway was faster, do
// runs again. A client that hangs up does not break off what is being stored.
func (s *Service) change(ctx context.Context, do func(ctx context.Context, store Changes, d *directory, next *Accounts) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	s.changes.Lock()
	defer s.changes.Unlock()
	if s.store == nil {
		return refused(http.StatusNotImplemented, "This gateway has no data directory to keep projects and users in.")
	}
	for {
		if err := s.current(ctx); err != nil {
			return err
		}
		d := s.directory.Load()
		next := Accounts{d.made.Version, slices.Clone(d.made.Projects), slices.Clone(d.made.Users), slices.Clone(d.made.Grants)}
		err := do(ctx, s.store.At(d.made.Version), d, &next)
		switch {
		case errors.Is(err, ErrStale):
			continue // until storeTime has passed
		case err != nil:
			return err
		case s.store.Shared():
			return s.current(ctx)
		}
		if d, err = s.build(next); err != nil {
			return err
		}
		s.directory.Store(d)
		return nil
	}
}

// project and user return the index of the item with the id, -1 if there is none.
func (a *Accounts) project(id string) int {
	return slices.IndexFunc(a.Projects, func(p Project) bool { return p.ID == id })
}

func (a *Accounts) user(id string) int {
	return slices.IndexFunc(a.Users, func(u Account) bool { return u.ID == id })
}

// build makes the directory of the configuration and of what was made.
func (s *Service) build(made Accounts) (*directory, error) {
	d := newDirectory()
	d.made = made
	for _, p := range s.configured.projects {
		known := &knownProject{Project{ID: p.id, Name: p.name, Enabled: true}, true}
		if at := made.project(p.id); at >= 0 { // it was made through the API before
			known.Project = made.Projects[at]
		}
		if d.projects.byID[known.ID] == nil { // two names of one differ in case only
			d.projects.add(known)
		}
	}
	for _, p := range made.Projects {
		if d.projects.byID[p.ID] == nil {
			d.projects.add(&knownProject{p, false})
		}
	}
	for _, u := range s.configured.users {
		d.users.add(&user{id: u.id, name: u.name, secret: u.secret, enabled: true, configured: true, roles: map[string]driver.Role{},
			stamp: u.secret.stamp})
		for id, role := range u.roles {
			d.grant(u.id, id, role, true)
		}
	}
	for _, a := range made.Users {
		u := &user{
			id: a.ID, name: a.Name, enabled: a.Enabled, roles: map[string]driver.Role{},
			defaultProject: a.DefaultProject, extra: a.Extra, generation: a.Generation,
		}
		if a.PasswordHash != "" {
			var err error
			if u.secret, err = ParseHash(a.PasswordHash); err != nil {
				return nil, err
			}
		}
		u.stamp = strconv.Itoa(a.Generation) + " " + u.secret.stamp
		d.users.add(u)
	}
	for _, g := range made.Grants {
		if role, ok := parseRole(g.Role); ok {
			d.grant(g.UserID, g.ProjectID, role, false)
		}
	}
	return d, nil
}
