package chunktest

import (
	"crypto/md5" // #nosec G501 -- what the services compare
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Server is what the fakes of object stores have in common: containers of objects, and
// faults. Close is called at the end of the test.
type Server struct {
	URL string

	mu         sync.Mutex
	containers map[string]map[string]*served
	faults     []func(w http.ResponseWriter, r *http.Request) bool
	requests   []string // "METHOD path"
	hidden     int      // listings that do not have the newest objects
	hide       func(name string) bool
}

type served struct {
	data   []byte
	header http.Header // what must be sent to read it: SSE-C
}

func newServer(t *testing.T, handler func(s *Server, w http.ResponseWriter, r *http.Request)) *Server {
	s := &Server{containers: map[string]map[string]*served{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		what := r.Method + " " + r.URL.Path
		if _, bulk := r.URL.Query()["bulk-delete"]; bulk {
			what += "?bulk-delete"
		} else if _, bulk := r.URL.Query()["delete"]; bulk {
			what += "?delete"
		}
		s.requests = append(s.requests, what)
		faults := slices.Clone(s.faults)
		s.mu.Unlock()
		for _, f := range faults {
			if f(w, r) {
				return
			}
		}
		handler(s, w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Intercept adds a fault: fault answers the request itself and returns true, or returns
// false.
func (s *Server) Intercept(fault func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests returns the requests so far, as METHOD and path, and forgets them.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

// HideFrom makes the next n listings leave out the names that hide returns true for, as an
// eventually consistent listing may.
func (s *Server) HideFrom(n int, hide func(name string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden, s.hide = n, hide
}

// Names returns the names of a container's objects; nil if the container does not exist.
func (s *Server) Names(container string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.containers[container] == nil {
		return nil
	}
	return slices.AppendSeq([]string{}, maps.Keys(s.containers[container]))
}

// Drop removes a container with all that it holds.
func (s *Server) Drop(container string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers, container)
}

// Set stores an object; nil removes it. The container is made if it does not exist.
func (s *Server) Set(container, name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.containers[container] == nil {
		s.containers[container] = map[string]*served{}
	}
	if data == nil {
		delete(s.containers[container], name)
		return
	}
	s.containers[container][name] = &served{data: data}
}

// find returns an object. It locks.
func (s *Server) find(container, name string) (o *served, hasContainer bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.containers[container]
	return c[name], c != nil
}

// page returns the names of a listing, and whether there are more.
func (s *Server) page(container, prefix, after string, limit int) (names []string, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.containers[container]
	hide := func(string) bool { return false }
	if s.hidden > 0 {
		s.hidden--
		hide = s.hide
	}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if strings.HasPrefix(name, prefix) && name > after && !hide(name) {
			if len(names) == limit {
				return names, true
			}
			names = append(names, name)
		}
	}
	return names, false
}

func sum(b []byte) string {
	h := md5.Sum(b) // #nosec G401 -- what the services compare
	return hex.EncodeToString(h[:])
}

// serveBytes answers GET and HEAD with Range and If-Match (RFC 9110).
func serveBytes(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("ETag", `"`+sum(data)+`"`)
	if match := r.Header.Get("If-Match"); match != "" && strings.Trim(match, `"`) != sum(data) {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	status := http.StatusOK
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		n, err := strconv.Atoi(strings.TrimSuffix(from, "-"))
		if err != nil || n >= len(data) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		w.Header().Set("Content-Range", "bytes "+strconv.Itoa(n)+"-"+strconv.Itoa(len(data)-1)+"/"+strconv.Itoa(len(data)))
		data, status = data[n:], http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 17:00:59 GMT")
	w.WriteHeader(status)
	if r.Method == http.MethodGet {
		_, _ = w.Write(data)
	}
}

// body reads a request's body of the announced length.
func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.ContentLength >= 0 && int64(len(b)) != r.ContentLength {
		w.WriteHeader(499)
		return nil, false
	}
	return b, true
}
