package identity

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"cindergate/driver"
)

// maxBody is the largest login request, in bytes.
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
	mux.HandleFunc("GET /identity/v3/users/{id}/projects", s.with(s.userProjects))
	for name, views := range map[string]viewsOf{
		"projects": s.projectViews, "users": s.userViews, "roles": s.roleViews, "domains": s.domainViews,
		"services": s.serviceViews, "endpoints": s.endpointViews, "regions": s.regionViews,
	} {
		mux.HandleFunc("GET /identity/v3/"+name, s.with(s.list(name, views)))
		mux.HandleFunc("GET /identity/v3/"+name+"/{id}", s.with(s.show(strings.TrimSuffix(name, "s"), views)))
	}
	mux.HandleFunc("/identity/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "The resource could not be found.")
	})
	return withRequestID(mux)
}

func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if w.Header().Get("X-Openstack-Request-Id") == "" {
			w.Header().Set("X-Openstack-Request-Id", "req-"+uuid.NewString())
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
		caller := s.tokens.get(r.Header.Get("X-Auth-Token"), s.now())
		if caller == nil {
			unauthorized(w)
			return
		}
		h(w, r, caller)
	}
}

// subject is the token that a request is about: one's own, or for admins any.
func (s *Service) subject(w http.ResponseWriter, r *http.Request, caller *token) *token {
	t := s.tokens.get(r.Header.Get("X-Subject-Token"), s.now())
	if t == nil || t.user != caller.user && caller.role != driver.Admin {
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
		s.tokens.revoke(t)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Service) showCatalog(w http.ResponseWriter, r *http.Request, caller *token) {
	write(w, http.StatusOK, map[string]any{
		"catalog": s.catalog(caller, s.base(r)),
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
		v["catalog"] = s.catalog(t, base)
	}
	return v
}

func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

func domain() map[string]string { return map[string]string{"id": DefaultDomain, "name": "Default"} }

func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "The request body is not a valid JSON login request.")
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

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Keystone")
	fail(w, http.StatusUnauthorized, "The request you have made requires authentication.")
}
