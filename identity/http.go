package identity

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
)

// maxBody is the largest request, in bytes.
const maxBody = 64 << 10

// Handler serves the API below /identity.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /identity", s.versions)
	mux.HandleFunc("GET /identity/{$}", s.versions)
	mux.HandleFunc("GET /identity/v3", s.version)
	mux.HandleFunc("GET /identity/v3/{$}", s.version)
	mux.HandleFunc("POST /identity/v3/auth/tokens", s.login)
	mux.HandleFunc("GET /identity/v3/auth/tokens", s.with(s.showToken))
	mux.HandleFunc("DELETE /identity/v3/auth/tokens", s.with(s.revokeToken))
	mux.HandleFunc("GET /identity/v3/auth/projects", s.with(s.ownProjects))
	mux.HandleFunc("GET /identity/v3/auth/domains", s.with(s.list("domains", s.domainViews)))
	mux.HandleFunc("GET /identity/v3/auth/system", s.with(s.list("system", none)))
	mux.HandleFunc("GET /identity/v3/auth/catalog", s.with(s.showCatalog))
	for name, views := range map[string]viewsOf{
		"projects": s.projectViews, "users": s.userViews, "roles": s.roleViews, "domains": s.domainViews,
		"services": s.serviceViews, "endpoints": s.endpointViews, "regions": s.regionViews, "groups": none,
	} {
		mux.HandleFunc("GET /identity/v3/"+name, s.with(s.list(name, views)))
		mux.HandleFunc("GET /identity/v3/"+name+"/{id}", s.with(s.show(strings.TrimSuffix(name, "s"), views)))
	}
	mux.HandleFunc("POST /identity/v3/projects", s.admin("create_project", s.createProject))
	mux.HandleFunc("PATCH /identity/v3/projects/{id}", s.admin("update_project", s.updateProject))
	mux.HandleFunc("DELETE /identity/v3/projects/{id}", s.admin("delete_project", s.deleteProject))
	mux.HandleFunc("POST /identity/v3/users", s.admin("create_user", s.createUser))
	mux.HandleFunc("PATCH /identity/v3/users/{id}", s.admin("update_user", s.updateUser))
	mux.HandleFunc("DELETE /identity/v3/users/{id}", s.admin("delete_user", s.deleteUser))
	mux.HandleFunc("POST /identity/v3/users/{id}/password", s.with(s.changePassword))
	mux.HandleFunc("GET /identity/v3/users/{id}/projects", s.with(s.userProjects))
	mux.HandleFunc("GET /identity/v3/users/{id}/groups", s.with(s.userGroups))
	mux.HandleFunc("GET /identity/v3/role_assignments", s.admin("list_role_assignments", s.listAssignments))
	mux.HandleFunc("GET /identity/v3/projects/{project}/users/{user}/roles", s.admin("list_grants", s.listGrants))
	mux.HandleFunc("GET /identity/v3/projects/{project}/users/{user}/roles/{role}", s.admin("check_grant", s.checkGrant))
	mux.HandleFunc("PUT /identity/v3/projects/{project}/users/{user}/roles/{role}", s.admin("create_grant", s.createGrant))
	mux.HandleFunc("DELETE /identity/v3/projects/{project}/users/{user}/roles/{role}", s.admin("revoke_grant", s.deleteGrant))
	mux.HandleFunc("/identity/v3/{kind}/", s.unoffered)
	mux.HandleFunc("/identity/v3/{kind}", s.unoffered)
	mux.HandleFunc("/identity/", notFound)
	return s.withRequestID(mux)
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, "The resource could not be found.")
}

// fixedReason returns why a collection of Keystone's cannot be changed here, "" if
// Keystone has no such collection.
func fixedReason(path, kind string) string {
	if strings.Contains(path, "/application_credentials") {
		return "The setting identity.application_credentials has the application credentials."
	}
	switch kind {
	case "roles":
		return "The roles are reader, member and admin."
	case "role_inferences":
		return "admin implies member, and member implies reader."
	case "domains":
		return "There is one domain, default."
	case "groups":
		return "There are no groups of users."
	case "services", "endpoints":
		return "The setting identity.catalog names other services."
	case "regions":
		return "The setting identity.region names the only region."
	case "credentials":
		return "There are only passwords, and the application credentials of the configuration."
	case "policies", "limits", "registered_limits":
		return "There are no " + strings.ReplaceAll(kind, "_", " ") + "."
	case "system":
		return "There are no roles in the system."
	}
	return ""
}

// unoffered answers requests for what Keystone offers and this service does not:
// changes are 501.
func (s *Service) unoffered(w http.ResponseWriter, r *http.Request) {
	reason := fixedReason(r.URL.Path, r.PathValue("kind"))
	if reason == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		notFound(w, r)
		return
	}
	s.with(func(w http.ResponseWriter, _ *http.Request, _ *token) {
		fail(w, http.StatusNotImplemented, "The embedded identity service does not change this. "+reason)
	})(w, r)
}

func (s *Service) withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if w.Header().Get("X-Openstack-Request-Id") == "" {
			w.Header().Set("X-Openstack-Request-Id", "req-"+s.newUUID())
		}
		w.Header().Set("Vary", "X-Auth-Token")
		next.ServeHTTP(w, r)
	})
}

type document struct {
	ID         string              `json:"id"`
	Status     string              `json:"status"`
	Updated    string              `json:"updated"`
	Links      []map[string]string `json:"links"`
	MediaTypes []map[string]string `json:"media-types"`
}

func (s *Service) v3(r *http.Request) document {
	return document{
		ID: "v3.14", Status: "stable", Updated: "2020-04-07T00:00:00Z",
		Links:      []map[string]string{{"rel": "self", "href": s.base(r) + "/identity/v3/"}},
		MediaTypes: []map[string]string{{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}
}

func (s *Service) versions(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusMultipleChoices, map[string]any{"versions": map[string]any{"values": []document{s.v3(r)}}})
}

func (s *Service) version(w http.ResponseWriter, r *http.Request) {
	write(w, http.StatusOK, map[string]any{"version": s.v3(r)})
}

// authorized is a handler for callers with a token.
type authorized func(w http.ResponseWriter, r *http.Request, caller *token)

func (s *Service) with(h authorized) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.live(r.Context(), r.Header.Get("X-Auth-Token"))
		if err != nil {
			s.unavailable(w, err)
			return
		}
		if caller == nil {
			unauthorized(w)
			return
		}
		h(w, r, caller)
	}
}

// admin is authorized for callers who are admins of their token's project. action is the
// name of Keystone's rule.
func (s *Service) admin(action string, h authorized) http.HandlerFunc {
	return s.with(func(w http.ResponseWriter, r *http.Request, caller *token) {
		if caller.role != driver.Admin {
			forbidden(w, action)
			return
		}
		h(w, r, caller)
	})
}

// subject is the token that a request is about: the caller's own or, for admins, any.
func (s *Service) subject(w http.ResponseWriter, r *http.Request, caller *token) *token {
	t, err := s.live(r.Context(), r.Header.Get("X-Subject-Token"))
	if err != nil {
		s.unavailable(w, err)
		return nil
	}
	if t == nil || t.user.id != caller.user.id && caller.role != driver.Admin {
		fail(w, http.StatusNotFound, "Could not find token.")
		return nil
	}
	return t
}

func (s *Service) showToken(w http.ResponseWriter, r *http.Request, caller *token) {
	t := s.subject(w, r, caller)
	if t == nil {
		return
	}
	_, withoutCatalog := r.URL.Query()["nocatalog"]
	w.Header().Set("X-Subject-Token", r.Header.Get("X-Subject-Token"))
	write(w, http.StatusOK, map[string]any{"token": s.view(t, s.base(r), !withoutCatalog)})
}

func (s *Service) revokeToken(w http.ResponseWriter, r *http.Request, caller *token) {
	if t := s.subject(w, r, caller); t != nil {
		// A client that hangs up does not keep its token.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTime)
		defer cancel()
		if err := s.tokens.revoke(ctx, t.hash); err != nil {
			s.unavailable(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Service) showCatalog(w http.ResponseWriter, r *http.Request, caller *token) {
	write(w, http.StatusOK, map[string]any{
		"catalog": s.catalog(caller.project.id, s.base(r)),
		"links":   map[string]any{"self": s.base(r) + "/identity/v3/auth/catalog", "previous": nil, "next": nil},
	})
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// view is a token as Keystone shows it.
func (s *Service) view(t *token, base string, catalog bool) map[string]any {
	v := map[string]any{
		"methods": t.methods, "audit_ids": []string{t.audit},
		"issued_at": stamp(t.issuedAt), "expires_at": stamp(t.expires),
		"user": map[string]any{"id": t.user.id, "name": t.user.name, "domain": domain(), "password_expires_at": nil},
	}
	if t.project.id == "" {
		return v
	}
	v["project"] = map[string]any{"id": t.project.id, "name": t.project.name, "domain": domain()}
	v["is_domain"] = false
	roles := []map[string]string{}
	for _, r := range roleNames {
		if t.role >= r.role {
			roles = append(roles, map[string]string{"id": ID("role", r.name), "name": r.name})
		}
	}
	v["roles"] = roles
	if catalog {
		v["catalog"] = s.catalog(t.project.id, base)
	}
	return v
}

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

func domain() map[string]string {
	return map[string]string{"id": DefaultDomain, "name": defaultDomainName}
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "The request body is not valid JSON of at most 65536 bytes, or has a member of the wrong type.")
		return false
	}
	return true
}

func write(w http.ResponseWriter, status int, body any) {
	out, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(out) // if it fails, the client is gone
}

func fail(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]any{"error": map[string]any{
		"code": status, "title": http.StatusText(status), "message": message,
	}})
}

func forbidden(w http.ResponseWriter, action string) {
	fail(w, http.StatusForbidden, "You are not authorized to perform the requested action: identity:"+action+".")
}

// unavailable answers a request for which the store would be needed. Nothing is written for a
// client that has left.
func (s *Service) unavailable(w http.ResponseWriter, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.log.Error("the identity service's database", zap.Error(err))
	fail(w, http.StatusServiceUnavailable, "The identity service's database does not answer.")
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Keystone")
	fail(w, http.StatusUnauthorized, "The request you have made requires authentication.")
}
