package identity

import (
	"context"
	"crypto/sha256"
	"strings"

	"cindergate/driver"
)

// directory is all projects, users and grants at one moment. It does not change: a
// change makes a new one, so that requests need no lock.
type directory struct {
	projects index[knownProject]
	users    index[user]
	grants   []grant
	granted  map[Grant]bool
	made     Accounts // what was made through the API
}

// knownProject is a project that exists. One that the configuration names is changed
// there.
type knownProject struct {
	Project
	configured bool
}

func (p *knownProject) ref() project { return project{p.ID, p.Name} }

type user struct {
	id, name       string
	secret         Secret
	roles          map[string]driver.Role // by project id: the highest
	enabled        bool
	configured     bool
	defaultProject string
	extra          map[string]any
	generation     int    // as in [Account]
	stamp          string // changes when all tokens of the user end
}

// grant is one role of a user in a project.
type grant struct {
	user       *user
	project    *knownProject
	role       driver.Role
	configured bool
}

// index finds things by id and by name.
type index[T any] struct {
	keys   func(*T) (id, name string)
	all    []*T
	byID   map[string]*T
	byName map[string][]*T // by the name's fold
}

func newIndex[T any](keys func(*T) (id, name string)) index[T] {
	return index[T]{keys, []*T{}, map[string]*T{}, map[string][]*T{}}
}

func newDirectory() *directory {
	return &directory{
		projects: newIndex(func(p *knownProject) (id, name string) { return p.ID, p.Name }),
		users:    newIndex(func(u *user) (id, name string) { return u.id, u.name }),
		granted:  map[Grant]bool{},
	}
}

func (x *index[T]) add(thing *T) {
	id, name := x.keys(thing)
	x.all = append(x.all, thing)
	x.byID[id] = thing
	x.byName[fold(name)] = append(x.byName[fold(name)], thing)
}

// named finds the item with the name. If there is none, it finds the only one whose name
// differs in case alone, as a Keystone on MariaDB does.
func (x *index[T]) named(name string) *T {
	same := x.byName[fold(name)]
	for _, thing := range same {
		if _, its := x.keys(thing); its == name {
			return thing
		}
	}
	if len(same) == 1 {
		return same[0]
	}
	return nil
}

func fold(name string) string { return strings.ToLower(name) }

// sameName reports whether Keystone regards two names as equal.
func sameName(a, b string) bool { return fold(a) == fold(b) }

// grant adds a role. A grant whose user or project no longer exists, because the
// configuration dropped it, has no effect.
func (d *directory) grant(userID, projectID string, role driver.Role, configured bool) {
	u, p := d.users.byID[userID], d.projects.byID[projectID]
	key := Grant{userID, projectID, roleName(role)}
	if u == nil || p == nil || d.granted[key] {
		return
	}
	d.granted[key] = true
	d.grants = append(d.grants, grant{u, p, role, configured})
	u.roles[p.ID] = max(u.roles[p.ID], role)
}

// login finds an enabled user by id, or else by name.
func (d *directory) login(id, name string) *user {
	u := d.users.byID[id]
	if id == "" {
		u = d.users.named(name)
	}
	if u == nil || !u.enabled {
		return nil
	}
	return u
}

// scope finds an enabled project by id, or else by name.
func (d *directory) scope(id, name string) (project, bool) {
	p := d.projects.byID[id]
	if id == "" {
		p = d.projects.named(name)
	}
	if p == nil || !p.Enabled {
		return project{}, false
	}
	return p.ref(), true
}

// live returns the token with its present role. It returns nil if the token has expired or
// was revoked, or if what it was issued on has changed: the user, the password, the
// application credential, the project or the role there. An error means that the store does
// not answer.
func (s *Service) live(ctx context.Context, text string) (*token, error) {
	if err := s.current(ctx); err != nil {
		return nil, err
	}
	k, err := s.tokens.find(ctx, sha256.Sum256([]byte(text)), s.clock.Now())
	if err != nil || k == nil {
		return nil, err
	}
	d := s.directory.Load()
	t := &token{hash: k.Hash, methods: k.Methods, user: d.login(k.UserID, ""), audit: k.AuditID, issuedAt: k.IssuedAt, expires: k.Expires}
	if t.user == nil {
		return nil, nil
	}
	stamp := t.user.stamp
	if k.CredentialID != "" {
		if t.credential = s.credential(k.CredentialID); t.credential == nil {
			return nil, nil
		}
		stamp += " " + t.credential.secret.stamp
	}
	if k.Stamp != stamp {
		return nil, nil
	}
	if k.ProjectID == "" {
		return t, nil
	}
	var ok bool
	if t.project, ok = d.scope(k.ProjectID, ""); !ok {
		return nil, nil
	}
	t.role = t.user.roles[t.project.id]
	if t.restricted() {
		was, _ := parseRole(k.Role)
		t.role = min(t.role, was)
	}
	if t.role == driver.NoRole {
		return nil, nil
	}
	return t, nil
}

// credential finds an application credential by its id.
func (s *Service) credential(id string) *appCredential {
	for i := range s.appCreds {
		if s.appCreds[i].id == id {
			return &s.appCreds[i]
		}
	}
	return nil
}
