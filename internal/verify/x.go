package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// X is what a case asks with. Like a testing.T, it ends a case at once where an answer
// deviates.
type X struct {
	ctx       context.Context
	r         *runner
	version   string // the microversion of requests that name none; "": none is sent
	exchanges []*Exchange
	made      []thing // by this case
}

// The ways in which a case ends early. They are panics, which the runner recovers.
type (
	deviates   struct{ Deviation }
	notTested  struct{ reason string }
	notOffered struct{ reason string }
)

func (x *X) notTested(format string, args ...any)  { panic(notTested{fmt.Sprintf(format, args...)}) }
func (x *X) notOffered(format string, args ...any) { panic(notOffered{fmt.Sprintf(format, args...)}) }

// request is what can be said of a request besides its method, path and body.
type request struct {
	who     Who
	version string
	header  http.Header
	token   string
	base    string // instead of /v3 and the project
}

type option func(*request)

// at sends a microversion; "" sends none.
func at(version string) option { return func(r *request) { r.version = version } }

// by sends the request as somebody else.
func by(who Who) option { return func(r *request) { r.who = who } }

func with(name, value string) option {
	return func(r *request) { r.header.Set(name, value) }
}

func withToken(token string) option {
	return func(r *request) { r.who, r.token = Nobody, token }
}

// from sends the request to a path of the endpoint without adding a version or a project.
func from(base string) option { return func(r *request) { r.base = base } }

// root is the option of requests whose path is the whole one.
var root = from("/")

func (x *X) get(path string, options ...option) *answer {
	return x.call(http.MethodGet, path, nil, options...)
}

func (x *X) delete(path string, options ...option) *answer {
	return x.call(http.MethodDelete, path, nil, options...)
}

// post sends a body: JSON as a string, or a value that is made JSON.
func (x *X) post(path string, body any, options ...option) *answer {
	return x.call(http.MethodPost, path, body, options...)
}

func (x *X) put(path string, body any, options ...option) *answer {
	return x.call(http.MethodPut, path, body, options...)
}

// call sends a request. A body that is a string or nil is sent as it is.
func (x *X) call(method, path string, body any, options ...option) *answer {
	q := request{who: Tester, version: x.version, header: http.Header{}}
	for _, o := range options {
		o(&q)
	}
	c := call{who: q.who, method: method, token: q.token, header: q.header, url: x.url(q, path)}
	if q.who != Nobody {
		c.login = x.r.login(q.who)
		if c.login == nil {
			x.notTested("there is no login as %s", q.who)
		}
	}
	if q.version != "" {
		q.header.Set("OpenStack-API-Version", "volume "+q.version)
	}
	switch b := body.(type) {
	case nil:
	case string:
		c.body = []byte(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			panic(err) // a body of a case that is no JSON
		}
		c.body = text
	}
	if c.body != nil && q.header.Get("Content-Type") == "" {
		q.header.Set("Content-Type", "application/json")
	}
	e, content, err := x.r.client.do(x.ctx, c)
	if e != nil {
		x.exchanges = append(x.exchanges, e)
	}
	if err != nil {
		x.broken(e, err)
	}
	return &answer{x: x, e: e, content: content}
}

// broken ends a case whose request had no answer.
func (x *X) broken(e *Exchange, err error) {
	if x.ctx.Err() != nil {
		x.notTested("the time for it ended: %v", context.Cause(x.ctx))
	}
	panic(deviates{Deviation{Expected: "an answer", Got: "none: " + x.r.client.secrets.hide(err.Error()), Exchange: e}})
}

func (x *X) url(q request, path string) string {
	switch q.base {
	case "/":
		return x.r.o.URL + path
	case withoutProjectBase:
		return x.r.o.URL + "/v3" + path
	}
	if q.base != "" {
		return q.base + path
	}
	base := x.r.o.URL + "/v3"
	if l := x.r.login(q.who); l != nil && l.ProjectID != "" {
		base += "/" + l.ProjectID
	} else if q.who == Nobody && x.r.o.Tester.ProjectID != "" {
		base += "/" + x.r.o.Tester.ProjectID
	}
	return base + path
}

// project is the id of the tester's project. A case that needs it is not tested without.
func (x *X) project() string {
	if x.r.o.Tester.ProjectID == "" {
		x.notTested("the URL of the endpoint has no project")
	}
	return x.r.o.Tester.ProjectID
}

// name makes a name for something that the case creates.
func (x *X) name(what string) string { return x.r.prefix + what }

// expect ends the case unless ok.
func (x *X) expect(ok bool, a *answer, expected, got string) {
	if !ok {
		panic(deviates{Deviation{Expected: expected, Got: x.r.client.secrets.hide(got), Exchange: a.exchange()}})
	}
}

// passing are the statuses that end by themselves.
var passing = map[string]bool{
	"creating": true, "backing-up": true, "restoring": true, "restoring-backup": true, "downloading": true, "deleting": true, "uploading": true,
	"extending": true, "reverting": true, "retyping": true, "attaching": true, "detaching": true,
}

// await looks at a resource until its status is none that passes by itself, and returns the
// last answer.
func (x *X) await(collection, id string, options ...option) *answer {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, x.r.o.Poll) {
		a := x.get("/"+collection+"/"+id, options...)
		if a.e.Status != http.StatusOK {
			return a
		}
		status := a.str(singular(collection) + ".status")
		if !passing[status] {
			return a
		}
		x.pause(wait)
	}
}

// gone looks at a resource until it is not found.
func (x *X) gone(collection, id string) {
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, x.r.o.Poll) {
		a := x.get("/" + collection + "/" + id)
		if a.e.Status == http.StatusNotFound {
			return
		}
		a.is(http.StatusOK)
		if s := a.str(singular(collection) + ".status"); s != "deleting" && s != "deleted" && s != "available" {
			x.expect(false, a, "the deletion of "+id+" to end with 404", "status "+s)
		}
		x.pause(wait)
	}
}

func (x *X) pause(d time.Duration) {
	if pause(x.ctx, d) != nil {
		x.notTested("the time for it ended: %v", context.Cause(x.ctx))
	}
}

// settled waits until a resource is available.
func (x *X) settled(collection, id string, options ...option) *answer {
	a := x.await(collection, id, options...)
	a.is(http.StatusOK)
	root := singular(collection)
	reason := ""
	if r, ok := a.value(root + ".fail_reason").(string); ok && r != "" {
		reason = ", fail_reason " + r
	}
	x.expect(a.str(root+".status") == "available", a, root+" "+id+" becomes available", "status "+a.str(root+".status")+reason)
	return a
}

func singular(collection string) string { return strings.TrimSuffix(collection, "s") }

// nowhere is an id that nothing has.
const nowhere = "00000000-0000-4000-8000-00000000dead"
