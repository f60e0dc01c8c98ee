// Package identity is the small Keystone v3 of the embedded default: users,
// projects and roles from the configuration, opaque tokens that expire, and the
// catalogue. It is enough for openstackclient, cinderclient, gophercloud and
// Tempest with prepared credentials; nothing can be changed through it.
package identity

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"cindergate/driver"
)

// DefaultDomain is the only domain.
const DefaultDomain = "default"

// User is somebody who can log in.
type User struct {
	Name string
	// Secret is how the password is checked.
	Secret Secret
	// Projects maps a project's name to the user's role in it: reader, member or
	// admin, each including those before.
	Projects map[string]string
}

// ApplicationCredential lets a program log in for one project.
type ApplicationCredential struct {
	ID, Name      string
	Secret        Secret
	User, Project string
	Role          string // at most the user's own
}

// Options configure a Service.
type Options struct {
	Users                  []User
	ApplicationCredentials []ApplicationCredential
	Region                 string
	TokenLifetime          time.Duration
	// TokensPerUser is how many tokens a user may have; the oldest goes for one more. 0:
	// [DefaultTokensPerUser].
	TokensPerUser int
	// Logins bounds logins; zero: [DefaultLimits].
	Logins Limits
	// Client tells the address that a request comes from; nil: that of the connection.
	Client func(*http.Request) string
	Now    func() time.Time
	// Base tells the gateway's own URL as the client of a request knows it.
	Base func(*http.Request) string
}

// Service is the identity service.
type Service struct {
	region   string
	lifetime time.Duration
	now      func() time.Time
	base     func(*http.Request) string
	users    []user
	projects []project
	appCreds []appCredential
	tokens   tokens
	guard    *guard
	client   func(*http.Request) string
}

type user struct {
	id, name string
	secret   Secret
	roles    map[string]driver.Role // by project id
}

type project struct{ id, name string }

type appCredential struct {
	id, name string
	secret   Secret
	user     *user
	project  project
	role     driver.Role
}

var roleNames = []struct {
	role driver.Role
	name string
}{{driver.Admin, "admin"}, {driver.Member, "member"}, {driver.Reader, "reader"}}

// New checks the options and makes a Service. All problems are reported at once.
func New(o Options) (*Service, error) {
	s := &Service{region: o.Region, lifetime: o.TokenLifetime, now: o.Now, base: o.Base, client: o.Client, tokens: newTokens(o.TokensPerUser)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.client == nil {
		s.client = connection
	}
	s.guard = newGuard(o.Logins, s.now)
	var problems []error
	for i, u := range o.Users {
		added, err := s.addUser(u)
		if err != nil {
			problems = append(problems, fmt.Errorf("users[%d]: %w", i, err))
			continue
		}
		s.users = append(s.users, added)
	}
	for i, c := range o.ApplicationCredentials {
		if err := s.addCredential(c); err != nil {
			problems = append(problems, fmt.Errorf("application_credentials[%d]: %w", i, err))
		}
	}
	return s, errors.Join(problems...)
}

// connection is the address at the other end of a request's connection.
func connection(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Service) addUser(u User) (user, error) {
	added := user{id: ID("user", u.Name), name: u.Name, secret: u.Secret, roles: map[string]driver.Role{}}
	switch {
	case u.Name == "":
		return added, errors.New("name is empty")
	case s.findUser(u.Name) != nil:
		return added, fmt.Errorf("name %q is there twice", u.Name)
	case len(u.Projects) == 0:
		return added, fmt.Errorf("%s has no projects", u.Name)
	}
	for name, roleName := range u.Projects {
		role, ok := parseRole(roleName)
		if !ok {
			return added, fmt.Errorf("projects.%s: role %q is none of reader, member, admin", name, roleName)
		}
		p := s.ensureProject(name)
		added.roles[p.id] = role
	}
	return added, nil
}

func (s *Service) addCredential(c ApplicationCredential) error {
	u := s.findUser(c.User)
	if u == nil {
		return fmt.Errorf("user %q is not among the users", c.User)
	}
	p, ok := s.findProject(c.Project)
	if !ok {
		return fmt.Errorf("project %q is none of the users' projects", c.Project)
	}
	role, ok := parseRole(c.Role)
	if !ok || role > u.roles[p.id] {
		return fmt.Errorf("role %q is more than %s has in %s", c.Role, c.User, c.Project)
	}
	id := c.ID
	if id == "" {
		id = ID("application credential", c.User+"/"+c.Name)
	}
	s.appCreds = append(s.appCreds, appCredential{id, c.Name, c.Secret, u, p, role})
	return nil
}

// ID is the id of what is called name: the same at every start, so that what a
// project owns stays its own.
func ID(kind, name string) string {
	sum := md5.Sum([]byte("cindergate " + kind + " " + name))
	return hex.EncodeToString(sum[:])
}

func (s *Service) ensureProject(name string) project {
	if p, ok := s.findProject(name); ok {
		return p
	}
	p := project{ID("project", name), name}
	s.projects = append(s.projects, p)
	return p
}

// findProject finds by name or id.
func (s *Service) findProject(key string) (project, bool) {
	for _, p := range s.projects {
		if p.name == key || p.id == key {
			return p, true
		}
	}
	return project{}, false
}

// findUser finds by name or id.
func (s *Service) findUser(key string) *user {
	for i := range s.users {
		if s.users[i].name == key || s.users[i].id == key {
			return &s.users[i]
		}
	}
	return nil
}

func parseRole(name string) (driver.Role, bool) {
	for _, r := range roleNames {
		if r.name == name {
			return r.role, true
		}
	}
	return driver.NoRole, false
}

// Authenticate returns the caller of a project-scoped token.
func (s *Service) Authenticate(_ context.Context, text string) (driver.Caller, error) {
	t := s.tokens.get(text, s.now())
	if t == nil || t.project.id == "" {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "The request you have made requires authentication.")
	}
	return driver.Caller{ProjectID: t.project.id, UserID: t.user.id, Role: t.role, Token: driver.Token(text)}, nil
}

// Challenge is the value of WWW-Authenticate.
func (s *Service) Challenge(base string) string { return `Keystone uri="` + base + `/identity"` }
