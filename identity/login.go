package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"time"

	"cindergate/driver"
)

// loginRequest is the body of POST /v3/auth/tokens
// (keystone/auth/schema.py).
type loginRequest struct {
	Auth *struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password *struct {
				User userRef `json:"user"`
			} `json:"password"`
			Token *struct {
				ID string `json:"id"`
			} `json:"token"`
			ApplicationCredential *struct {
				ID     string   `json:"id"`
				Name   string   `json:"name"`
				Secret string   `json:"secret"`
				User   *userRef `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope any `json:"scope"`
	} `json:"auth"`
}

type userRef struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Password string    `json:"password"`
	Domain   domainRef `json:"domain"`
}

type domainRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// isDefault reports whether this is the default domain. Case does not matter, as with a
// Keystone on MariaDB: openrc files have both default and Default.
func (d domainRef) isDefault() bool {
	return (d.ID == "" || sameName(d.ID, DefaultDomain)) && (d.Name == "" || sameName(d.Name, defaultDomainName))
}

// isDefaultDomain is isDefault for a domain as JSON. No domain is the default one.
func isDefaultDomain(domain any) bool {
	ref, _ := domain.(map[string]any)
	id, _ := ref["id"].(string)
	name, _ := ref["name"].(string)
	return domainRef{id, name}.isDefault()
}

// login is POST /v3/auth/tokens.
func (s *Service) login(w http.ResponseWriter, r *http.Request) {
	var body loginRequest
	if !readJSON(w, r, &body) {
		return
	}
	if body.Auth == nil || len(body.Auth.Identity.Methods) == 0 {
		fail(w, http.StatusBadRequest, "'auth' is a required property, with at least one of its identity methods")
		return
	}
	var methods []string
	for _, method := range body.Auth.Identity.Methods {
		if !slices.Contains(methods, method) {
			methods = append(methods, method)
		}
	}
	if err := s.current(r.Context()); err != nil {
		s.unavailable(w, err)
		return
	}
	t := &token{issuedAt: s.clock.Now(), methods: slices.Clone(methods)}
	t.expires = t.issuedAt.Add(s.lifetime)
	for _, method := range methods {
		switch proved, err := s.method(r, t, method, &body); {
		case err != nil:
			s.refuseLogin(w, err)
			return
		case !proved:
			unauthorized(w)
			return
		}
	}
	if !s.scope(t, body.Auth.Scope) {
		unauthorized(w)
		return
	}
	text := random(s.secrets)
	t.hash, t.audit = sha256.Sum256([]byte(text)), random(s.secrets)[:22]
	if err := s.tokens.issue(r.Context(), t.kept()); err != nil {
		s.unavailable(w, err)
		return
	}
	w.Header().Set("X-Subject-Token", text)
	_, withoutCatalog := r.URL.Query()["nocatalog"]
	write(w, http.StatusCreated, map[string]any{"token": s.view(t, s.base(r), !withoutCatalog)})
}

// refuseLogin answers a login whose password could not be checked. Nothing is written for a
// client that has left.
func (s *Service) refuseLogin(w http.ResponseWriter, err error) {
	busy, ok := isBusy(err)
	if !ok {
		s.unavailable(w, err)
		return
	}
	status, message := http.StatusServiceUnavailable, "Too many logins are under way."
	if busy.Client {
		status, message = http.StatusTooManyRequests, "Too many logins are under way, or failed, from this address."
	}
	w.Header().Set("Retry-After", strconv.Itoa(int((max(busy.RetryAfter, time.Second)+time.Second-1)/time.Second)))
	fail(w, status, message)
}

// is records that the caller has proved to be u. A second method must prove the same
// user.
func (t *token) is(u *user) bool {
	if t.user != nil && t.user.id != u.id {
		return false
	}
	t.user = u
	return true
}

// restricted reports whether the token comes from an application credential. Such a
// token keeps that credential's project and role when it is exchanged.
func (t *token) restricted() bool { return slices.Contains(t.methods, "application_credential") }

// method authenticates the caller in one way. An error means that the check itself
// could not be made.
func (s *Service) method(r *http.Request, t *token, method string, body *loginRequest) (bool, error) {
	id := &body.Auth.Identity
	switch {
	case method == "password" && id.Password != nil:
		given := id.Password.User
		u := s.namedUser(given)
		name := given.ID + given.Name
		secret := s.standIn(name)
		if u != nil {
			name, secret = u.id, u.secret
		}
		right, err := s.matches(r, name, secret, given.Password)
		return right && u != nil && t.is(u), err
	case method == "token" && id.Token != nil:
		old, err := s.live(r.Context(), id.Token.ID)
		if err != nil || old == nil {
			return false, err
		}
		t.expires = old.expires
		for _, m := range old.methods {
			if !slices.Contains(t.methods, m) {
				t.methods = append(t.methods, m)
			}
		}
		if old.restricted() {
			t.project, t.role, t.credential = old.project, old.role, old.credential
		}
		return t.is(old.user), nil
	case method == "application_credential" && id.ApplicationCredential != nil:
		given := id.ApplicationCredential
		name := given.ID + given.Name
		c := s.namedCredential(given.ID, given.Name, given.User)
		secret := s.standIn(name)
		if c != nil {
			name, secret = c.id, c.secret
		}
		right, err := s.matches(r, "application credential "+name, secret, given.Secret)
		if !right || c == nil {
			return false, err
		}
		t.project, t.role, t.credential = c.project, c.role, c
		owner := s.directory.Load().login(c.userID, "")
		return owner != nil && t.is(owner), nil
	}
	return false, nil
}

// namedCredential finds an application credential by its id, or by its name and user.
// A credential of a disabled user is not found.
func (s *Service) namedCredential(id, name string, of *userRef) *appCredential {
	for i := range s.appCreds {
		c := &s.appCreds[i]
		owner := s.directory.Load().login(c.userID, "")
		byName := id == "" && name == c.name && of != nil && s.namedUser(*of) == owner
		if owner != nil && (c.id == id || byName) {
			return c
		}
	}
	return nil
}

// standIn is the secret with which the password of an unknown user is compared, so that
// the check takes as long as for a known one. The same name always gets the same secret.
func (s *Service) standIn(name string) Secret {
	users := s.directory.Load().users.all
	if len(users) == 0 {
		return Secret{}
	}
	sum := sha256.Sum256([]byte(name))
	return users[binary.BigEndian.Uint64(sum[:])%uint64(len(users))].secret
}

// namedUser is the enabled user whom a login names; an id needs no domain.
func (s *Service) namedUser(given userRef) *user {
	if given.ID == "" && !given.Domain.isDefault() {
		return nil
	}
	return s.directory.Load().login(given.ID, given.Name)
}

// matches waits for the request's turn and checks a password. name is the claimed user.
func (s *Service) matches(r *http.Request, name string, secret Secret, password string) (bool, error) {
	if !secret.slow {
		return secret.Matches(password), nil
	}
	return s.guard.check(r.Context(), s.client(r), name, func() bool { return secret.Matches(password) })
}

// scope puts the token into a project. Without a scope, an application credential
// has its own, a user the default project, and others are unscoped.
func (s *Service) scope(t *token, scope any) bool {
	d := s.directory.Load()
	wanted, ok := scope.(map[string]any)
	if !ok {
		if p, found := d.scope(t.user.defaultProject, ""); found && t.user.defaultProject != "" && scope == nil && t.project.id == "" {
			t.enter(p) // without a role there the token stays unscoped
		}
		return true // none, or "unscoped"
	}
	ref, ok := wanted["project"].(map[string]any)
	if !ok || t.project.id != "" {
		return false // a domain's or the system's; or more than the credential's own
	}
	id, _ := ref["id"].(string)
	name, _ := ref["name"].(string)
	if id == "" && !isDefaultDomain(ref["domain"]) {
		return false
	}
	p, found := d.scope(id, name)
	return found && t.enter(p)
}

// enter scopes the token to a project that its user has a role in.
func (t *token) enter(p project) bool {
	role := t.user.roles[p.id]
	if role == driver.NoRole {
		return false
	}
	t.project, t.role = p, role
	return true
}
