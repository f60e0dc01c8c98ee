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

// Cloud is a fake of the clouds' six services, and an http.Handler for all of them. It is
// safe for concurrent use.
type Cloud struct {
	o   Options
	mux *http.ServeMux

	mu       sync.Mutex
	clock    time.Time // the latest time that now returned
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
	images      []*image
	disks       map[string]disk // by Content
	keys        map[string]*accessKey
	buckets     map[string]*bucket

	tasks    []*task
	traps    Traps
	faults   []*armed
	requests []Request
	window   map[string]*window
}

// New makes a Cloud with one user, ServiceUser. AddProject adds others.
func New(o Options) *Cloud {
	c := &Cloud{o: o.withDefaults(), tokens: map[string]*token{}, window: map[string]*window{},
		disks: map[string]disk{}, keys: map[string]*accessKey{}, buckets: map[string]*bucket{}}
	service := c.newProject(ServiceProject)
	c.users = append(c.users, &user{id: c.newID(), name: ServiceUser, password: ServicePassword, project: service, admin: true})
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

// Request is a request that the cloud received.
type Request struct {
	Service, Method string
	Path            string // below the service: /v2/{project_id}/…
	Query           url.Values
	Header          http.Header
	Body            []byte
}

// Requests returns all requests received, oldest first.
func (c *Cloud) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Forget deletes the record of requests.
func (c *Cloud) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

// maxBody is the largest body that the API gateway accepts, in bytes.
const maxBody = 12 << 20

// ServeHTTP implements http.Handler.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isOBS(r) {
		c.serveOBS(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer{status: tooMuch, body: gatewayBody(Code{Code: "APIGW.0201", Text: "The body is too large."})}.write(w)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	service, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	request := Request{service, r.Method, "/" + path, r.URL.Query(), r.Header.Clone(), body}
	c.mu.Lock()
	if !c.o.Auto { // with Auto the fake runs for long, and nothing reads the record
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
		_, _ = io.WriteString(w, fault.Body) // the client may have left
	}
}

// discard is a writer for answers that are dropped.
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

// window counts a service's requests in one minute.
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

// now returns a later time at each call, so that lists have an order.
func (c *Cloud) now() time.Time {
	now := c.o.Now().UTC().Truncate(time.Microsecond)
	if !now.After(c.clock) {
		now = c.clock.Add(time.Microsecond)
	}
	c.clock = now
	return now
}

func (c *Cloud) newID() string { return c.o.NewID() }

// wellFormed reports whether id has the form of the cloud's ids.
func wellFormed(id string) bool { return uuid.Validate(id) == nil && len(id) == 36 }
