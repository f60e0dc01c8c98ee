package harness

import (
	"context"
	_ "embed" // the description of the API
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cindergate/internal/harness/clock"
)

//go:embed openapi.json
var openapi []byte

// Prefix begins the paths of the API.
const Prefix = "/harness/v1"

const (
	maxRequest = 1 << 20  // of a body of JSON, in bytes
	maxPiece   = 64 << 20 // of a volume's bytes at once
	// advanceTime is how long an advance waits until all is quiet, by the system's clock.
	advanceTime = 2 * time.Minute
	// maxWait is how long a request for recorded requests waits.
	maxWait = time.Minute
)

// operation answers a request of the API. answer nil: 204.
type operation func(r *http.Request) (answer any, err error)

// routes are the operations by method and path below [Prefix].
func (c *Control) routes() map[string]operation {
	return map[string]operation{
		"GET /clock":             func(*http.Request) (any, error) { return c.clockState(), nil },
		"PUT /clock":             c.setClock,
		"POST /clock/advance":    c.advanceClock,
		"GET /faults":            func(*http.Request) (any, error) { return c.faults.all(), nil },
		"POST /faults":           c.addFaults,
		"DELETE /faults":         func(*http.Request) (any, error) { c.faults.remove(0); return nil, nil },
		"DELETE /faults/{id}":    c.removeFault,
		"GET /held":              c.ofEnvironment(func(e *Environment, _ *http.Request) (any, error) { return e.jobs.held(), nil }),
		"POST /release":          c.ofEnvironment(release),
		"GET /transitions":       c.ofEnvironment(func(e *Environment, _ *http.Request) (any, error) { return e.Transitions.All(), nil }),
		"PUT /transitions":       c.ofEnvironment(setTransitions),
		"DELETE /transitions":    c.ofEnvironment(func(e *Environment, _ *http.Request) (any, error) { e.Transitions.Clear(); return nil, nil }),
		"GET /snapshots":         c.ofEnvironment(func(e *Environment, _ *http.Request) (any, error) { return e.Snapshots() }),
		"POST /snapshots/{name}": c.ofEnvironment(func(e *Environment, r *http.Request) (any, error) { return e.Save(r.Context(), r.PathValue("name")) }),
		"POST /snapshots/{name}/restore": c.ofEnvironment(func(e *Environment, r *http.Request) (any, error) {
			return nil, e.Restore(r.Context(), r.PathValue("name"))
		}),
		"DELETE /snapshots/{name}": c.ofEnvironment(func(e *Environment, r *http.Request) (any, error) { return nil, e.DeleteSnapshot(r.PathValue("name")) }),
		"POST /reset":              func(r *http.Request) (any, error) { return nil, c.Reset(r.Context()) },
		"GET /requests":            c.requests,
		"DELETE /requests":         func(*http.Request) (any, error) { c.Journal.Clear(); return nil, nil },
		"GET /seed":                c.ofEnvironment(func(e *Environment, _ *http.Request) (any, error) { return seedView{e.seed.value()}, nil }),
		"PUT /seed":                c.ofEnvironment(setSeed),
		"GET /volumes/{id}/data":   c.ofEnvironment(readVolume),
		"PUT /volumes/{id}/data":   c.ofEnvironment(writeVolume),
		"GET /openapi.json":        func(*http.Request) (any, error) { return json.RawMessage(openapi), nil },
	}
}

// refusal is an error with its status.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refused(status int, err error) error { return &refusal{status, err.Error()} }

// API returns the handler of the harness's API. It belongs on a listener of its own, on loopback;
// see [Listen]. It refuses requests that a browser sends for a foreign page.
func (c *Control) API() http.Handler {
	mux := http.NewServeMux()
	for route, run := range c.routes() {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" "+Prefix+path, func(w http.ResponseWriter, r *http.Request) { answerWith(w, r, run) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "There is no such operation; GET "+Prefix+"/openapi.json describes all.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isLoopback(r.Host):
			fail(w, http.StatusForbidden, "The Host of the request must be a loopback address or localhost.")
		case r.Header.Get("Origin") != "":
			fail(w, http.StatusForbidden, "Browsers may not use this API: the request has an Origin.")
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// isLoopback reports whether an address, with a port or without one, is this machine's own.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Listen opens a listener on loopback. Any other address is an error.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	if !isLoopback(address) {
		return nil, fmt.Errorf("%s is no loopback address: whoever reaches a harness controls it", address)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if !isLoopback(listener.Addr().String()) { // localhost may be resolved to anything
		return nil, errors.Join(fmt.Errorf("%s is no loopback address: whoever reaches a harness controls it", listener.Addr()), listener.Close())
	}
	return listener, nil
}

func answerWith(w http.ResponseWriter, r *http.Request, run operation) {
	answer, err := run(r)
	var known *refusal
	switch {
	case errors.As(err, &known):
		fail(w, known.status, known.text)
	case errors.Is(err, ErrNoSnapshot), errors.Is(err, errNoVolume):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, errSnapshotName), errors.Is(err, errBeyond):
		fail(w, http.StatusBadRequest, err.Error())
	case err != nil:
		fail(w, http.StatusInternalServerError, err.Error())
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		if raw, ok := answer.([]byte); ok {
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(raw) // the client may have left
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": status, "message": message}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	encoded, err := json.Marshal(body)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error":{"code":500,"message":"The answer cannot be encoded."}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n')) // the client may have left
}

// read decodes the body of a request.
func read(r *http.Request, into any) error {
	if r.Header.Get("Content-Type") != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "Content-Type: must be application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refused(http.StatusBadRequest, fmt.Errorf("the body is not what the operation takes: %w", err))
	}
	if d.Decode(&struct{}{}) != io.EOF {
		return &refusal{http.StatusBadRequest, "the body has more than one value"}
	}
	return nil
}

// ofEnvironment refuses an operation that a fake of another cloud does not have.
func (c *Control) ofEnvironment(run func(*Environment, *http.Request) (any, error)) operation {
	return func(r *http.Request) (any, error) {
		if c.env == nil {
			return nil, &refusal{http.StatusNotImplemented, "The fake has no such control: it has clock, faults of answers, requests and reset."}
		}
		return run(c.env, r)
	}
}

type clockView struct {
	Mode   string     `json:"mode"`
	Now    time.Time  `json:"now"`
	Timers int        `json:"timers"`
	Next   *time.Time `json:"next_timer,omitempty"`
	Ahead  Duration   `json:"ahead,omitzero"` // of the system's clock
}

func (c *Control) clockState() clockView {
	s := c.Clock.State()
	v := clockView{Mode: "real", Now: s.Now.UTC(), Timers: s.Timers, Ahead: Duration(s.Ahead)}
	if s.Manual {
		v.Mode = "manual"
	}
	if !s.Next.IsZero() {
		next := s.Next.UTC()
		v.Next = &next
	}
	return v
}

func (c *Control) setClock(r *http.Request) (any, error) {
	var body struct {
		Mode string     `json:"mode"`
		Now  *time.Time `json:"now"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	switch {
	case body.Mode == "real" && body.Now != nil:
		return nil, &refusal{http.StatusBadRequest, "now: the mode real takes none"}
	case body.Mode == "real":
		err := moved(r.Context(), c.RunClock)
		return c.clockState(), err
	case body.Mode != "manual":
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("mode: %.32q is neither real nor manual", body.Mode)}
	}
	if body.Now != nil {
		if err := c.checkTime("now", *body.Now); err != nil {
			return nil, err
		}
	}
	c.Clock.Stop()
	var err error
	if body.Now != nil {
		err = c.advanceTo(r.Context(), *body.Now)
	}
	return c.clockState(), err
}

func (c *Control) advanceClock(r *http.Request) (any, error) {
	var body struct {
		By *Duration  `json:"by"`
		To *time.Time `json:"to"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if (body.By == nil) == (body.To == nil) {
		return nil, &refusal{http.StatusBadRequest, "by, to: there must be one of them"}
	}
	if body.By != nil {
		err := moved(r.Context(), func(ctx context.Context) error { return c.Advance(ctx, time.Duration(*body.By)) })
		return c.clockState(), err
	}
	if err := c.checkTime("to", *body.To); err != nil {
		return nil, err
	}
	err := c.advanceTo(r.Context(), *body.To)
	return c.clockState(), err
}

// checkTime returns an error unless the clock can advance to a time.
func (c *Control) checkTime(field string, to time.Time) error {
	if now := c.Clock.Now(); to.Before(now) || to.Sub(now) > maxDuration {
		return &refusal{http.StatusBadRequest, field + ": must not be before the time of the clock, " + now.UTC().Format(time.RFC3339Nano) + ", nor more than 876000h after it"}
	}
	return nil
}

func (c *Control) advanceTo(ctx context.Context, to time.Time) error {
	return moved(ctx, func(ctx context.Context) error { return c.AdvanceTo(ctx, to) })
}

// moved moves the clock within advanceTime.
func moved(ctx context.Context, move func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, advanceTime)
	defer cancel()
	err := move(ctx)
	switch {
	case errors.Is(err, clock.ErrRuns):
		return refused(http.StatusConflict, errors.New(err.Error()+`; PUT clock {"mode":"manual"} stops it`))
	case err != nil:
		return refused(http.StatusGatewayTimeout, err)
	}
	return nil
}

func (c *Control) addFaults(r *http.Request) (any, error) {
	var rules []Rule
	if err := read(r, &rules); err != nil {
		return nil, err
	}
	return c.AddFaults(rules)
}

// AddFaults adds rules, all or none, and returns them with their ids.
func (c *Control) AddFaults(rules []Rule) ([]Rule, error) {
	known := func(string) bool { return true }
	if c.env != nil {
		known = c.env.knownRoute
	}
	for i, rule := range rules {
		if c.env == nil && rule.Answer == nil {
			return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("[%d].answer: a fake has faults of answers only", i)}
		}
	}
	added, err := c.faults.add(rules, known)
	if err != nil {
		return nil, refused(http.StatusBadRequest, err)
	}
	return added, nil
}

// Faults returns the rules with their counts.
func (c *Control) Faults() []Rule { return c.faults.all() }

// RemoveFaults removes all rules, and releases the jobs that they hold.
func (c *Control) RemoveFaults() { c.faults.remove(0) }

func (c *Control) removeFault(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || !c.faults.remove(id) {
		return nil, &refusal{http.StatusNotFound, fmt.Sprintf("there is no fault %.32q", r.PathValue("id"))}
	}
	return nil, nil
}

// Release releases the jobs that are held on a resource; "": all. It returns how many they are.
func (e *Environment) Release(resource string) int { return e.jobs.release(resource) }

func release(e *Environment, r *http.Request) (any, error) {
	var body struct {
		Resource string `json:"resource"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	return map[string]int{"released": e.Release(body.Resource)}, nil
}

func setTransitions(e *Environment, r *http.Request) (any, error) {
	var by map[string]Transition
	if err := read(r, &by); err != nil {
		return nil, err
	}
	if err := e.Transitions.Set(by); err != nil {
		return nil, refused(http.StatusBadRequest, err)
	}
	return e.Transitions.All(), nil
}

func (c *Control) requests(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := Filter{Method: q.Get("method"), Route: q.Get("route"), Path: q.Get("path"), Project: q.Get("project"), Resource: q.Get("resource")}
	wait := 0
	for name, into := range map[string]*int{"status": &f.Status, "after": &f.After, "limit": &f.Limit, "wait": &wait} {
		if err := number(q, name, into); err != nil {
			return nil, err
		}
	}
	timeout := 10 * time.Second
	if q.Has("timeout") {
		var err error
		if timeout, err = ParseDuration(q.Get("timeout")); err != nil || timeout > maxWait {
			return nil, &refusal{http.StatusBadRequest, "timeout: must be a duration up to " + maxWait.String()}
		}
	}
	known := []string{"method", "route", "path", "project", "resource", "status", "after", "limit", "wait", "timeout"}
	for name := range q {
		if !slices.Contains(known, name) {
			return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("%.32q is none of the parameters %s", name, strings.Join(known, ", "))}
		}
	}
	if wait == 0 {
		return c.Journal.Find(f), nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	found := c.Journal.Wait(ctx, f, wait)
	if len(found) < wait {
		return nil, &refusal{http.StatusGatewayTimeout, fmt.Sprintf("%d of %d requests were made within %s", len(found), wait, timeout)}
	}
	return found, nil
}

func number(q url.Values, name string, into *int) error {
	if !q.Has(name) {
		return nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 0 {
		return &refusal{http.StatusBadRequest, name + ": must be a number from 0 on"}
	}
	*into = n
	return nil
}

type seedView struct {
	Seed uint64 `json:"seed"`
}

func setSeed(e *Environment, r *http.Request) (any, error) {
	var body struct {
		Seed *uint64 `json:"seed"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.Seed == nil || *body.Seed == 0 || *body.Seed > 1<<53 {
		return nil, &refusal{http.StatusBadRequest, "seed: must be a number between 1 and 2^53"}
	}
	e.seed.set(*body.Seed)
	return seedView{*body.Seed}, nil
}

// place reads the offset of a request for a volume's bytes.
func place(q url.Values) (off int64, err error) {
	if q.Has("offset") {
		if off, err = strconv.ParseInt(q.Get("offset"), 10, 64); err != nil || off < 0 {
			return 0, &refusal{http.StatusBadRequest, "offset: must be a number from 0 on"}
		}
	}
	return off, nil
}

func readVolume(e *Environment, r *http.Request) (any, error) {
	off, err := place(r.URL.Query())
	if err != nil {
		return nil, err
	}
	length := 0
	if err := number(r.URL.Query(), "length", &length); err != nil {
		return nil, err
	}
	if length < 1 || length > maxPiece {
		return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("length: must be between 1 and %d", maxPiece)}
	}
	return e.ReadVolume(r.Context(), r.PathValue("id"), off, length)
}

func writeVolume(e *Environment, r *http.Request) (any, error) {
	off, err := place(r.URL.Query())
	if err != nil {
		return nil, err
	}
	p, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxPiece))
	if err != nil {
		return nil, refused(http.StatusBadRequest, fmt.Errorf("the body may have %d bytes: %w", maxPiece, err))
	}
	return nil, e.WriteVolume(r.Context(), r.PathValue("id"), off, p)
}
