package otcfake

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Cloud is the clouds' five services and an http.Handler of them all. It is safe for
// concurrent use.
type Cloud struct {
	o   Options
	mux *http.ServeMux

	mu       sync.Mutex
	clock    time.Time // the latest time that was told
	projects []*Project
	users    []*user
	tokens   map[string]*token

	volumes     []*Volume
	snapshots   []*Snapshot
	backups     []*Backup
	vaults      []*Vault
	checkpoints []*checkpoint
	operations  []*operation
	jobs        []*job

	tasks    []*task
	traps    Traps
	faults   []*armed
	requests []Request
	window   map[string]*window
}

// New makes a Cloud with one user besides those of projects: ServiceUser.
func New(o Options) *Cloud {
	c := &Cloud{o: o.withDefaults(), tokens: map[string]*token{}, window: map[string]*window{}}
	service := c.newProject(ServiceProject)
	c.users = append(c.users, &user{id: newID(), name: ServiceUser, password: ServicePassword, project: service, admin: true})
	c.mux = http.NewServeMux()
	c.routeIAM()
	c.routeIMS()
	c.routeVBS()
	c.routeCBR()
	c.routeEVS()
	c.routeVolumes()
	c.routeSnapshots()
	c.open("/", func(*call) answer { return refuse("APIGW.0101") })
	return c
}

// Request is one that came in.
type Request struct {
	Service, Method string
	Path            string // below the service: /v2/{project_id}/…
	Query           url.Values
	Header          http.Header
	Body            []byte
}

// Requests are all that came in, oldest first.
func (c *Cloud) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Forget forgets the requests that came in.
func (c *Cloud) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

// maxBody is the largest body that the gateway in front takes, in bytes.
const maxBody = 12 << 20

// ServeHTTP implements http.Handler.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer{status: tooMuch, body: gatewayBody(Code{Code: "APIGW.0201", Text: "The body is too large."})}.write(w)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	service, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	request := Request{service, r.Method, "/" + path, r.URL.Query(), r.Header.Clone(), body}
	c.mu.Lock()
	if !c.o.Auto { // which serves on and on, to nobody who asks what came in
		c.requests = append(c.requests, request)
	}
	fault := c.fault(&request)
	c.mu.Unlock()
	if fault == nil {
		c.carryOut(w, r, service)
		return
	}
	switch {
	case fault.Hang:
		<-r.Context().Done()
	case fault.Drop:
		if fault.Done {
			c.carryOut(discard{http.Header{}}, r, service)
		}
		panic(http.ErrAbortHandler)
	default:
		for name, values := range fault.Header {
			w.Header()[http.CanonicalHeaderKey(name)] = values
		}
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, fault.Body) // the client may be gone
	}
}

// discard is for answers that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func (c *Cloud) carryOut(w http.ResponseWriter, r *http.Request, service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.Auto && r.Method == http.MethodGet {
		c.step()
	}
	switch {
	case slices.Contains(c.o.Without, service):
		refuse("APIGW.0101").write(w)
	case c.throttled(service):
		refuse("APIGW.0308").write(w)
	default:
		c.mux.ServeHTTP(w, r)
	}
}

// window counts a service's requests of a minute.
type window struct {
	since time.Time
	count int
}

func (c *Cloud) throttled(service string) bool {
	if c.o.RateLimit == 0 {
		return false
	}
	now := c.o.Now()
	counted, ok := c.window[service]
	if !ok || now.Sub(counted.since) >= time.Minute {
		counted = &window{since: now}
		c.window[service] = counted
	}
	counted.count++
	return counted.count > c.o.RateLimit
}

// now never tells the same time twice, so that lists have an order.
func (c *Cloud) now() time.Time {
	now := c.o.Now().UTC().Truncate(time.Microsecond)
	if !now.After(c.clock) {
		now = c.clock.Add(time.Microsecond)
	}
	c.clock = now
	return now
}

func newID() string { return uuid.NewString() }

// wellFormed tells whether an id is one of the cloud's resources' in form.
func wellFormed(id string) bool { return uuid.Validate(id) == nil && len(id) == 36 }
