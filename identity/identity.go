// Package identity is the small Keystone v3 of the embedded default: users, projects
// and roles from the configuration, those that an admin makes through the API, opaque
// tokens that expire, and the catalogue. It is enough for openstackclient,
// cinderclient, gophercloud, Terraform and Tempest. There is one domain, and there are
// three roles.
package identity

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/flight"
)

// DefaultDomain is the id of the only domain.
const DefaultDomain = "default"

const defaultDomainName = "Default"

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
	// Client returns the client address of a request. nil: the address of the connection.
	Client func(*http.Request) string
	Clock  clockwork.Clock // of tokens and of the limits of logins; nil: the system's
	// Pace is the clock of the pause after a failed login; nil: Clock.
	Pace clockwork.Clock
	// Random is where ids and tokens come from; nil: crypto/rand.
	Random io.Reader
	// Base returns the gateway's own URL as the client of a request knows it.
	Base func(*http.Request) string
	// Catalog names services besides the gateway's own.
	Catalog []CatalogEntry
	// Store keeps what is made through the API, and Made is what it has; nil: nothing
	// can be made.
	Store Store
	Made  Accounts
	// Log gets the errors of the store; nil: nothing does.
	Log *zap.Logger
}

// Service is the identity service.
type Service struct {
	region     string
	lifetime   time.Duration
	clock      clockwork.Clock
	base       func(*http.Request) string
	log        *zap.Logger
	services   []service
	configured configured
	appCreds   []appCredential
	tokens     tokens
	cached     *keptTokens // tokens, if there is a store
	guard      *guard
	secrets    io.Reader                  // random
	client     func(*http.Request) string // address

	directory atomic.Pointer[directory]

	store   Store
	changes sync.Mutex // held by the change that runs

	question      flight.Next // whether what is in memory is current
	tokensVersion string      // that the tokens in memory belong to; used by catchUp alone
}

// configured are the users and projects of the configuration.
type configured struct {
	users    []configuredUser
	projects []project
}

type configuredUser struct {
	id, name string
	secret   Secret
	roles    map[string]driver.Role // by project id
}

type project struct{ id, name string }

type appCredential struct {
	id, name string
	secret   Secret
	userID   string
	project  project
	role     driver.Role
}

var roleNames = []struct {
	role driver.Role
	name string
}{{driver.Admin, "admin"}, {driver.Member, "member"}, {driver.Reader, "reader"}}

// New checks the options and makes a Service. All problems are reported at once.
func New(o Options) (*Service, error) {
	s := &Service{
		region: o.Region, lifetime: o.TokenLifetime, clock: o.Clock, base: o.Base, client: o.Client, log: o.Log,
		store: o.Store,
	}
	limits := TokenLimits{PerUser: o.TokensPerUser, All: maxTokens}
	if limits.PerUser == 0 {
		limits.PerUser = DefaultTokensPerUser
	}
	s.tokens = newMemoryTokens(limits)
	if s.store != nil {
		s.cached = newKeptTokens(s.store, limits)
		s.tokens = s.cached
	}
	s.question.Limit, s.question.Work = currentTime, s.catchUp
	if s.clock == nil {
		s.clock = clockwork.NewRealClock()
	}
	if s.client == nil {
		s.client = connection
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.secrets = o.Random; s.secrets == nil {
		s.secrets = rand.Reader
	}
	s.guard = newGuard(o.Logins, s.clock)
	if o.Pace != nil {
		s.guard.pace = o.Pace
	}
	if s.store != nil && s.store.Shared() {
		s.guard.shared = s.store
	}
	var problems []error
	for i, u := range o.Users {
		if err := s.addUser(u, o.Made); err != nil {
			problems = append(problems, fmt.Errorf("users[%d]: %w", i, err))
		}
	}
	for i, c := range o.ApplicationCredentials {
		if err := s.addCredential(c); err != nil {
			problems = append(problems, fmt.Errorf("application_credentials[%d]: %w", i, err))
		}
	}
	var err error
	if s.services, err = allServices(o.Catalog); err != nil {
		problems = append(problems, err)
	}
	d, err := s.build(o.Made)
	s.directory.Store(d)
	return s, errors.Join(append(problems, err)...)
}

// connection is the address at the other end of a request's connection.
func connection(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Service) addUser(u User, made Accounts) error {
	added := configuredUser{id: ID("user", u.Name), name: u.Name, secret: u.Secret, roles: map[string]driver.Role{}}
	switch {
	case u.Name == "":
		return errors.New("name is empty")
	case s.configured.user(u.Name) != nil:
		return fmt.Errorf("name %q is there twice", u.Name)
	case len(u.Projects) == 0:
		return fmt.Errorf("%s has no projects", u.Name)
	}
	for _, a := range made.Users {
		if sameName(a.Name, u.Name) {
			return fmt.Errorf("name %q is that of user %s, who was made through the API", u.Name, a.ID)
		}
	}
	for name, roleName := range u.Projects {
		role, ok := parseRole(roleName)
		if !ok {
			return fmt.Errorf("projects.%s: role %q is none of reader, member, admin", name, roleName)
		}
		added.roles[s.ensureProject(name, made).id] = role
	}
	s.configured.users = append(s.configured.users, added)
	return nil
}

func (s *Service) addCredential(c ApplicationCredential) error {
	u := s.configured.user(c.User)
	if u == nil {
		return fmt.Errorf("user %q is not among the users", c.User)
	}
	p, ok := s.configured.project(c.Project)
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
	s.appCreds = append(s.appCreds, appCredential{id, c.Name, c.Secret, u.id, p, role})
	return nil
}

// ID derives an id from a kind and a name. It is the same at every start, so that a
// project keeps what it owns.
func ID(kind, name string) string {
	sum := md5.Sum([]byte("cindergate " + kind + " " + name))
	return hex.EncodeToString(sum[:])
}

// ensureProject returns the project that the configuration calls name. If the API made
// a project of that name before, it keeps its id.
func (s *Service) ensureProject(name string, made Accounts) project {
	if p, ok := s.configured.project(name); ok {
		return p
	}
	p := project{ID("project", name), name}
	for _, m := range made.Projects {
		if sameName(m.Name, name) {
			p.id = m.ID
		}
	}
	s.configured.projects = append(s.configured.projects, p)
	return p
}

// project finds by name or id.
func (c *configured) project(key string) (project, bool) {
	for _, p := range c.projects {
		if p.name == key || p.id == key {
			return p, true
		}
	}
	return project{}, false
}

// user finds by name or id.
func (c *configured) user(key string) *configuredUser {
	for i := range c.users {
		if c.users[i].name == key || c.users[i].id == key {
			return &c.users[i]
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

func roleName(role driver.Role) string {
	for _, r := range roleNames {
		if r.role == role {
			return r.name
		}
	}
	return ""
}

// Authenticate returns the caller of a project-scoped token.
func (s *Service) Authenticate(ctx context.Context, text string) (driver.Caller, error) {
	t, err := s.live(ctx, text)
	if err != nil {
		return driver.Caller{}, driver.Wrap(driver.Unavailable, err, "The identity service's database does not answer.")
	}
	if t == nil || t.project.id == "" {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "The request you have made requires authentication.")
	}
	return driver.Caller{ProjectID: t.project.id, UserID: t.user.id, Role: t.role, Token: driver.Token(text)}, nil
}

// Challenge is the value of WWW-Authenticate.
func (s *Service) Challenge(base string) string { return `Keystone uri="` + base + `/identity"` }
