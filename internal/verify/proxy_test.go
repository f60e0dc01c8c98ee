package verify_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// reply is an answer on its way through the proxy.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	request *http.Request
	asked   string // the body of the request
}

// mutant breaks one rule of an endpoint.
type mutant struct {
	name string
	// on and body choose the requests: patterns of "METHOD /path?query" without version and
	// project, and of the body.
	on, body string
	// ask changes the request, answer the answer; one of them is nil.
	ask    func(*http.Request, *string)
	answer func(*reply)
	// swaps, if set, changes the request with the help of the endpoint.
	swaps func(*proxy, *http.Request, *string)
	// breaks are the cases that must fail.
	breaks string
}

var prefixPattern = regexp.MustCompile(`^/v3(/[0-9a-f]{32})?(/|$)`)

// everything is a pattern that matches each request.
var everything = regexp.MustCompile(``)

// nothing is a pattern that matches no request.
var nothing = regexp.MustCompile(`^\b\B`)

// line is the request as patterns see it.
func line(r *http.Request) string {
	path := prefixPattern.ReplaceAllString(r.URL.Path, "/")
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	return r.Method + " " + path
}

// proxy puts a mutant in front of an endpoint. Its count says how often it was at work.
type proxy struct {
	*httptest.Server
	target string
	mutant *mutant
	on, in *regexp.Regexp
	client *http.Client
	mu     sync.Mutex
	count  int
}

func newProxy(t testing.TB, target string, m *mutant) *proxy {
	t.Helper()
	p := &proxy{target: target, mutant: m, on: regexp.MustCompile(m.on), in: regexp.MustCompile(m.body),
		client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body := string(content)
	hit := p.on.MatchString(line(r)) && p.in.MatchString(body)
	if hit {
		p.mu.Lock()
		p.count++
		p.mu.Unlock()
	}
	asked := body
	if hit && p.mutant.ask != nil {
		p.mutant.ask(r, &body)
	}
	if hit && p.mutant.swaps != nil {
		p.mutant.swaps(p, r, &body)
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), strings.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	out.Header = r.Header.Clone()
	out.Header.Set("X-Forwarded-Host", r.Host)
	answer, err := p.client.Do(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	a := &reply{status: answer.StatusCode, header: answer.Header, request: r, asked: asked}
	if a.body, err = io.ReadAll(answer.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if hit && p.mutant.answer != nil {
		p.mutant.answer(a)
	}
	for name, values := range a.header {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
}

// named asks the endpoint for the id of a resource of a run by the last word of its name.
func (p *proxy) named(r *http.Request, collection, word string) string {
	path := prefixPattern.FindString(r.URL.Path)
	q, err := http.NewRequestWithContext(r.Context(), http.MethodGet, p.target+path+collection, http.NoBody)
	if err != nil {
		return ""
	}
	q.Header.Set("X-Auth-Token", r.Header.Get("X-Auth-Token"))
	answer, err := p.client.Do(q)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var all map[string][]struct{ ID, Name string }
	content, _ := io.ReadAll(answer.Body)
	var lists map[string]json.RawMessage
	_ = json.Unmarshal(content, &lists)
	_ = json.Unmarshal([]byte(`{"x":`+string(lists[collection])+`}`), &all)
	for _, e := range all["x"] {
		if e.Name == "cindergate-verify-shared00-"+word {
			return e.ID
		}
	}
	return ""
}

// The changes of answers.

func status(n int) func(*reply) { return func(a *reply) { a.status = n } }

// when changes answers of a status only.
func when(status int, change func(*reply)) func(*reply) {
	return func(a *reply) {
		if a.status == status {
			change(a)
		}
	}
}

func header(name, value string) func(*reply) {
	return func(a *reply) {
		if value == "" {
			a.header.Del(name)
		} else {
			a.header.Set(name, value)
		}
	}
}

func answers(status int, body string) func(*reply) {
	return func(a *reply) {
		a.status, a.body = status, []byte(body)
		a.header.Set("Content-Type", "application/json")
	}
}

func text(old, replacement string) func(*reply) {
	return func(a *reply) { a.body = bytes.ReplaceAll(a.body, []byte(old), []byte(replacement)) }
}

// edit changes the JSON of an answer.
func edit(change func(map[string]any)) func(*reply) {
	return func(a *reply) {
		var m map[string]any
		if json.Unmarshal(a.body, &m) == nil && m != nil {
			change(m)
			a.body, _ = json.Marshal(m)
		}
	}
}

// at calls change with the object at a path and the last step of it. A * stands for all
// elements of a list.
func at(v any, path string, change func(map[string]any, string)) {
	step, rest, more := strings.Cut(path, ".")
	switch in := v.(type) {
	case map[string]any:
		if !more {
			change(in, step)
		} else {
			at(in[step], rest, change)
		}
	case []any:
		for i, e := range in {
			if step == "*" || step == strconv.Itoa(i) {
				at(e, rest, change)
			}
		}
	}
}

func set(path string, value any) func(*reply) {
	return edit(func(m map[string]any) { at(m, path, func(o map[string]any, k string) { o[k] = value }) })
}

// replace sets a member only where it is.
func replace(path string, value any) func(*reply) {
	return edit(func(m map[string]any) {
		at(m, path, func(o map[string]any, k string) {
			if _, ok := o[k]; ok {
				o[k] = value
			}
		})
	})
}

func remove(path string) func(*reply) {
	return edit(func(m map[string]any) { at(m, path, func(o map[string]any, k string) { delete(o, k) }) })
}

// empties a list.
func emptied(list string) func(*reply) { return set(list, []any{}) }

// The changes of requests.

// drops removes parameters from the query: the endpoint ignores them.
func drops(names ...string) func(*http.Request, *string) {
	return func(r *http.Request, _ *string) {
		q := r.URL.Query()
		for _, n := range names {
			q.Del(n)
		}
		r.URL.RawQuery = q.Encode()
	}
}

func asks(name, value string) func(*http.Request, *string) {
	return func(r *http.Request, _ *string) {
		q := r.URL.Query()
		q.Set(name, value)
		r.URL.RawQuery = q.Encode()
	}
}

func sends(header, value string) func(*http.Request, *string) {
	return func(r *http.Request, _ *string) { r.Header.Set(header, value) }
}

// rewrites replaces what matches a pattern in the body.
func rewrites(pattern, by string) func(*http.Request, *string) {
	re := regexp.MustCompile(pattern)
	return func(_ *http.Request, body *string) { *body = re.ReplaceAllString(*body, by) }
}
