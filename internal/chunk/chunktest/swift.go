package chunktest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// The login that [NewSwift] accepts, of the kind of Swift's tempauth.
const (
	SwiftUser = "test:tester"
	SwiftKey  = "swift-key-of-the-tests"
)

// Swift is a fake of Swift, written from the Object Storage API v1 and from
// swift/common/middleware/{tempauth,bulk}.py.
type Swift struct {
	*Server
	token  int
	NoBulk bool // the proxy has no bulk middleware

	path      string                 // of the account
	authorize func(token string) int // the status that refuses a token, or 0; nil: tempauth
}

// NewSwift starts a fake of Swift. It logs in at URL/auth/v1.0.
func NewSwift(t *testing.T) *Swift {
	s := &Swift{path: "/v1/AUTH_test"}
	s.Server = newServer(t, func(_ *Server, w http.ResponseWriter, r *http.Request) { s.serve(w, r) })
	return s
}

// Expire makes the tokens invalid that were given out so far.
func (s *Swift) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token++
}

func (s *Swift) validToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "AUTH_tk" + strconv.Itoa(s.token)
}

func (s *Swift) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/auth/v1.0" {
		if r.Header.Get("X-Auth-User") != SwiftUser || r.Header.Get("X-Auth-Key") != SwiftKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Auth-Token", s.validToken())
		w.Header().Set("X-Storage-Url", s.URL+"/v1/AUTH_test")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, s.path)
	if !ok || s.authorize == nil && r.Header.Get("X-Auth-Token") != s.validToken() {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.authorize != nil {
		if code := s.authorize(r.Header.Get("X-Auth-Token")); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	container, name, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case container == "":
		s.account(w, r)
	case name == "":
		s.container(w, r, container)
	default:
		s.object(w, r, container, name)
	}
}

// account answers a bulk delete. Without the middleware it is a POST of metadata: 204.
func (s *Swift) account(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !r.URL.Query().Has("bulk-delete") || s.NoBulk {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	text, ok := body(w, r)
	if !ok {
		return
	}
	deleted, absent := 0, 0
	for line := range strings.Lines(string(text)) {
		line, _ = url.PathUnescape(strings.TrimSpace(line))
		container, name, _ := strings.Cut(line, "/")
		if o, _ := s.find(container, name); o == nil {
			absent++
			continue
		}
		s.Set(container, name, nil)
		deleted++
	}
	status := "200 OK"
	if deleted == 0 {
		status = "404 Not Found"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"Response Status": status, "Response Body": "", "Errors": [][]string{},
		"Number Deleted": deleted, "Number Not Found": absent})
}

func (s *Swift) container(w http.ResponseWriter, r *http.Request, container string) {
	_, exists := s.find(container, "")
	switch {
	case r.Method == http.MethodPut:
		s.Set(container, "", nil)
		w.WriteHeader(http.StatusCreated)
	case !exists:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		query := r.URL.Query()
		limit, err := strconv.Atoi(query.Get("limit"))
		if err != nil || limit > 10000 {
			limit = 10000
		}
		names, _ := s.page(container, query.Get("prefix"), query.Get("marker"), limit)
		page := []map[string]any{}
		for _, name := range names {
			page = append(page, map[string]any{"name": name, "bytes": 1, "hash": "", "content_type": "application/octet-stream",
				"last_modified": "2026-11-21T17:00:59.000000"})
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(page)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *Swift) object(w http.ResponseWriter, r *http.Request, container, name string) {
	o, exists := s.find(container, name)
	switch r.Method {
	case http.MethodPut:
		data, ok := body(w, r)
		switch {
		case !ok:
		case !exists:
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("ETag") != "" && strings.Trim(r.Header.Get("ETag"), `"`) != sum(data):
			w.WriteHeader(http.StatusUnprocessableEntity)
		default:
			s.Set(container, name, data)
			w.Header().Set("ETag", sum(data))
			w.WriteHeader(http.StatusCreated)
		}
	case http.MethodGet, http.MethodHead:
		if o == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		serveBytes(w, r, o.data)
	case "COPY": // Swift API, "Copy object"
		to, toName, ok := strings.Cut(strings.TrimPrefix(unescaped(r.Header.Get("Destination")), "/"), "/")
		if _, exists := s.find(to, ""); o == nil || !exists || !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.Set(to, toName, o.data)
		w.WriteHeader(http.StatusCreated)
	case http.MethodDelete:
		if o == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		s.Set(container, name, nil)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func unescaped(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		return ""
	}
	return plain
}
