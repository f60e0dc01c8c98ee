package chunktest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Keystone is a fake of Keystone v3, with a Swift in which each project has an account. It
// knows logins with a password, with a scope of a project, of a trust or none, and trusts
// (the Identity API v3 and its OS-TRUST extension). Its statuses are those that a real
// Keystone 2025 answered to the same requests.
type Keystone struct {
	URL string // with /v3

	t        *testing.T
	mu       sync.Mutex
	last     int
	users    map[string]*keystoneUser // by name; the id of a user is "id-of-" and the name
	tokens   map[string]*keystoneToken
	trusts   map[string]*keystoneTrust
	accounts map[string]*Swift // by project
	away     bool
}

type keystoneUser struct {
	id, password string
	roles        map[string][]string // by project
}

type keystoneToken struct {
	user, project string // user is a name
	roles         []string
	trust         string
	delegated     bool // of an application credential or a trust
}

type keystoneTrust struct {
	ID          string         `json:"id"`
	Trustor     string         `json:"trustor_user_id"`
	Trustee     string         `json:"trustee_user_id"`
	Project     string         `json:"project_id"`
	Impersonate bool           `json:"impersonation"`
	Roles       []keystoneRole `json:"roles"`
}

type keystoneRole struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// NewKeystone starts a fake of Keystone without users.
func NewKeystone(t *testing.T) *Keystone {
	k := &Keystone{t: t, users: map[string]*keystoneUser{}, tokens: map[string]*keystoneToken{}, trusts: map[string]*keystoneTrust{},
		accounts: map[string]*Swift{}}
	server := httptest.NewServer(http.HandlerFunc(k.serve))
	t.Cleanup(server.Close)
	k.URL = server.URL + "/v3"
	return k
}

// Assign gives a user, who is made if need be, the roles in a project. No role takes all away.
func (k *Keystone) Assign(user, password, project string, roles ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users[user] == nil {
		k.users[user] = &keystoneUser{id: "id-of-" + user, roles: map[string][]string{}}
	}
	k.users[user].password, k.users[user].roles[project] = password, roles
}

// Token logs a user in to a project. A token of an application credential is a delegated one.
func (k *Keystone) Token(user, project string, delegated bool) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.issue(&keystoneToken{user: user, project: project, roles: k.users[user].roles[project], delegated: delegated})
}

// Revoke ends tokens; without any, all that there are.
func (k *Keystone) Revoke(tokens ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(tokens) == 0 {
		clear(k.tokens)
	}
	for _, t := range tokens {
		delete(k.tokens, t)
	}
}

// Trusts returns the ids of all trusts.
func (k *Keystone) Trusts() (ids []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := range k.trusts {
		ids = append(ids, id)
	}
	return ids
}

// DropTrusts deletes all trusts.
func (k *Keystone) DropTrusts() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.trusts)
}

// SetAway makes Keystone answer 503.
func (k *Keystone) SetAway(away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = away
}

// Account returns the Swift account of a project.
func (k *Keystone) Account(project string) *Swift {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.account(project)
}

func (k *Keystone) account(project string) *Swift {
	if k.accounts[project] == nil {
		s := NewSwift(k.t)
		s.path, s.authorize = "/v1/AUTH_"+project, func(token string) int { return k.authorize(token, project) }
		k.accounts[project] = s
	}
	return k.accounts[project]
}

// authorize answers for Swift's keystoneauth with operator_roles = admin, swiftoperator, member.
func (k *Keystone) authorize(token, project string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.valid(token)
	switch {
	case t == nil:
		return http.StatusUnauthorized
	case t.project != project || !slices.ContainsFunc(t.roles, func(r string) bool { return r == "admin" || r == "member" || r == "swiftoperator" }):
		return http.StatusForbidden
	}
	return 0
}

// valid returns a token unless it, or what it depends on, has ended.
func (k *Keystone) valid(token string) *keystoneToken {
	t := k.tokens[token]
	if t == nil || t.trust != "" && k.holds(t.trust) != http.StatusCreated {
		return nil
	}
	return t
}

// holds returns the answer to a login with a trust: 401 if it does not exist, 403 if the
// trustor has lost a role.
func (k *Keystone) holds(trust string) int {
	t := k.trusts[trust]
	if t == nil {
		return http.StatusUnauthorized
	}
	for _, u := range k.users {
		if u.id != t.Trustor {
			continue
		}
		for _, r := range t.Roles {
			if !slices.Contains(u.roles[t.Project], r.Name) {
				return http.StatusForbidden
			}
		}
		return http.StatusCreated
	}
	return http.StatusUnauthorized
}

func (k *Keystone) issue(t *keystoneToken) string {
	k.last++
	token := "token-" + strconv.Itoa(k.last)
	k.tokens[token] = t
	return token
}

func (k *Keystone) serve(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Method == http.MethodPost && r.URL.Path == "/v3/auth/tokens" {
		k.login(w, r)
		return
	}
	caller := k.valid(r.Header.Get("X-Auth-Token"))
	if caller == nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	id, one := strings.CutPrefix(r.URL.Path, "/v3/OS-TRUST/trusts/")
	switch {
	case r.URL.Path == "/v3/auth/tokens":
		k.show(w, http.StatusOK, r.Header.Get("X-Subject-Token"))
	case r.URL.Path == "/v3/OS-TRUST/trusts" && r.Method == http.MethodPost:
		k.createTrust(w, r, caller)
	case r.URL.Path == "/v3/OS-TRUST/trusts":
		k.listTrusts(w, r, caller)
	case one && r.Method == http.MethodDelete && k.trusts[id] == nil:
		w.WriteHeader(http.StatusNotFound)
	case one && r.Method == http.MethodDelete && k.trusts[id].Trustor != k.users[caller.user].id:
		w.WriteHeader(http.StatusForbidden)
	case one && r.Method == http.MethodDelete:
		delete(k.trusts, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// login answers a login with a password.
func (k *Keystone) login(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Auth struct {
			Identity struct {
				Password struct {
					User struct{ Name, Password string } `json:"user"`
				} `json:"password"`
			} `json:"identity"`
			Scope struct {
				Project struct{ Name string } `json:"project"`
				Trust   struct{ ID string }   `json:"OS-TRUST:trust"`
			} `json:"scope"`
		} `json:"auth"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	login := q.Auth.Identity.Password.User
	u := k.users[login.Name]
	if u == nil || u.password != login.Password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	t := &keystoneToken{user: login.Name, project: q.Auth.Scope.Project.Name}
	t.roles = u.roles[t.project]
	if id := q.Auth.Scope.Trust.ID; id != "" {
		trust := k.trusts[id]
		if trust == nil || trust.Trustee != u.id {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if code := k.holds(id); code != http.StatusCreated {
			w.WriteHeader(code)
			return
		}
		t = &keystoneToken{project: trust.Project, trust: id, delegated: true}
		for name, u := range k.users {
			if u.id == trust.Trustor { // impersonation
				t.user = name
			}
		}
		for _, r := range trust.Roles {
			t.roles = append(t.roles, r.Name)
		}
	}
	token := k.issue(t)
	w.Header().Set("X-Subject-Token", token)
	k.show(w, http.StatusCreated, token)
}

func (k *Keystone) show(w http.ResponseWriter, code int, token string) {
	t := k.valid(token)
	if t == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	shown := map[string]any{"user": map[string]any{"id": k.users[t.user].id, "name": t.user, "domain": map[string]any{"id": "default"}},
		"issued_at": "2026-11-21T17:00:59.000000Z", "expires_at": "2036-11-21T17:00:59.000000Z", "methods": []string{"password"}}
	if t.project != "" {
		roles := []keystoneRole{}
		for _, r := range t.roles {
			roles = append(roles, keystoneRole{"role-" + r, r})
		}
		shown["project"] = map[string]any{"id": t.project, "name": t.project, "domain": map[string]any{"id": "default"}}
		shown["roles"] = roles
		shown["catalog"] = []any{map[string]any{"type": "object-store", "name": "swift", "endpoints": []any{map[string]any{
			"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "url": k.account(t.project).URL + "/v1/AUTH_" + t.project}}}}
	}
	answer(w, code, map[string]any{"token": shown})
}

func (k *Keystone) createTrust(w http.ResponseWriter, r *http.Request, caller *keystoneToken) {
	var q struct {
		Trust keystoneTrust `json:"trust"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	t := q.Trust
	u := k.users[caller.user]
	if caller.delegated || t.Trustor != u.id {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	for i, role := range t.Roles {
		t.Roles[i].Name = strings.TrimPrefix(role.ID, "role-")
		if !slices.Contains(u.roles[t.Project], t.Roles[i].Name) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
	}
	if len(t.Roles) == 0 {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	k.last++
	t.ID = "trust-" + strconv.Itoa(k.last)
	k.trusts[t.ID] = &t
	answer(w, http.StatusCreated, map[string]any{"trust": t})
}

func (k *Keystone) listTrusts(w http.ResponseWriter, r *http.Request, caller *keystoneToken) {
	trustee := r.URL.Query().Get("trustee_user_id")
	if trustee != k.users[caller.user].id {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	all := []*keystoneTrust{}
	for _, t := range k.trusts {
		if t.Trustee == trustee {
			all = append(all, t)
		}
	}
	answer(w, http.StatusOK, map[string]any{"trusts": all, "links": map[string]any{"next": nil}})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// RolesOf returns the names of the roles of a trust.
func (k *Keystone) RolesOf(trust string) (names []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.trusts[trust]; t != nil {
		for _, r := range t.Roles {
			names = append(names, r.Name)
		}
	}
	return names
}
