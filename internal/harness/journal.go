package harness

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cindergate/gateway"
	"cindergate/internal/harness/clock"
	"cindergate/internal/redact"
)

// Bounds of the record of requests.
const (
	maxEntries = 2000
	maxBody    = 16 << 10 // of a body that is recorded, in bytes
)

const hidden = "[hidden]"

// shown says what is recorded with its value.
var shown = redact.Rules{Hidden: hidden, MaxBody: maxBody}

// Entry is a recorded request. Secrets are left out: only members, headers and parameters that
// are known to hold none are recorded with their values.
type Entry struct {
	Seq        int               `json:"seq"`
	At         time.Time         `json:"at"` // by the clock
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Query      string            `json:"query,omitempty"`
	Route      string            `json:"route,omitempty"`
	Resource   string            `json:"resource,omitempty"` // id in the path
	ProjectID  string            `json:"project_id,omitempty"`
	UserID     string            `json:"user_id,omitempty"`
	RequestID  string            `json:"request_id,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Body       json.RawMessage   `json:"body,omitempty"`
	Status     int               `json:"status"` // 0: the connection was broken before an answer
	AnswerHead map[string]string `json:"answer_headers,omitempty"`
	Answer     json.RawMessage   `json:"answer,omitempty"`
	Rule       int               `json:"rule,omitempty"` // of the fault that struck

	mu sync.Mutex
}

func (e *Entry) matched(route string, m gateway.Matched) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Route, e.Resource, e.ProjectID, e.UserID, e.RequestID = route, m.ID, m.ProjectID, m.UserID, m.RequestID
}

func (e *Entry) struckBy(rule int) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Rule = rule
}

// Journal records the last requests. It is safe for concurrent use.
type Journal struct {
	clock *clock.Clock

	mu      sync.Mutex
	seq     int
	entries []*Entry
	grown   chan struct{} // closed at the next entry
}

func newJournal(c *clock.Clock) *Journal { return &Journal{clock: c, grown: make(chan struct{})} }

// Clear forgets all requests. The numbers begin anew.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.seq = nil, 0
}

type entryKey struct{}

func entryOf(ctx context.Context) *Entry {
	e, _ := ctx.Value(entryKey{}).(*Entry)
	return e
}

// begin begins the record of a request. done ends it.
func (j *Journal) begin(w http.ResponseWriter, r *http.Request) (_ *Entry, _ http.ResponseWriter, _ *http.Request, done func()) {
	e := &Entry{At: j.clock.Now().UTC(), Method: r.Method, Path: r.URL.Path, Query: shown.Query(r.URL.Query()), Headers: shown.Headers(r.Header)}
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
	var asked *tee
	if isJSON(r.Header) && r.Body != nil {
		asked = &tee{ReadCloser: r.Body}
		r.Body = asked
	}
	answer := &recorder{ResponseWriter: w}
	answer.done = sync.OnceFunc(func() {
		e.mu.Lock()
		e.Status, e.AnswerHead = answer.status, shown.Headers(w.Header())
		if asked != nil {
			e.Body = shown.Body(asked.kept.Bytes())
		}
		if isJSON(w.Header()) {
			e.Answer = shown.Body(answer.kept.Bytes())
		}
		if e.RequestID == "" {
			e.RequestID = w.Header().Get("X-Openstack-Request-Id")
		}
		e.mu.Unlock()
		j.add(e)
	})
	return e, answer, r, answer.done
}

func (j *Journal) add(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.Seq = j.seq
	j.entries = append(j.entries, e)
	if len(j.entries) > maxEntries {
		j.entries = slices.Delete(j.entries, 0, len(j.entries)-maxEntries)
	}
	close(j.grown)
	j.grown = make(chan struct{})
}

// Filter says which requests are meant. What is left out matches all.
type Filter struct {
	Method, Route, Path, Project, Resource string
	Status                                 int
	After                                  int // number of the last request that is not meant
	Limit                                  int // the last so many; 0: all
}

func (f Filter) matches(e *Entry) bool {
	return cmp.Or(f.Method, e.Method) == e.Method && cmp.Or(f.Route, e.Route) == e.Route && cmp.Or(f.Path, e.Path) == e.Path &&
		cmp.Or(f.Project, e.ProjectID) == e.ProjectID && cmp.Or(f.Resource, e.Resource) == e.Resource &&
		cmp.Or(f.Status, e.Status) == e.Status && e.Seq > f.After
}

// Find returns the recorded requests, oldest first.
func (j *Journal) Find(f Filter) []*Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.find(f)
}

func (j *Journal) find(f Filter) []*Entry {
	found := []*Entry{}
	for _, e := range j.entries {
		if f.matches(e) {
			found = append(found, e)
		}
	}
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[len(found)-f.Limit:]
	}
	return found
}

// Wait waits until n requests match. If ctx ends first, it returns those that do.
func (j *Journal) Wait(ctx context.Context, f Filter, n int) []*Entry {
	for {
		j.mu.Lock()
		found, grown := j.find(f), j.grown
		j.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return found
		}
	}
}

// tee keeps the beginning of a body.
type tee struct {
	io.ReadCloser
	kept bytes.Buffer
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	keep(&t.kept, p[:n])
	return n, err
}

// keep keeps one byte more than is shown, so that a body that is too long can be told.
func keep(b *bytes.Buffer, p []byte) { b.Write(p[:min(len(p), maxBody+1-b.Len())]) }

// recorder keeps the status and the beginning of an answer. It calls done before the last byte of
// an answer whose length is known, so that a client that has the answer finds it recorded.
type recorder struct {
	http.ResponseWriter
	status int
	sent   int
	kept   bytes.Buffer
	done   func()
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	keep(&r.kept, p)
	r.sent += len(p)
	if r.Header().Get("Content-Length") == strconv.Itoa(r.sent) {
		r.done()
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func isJSON(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "application/json")
}
