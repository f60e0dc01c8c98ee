package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"cindergate/driver"
	"cindergate/gateway"
)

// secret must not appear in any answer.
const secret = "/var/lib/secret"

// backend has one backup. Some ids cause errors.
type backend struct{ driver.Driver }

func (backend) GetBackup(_ context.Context, caller driver.Caller, id string) (driver.Backup, error) {
	switch id {
	case "panic":
		panic("at " + secret)
	case "broken":
		return driver.Backup{}, errors.New(secret)
	case "away":
		return driver.Backup{}, driver.Wrap(driver.Unavailable, errors.New(secret), "The backend is away.")
	}
	return driver.Backup{ID: id, ProjectID: caller.ProjectID, Size: 1}, nil
}

func (b backend) ListBackups(ctx context.Context, caller driver.Caller, _ driver.Query) (driver.Page[driver.Backup], error) {
	one, err := b.GetBackup(ctx, caller, "b1")
	return driver.Page[driver.Backup]{Items: []driver.Backup{one}, Count: 1}, err
}

func (backend) CreateBackup(_ context.Context, _ driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	return driver.Backup{ID: "new", Name: spec.Name}, nil
}

func (backend) DeleteBackup(context.Context, driver.Caller, string) error { return nil }

// rig is a gateway over HTTP, with its log.
type rig struct {
	t      *testing.T
	url    string
	log    *observer.ObservedLogs
	logged chan struct{} // has an element after each log line
}

func newRig(t *testing.T, change ...func(*gateway.Options)) *rig {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	logged := make(chan struct{}, 1)
	note := zap.Hooks(func(zapcore.Entry) error {
		select {
		case logged <- struct{}{}:
		default:
		}
		return nil
	})
	withLog := func(o *gateway.Options) { o.Log = zap.New(core, note) }
	server := httptest.NewServer(gateway.New(optionsOf(append([]func(*gateway.Options){withLog}, change...)...)))
	t.Cleanup(server.Close)
	return &rig{t, server.URL, logs, logged}
}

// optionsOf returns the options of a gateway for tests.
func optionsOf(change ...func(*gateway.Options)) gateway.Options {
	o := gateway.Options{Backends: map[string]driver.Driver{"one": backend{}}, Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics()}
	for _, f := range change {
		f(&o)
	}
	return o
}

// call sends a request as a role ("": without a token), with headers given in pairs.
func (g *rig) call(method, path, role, body string, headers ...string) (*http.Response, string) {
	g.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, content)
	must(g.t, err)
	if role != "" {
		r.Header.Set("X-Auth-Token", role)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	must(g.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(g.t, err)
	return answer, string(text)
}

const (
	own         = "/v3/" + project
	notFoundDoc = `{"code":"404 Not Found","message":"The resource could not be found.<br /><br />\n\n\n","title":"Not Found"}`
	notAuthDoc  = `{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}`
)

// Without a token, clients learn nothing below the versions, not even which routes exist.
func TestUnauthorized(t *testing.T) {
	g := newRig(t)
	for _, path := range []string{own + "/backups", own + "/nothing", "/v3/", "/v3", "/v2/", "/v2/" + project + "/backups", "/v3/x/y/z"} {
		for _, role := range []string{"", "nonsense"} {
			answer, body := g.call(http.MethodGet, path, role, "")
			if answer.StatusCode != http.StatusUnauthorized || body != notAuthDoc ||
				answer.Header.Get("WWW-Authenticate") != `Keystone uri="`+g.url+`"` {
				t.Errorf("%s: %d %s %v", path, answer.StatusCode, body, answer.Header)
			}
			for _, absent := range []string{"OpenStack-API-Version", "Vary", "X-Compute-Request-Id"} {
				if answer.Header.Get(absent) != "" {
					t.Errorf("%s has %s", path, absent)
				}
			}
		}
	}
	for _, path := range []string{"/", "/healthcheck", "/healthz", "/metrics"} {
		if answer, _ := g.call(http.MethodGet, path, "", ""); answer.StatusCode >= 400 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	broken := newRig(t, func(o *gateway.Options) { o.Auth = away{} })
	if answer, body := broken.call(http.MethodGet, own+"/backups", "member", ""); answer.StatusCode != 503 || strings.Contains(body, secret) {
		t.Errorf("without Keystone: %d %s", answer.StatusCode, body)
	}
}

// away fails to authenticate anybody, because it is unavailable.
type away struct{}

func (away) Authenticate(context.Context, string) (driver.Caller, error) {
	return driver.Caller{}, driver.Wrap(driver.Unavailable, errors.New(secret), "Keystone does not answer.")
}
func (away) Challenge(string) string { return "" }

func TestNoSuchRoute(t *testing.T) {
	g := newRig(t)
	for _, x := range []struct{ method, path string }{
		{"GET", own + "/nothing"}, {"GET", own + "/backups/"}, {"GET", own + "/backups/b1/nothing"}, {"POST", own + "/backups/b1"},
		{"PATCH", own + "/backups"}, {"DELETE", own + "/backups"}, {"PUT", own + "/backups/detail/x"}, {"GET", "/v4/"}, {"GET", "/nonsense"},
		{"GET", "/v3/NOT_HEX/backups"}, {"POST", own + "/backups/b1/export_record"}, {"GET", own + "/backups/b1/metadata"},
	} {
		answer, body := g.call(x.method, x.path, "member", "")
		if answer.StatusCode != http.StatusNotFound || body != notFoundDoc || answer.Header.Get("OpenStack-API-Version") != "" {
			t.Errorf("%s %s: %d %s", x.method, x.path, answer.StatusCode, body)
		}
	}
	for _, path := range []string{own + "/backups.json", own + "//backups", "//v3///" + project + "/backups"} {
		if answer, body := g.call(http.MethodGet, path, "member", ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
}

func TestHeadAndOptions(t *testing.T) {
	g := newRig(t)
	answer, body := g.call(http.MethodHead, own+"/backups", "member", "")
	if answer.StatusCode != http.StatusNotFound || body != "" || answer.Header.Get("Content-Type") != "text/html; charset=UTF-8" {
		t.Errorf("HEAD: %d %q %v", answer.StatusCode, body, answer.Header)
	}
	if answer, body := g.call(http.MethodHead, "/", "", ""); answer.StatusCode != http.StatusMultipleChoices || body != "" {
		t.Errorf("HEAD /: %d %q", answer.StatusCode, body)
	}
	for _, path := range []string{"/", own + "/backups", "/nonsense"} {
		if answer, body := g.call(http.MethodOptions, path, "", ""); answer.StatusCode != http.StatusOK || body != "" {
			t.Errorf("OPTIONS %s: %d %q", path, answer.StatusCode, body)
		}
	}
}

func TestBodies(t *testing.T) {
	g := newRig(t)
	const valid = `{"backup": {"volume_id": "11111111-2222-4333-8444-555555555555", "name": "n"}}`
	padded := func(n int) string { return valid + strings.Repeat(" ", n-len(valid)) }
	for what, x := range map[string]struct {
		body, contentType string
		status            int
		tells             string
	}{
		"valid":               {valid, "application/json", 202, `"name":"n"`},
		"with a charset":      {valid, "application/json; charset=utf-8", 202, ""},
		"vendor type":         {valid, "application/vnd.openstack.volume+json", 202, ""},
		"as large as allowed": {padded(driver.MaxRequestBody), "application/json", 202, ""},
		"one byte more": {padded(driver.MaxRequestBody + 1), "application/json", 413,
			"Request is too large. Larger than max_request_body_size (114688)."},
		"xml":        {"<a/>", "application/xml", 415, `"badMediaType"`},
		"upper case": {valid, "APPLICATION/JSON", 415, `"badMediaType"`},
		"no type":    {valid, "", 415, `"badMediaType"`},
		"not a type": {valid, ";", 415, `"badMediaType"`},
		"not JSON":   {"{", "application/json", 400, "Malformed request body"},
		"two values": {valid + valid, "application/json", 400, "Malformed request body"},
		"not UTF-8":  {"{\"backup\": {\"name\": \"\xff\"}}", "application/json", 400, "badRequest"},
		"deep":       {strings.Repeat("[", 5000), "application/json", 400, "Malformed request body"},
	} {
		answer, body := g.call(http.MethodPost, own+"/backups", "member", x.body, "Content-Type", x.contentType)
		if answer.StatusCode != x.status || !strings.Contains(body, x.tells) {
			t.Errorf("%s: %d %.300s", what, answer.StatusCode, body)
		}
	}
	// The request has no length.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+own+"/backups",
		io.MultiReader(strings.NewReader(padded(driver.MaxRequestBody)), strings.NewReader(" ")))
	must(t, err)
	r.Header.Set("X-Auth-Token", "member")
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a chunked body that is too large: %d", answer.StatusCode)
	}
	if answer, _ := g.call(http.MethodDelete, own+"/backups/b1", "member", "{}"); answer.StatusCode != http.StatusBadRequest {
		t.Errorf("DELETE with a body: %d", answer.StatusCode)
	}
	if answer, body := g.call(http.MethodDelete, own+"/backups/b1", "member", ""); answer.StatusCode != http.StatusAccepted ||
		body != "" || answer.ContentLength != 0 {
		t.Errorf("DELETE: %d %q", answer.StatusCode, body)
	}
}

// Links contain the host that the client used, or that of the trusted proxy.
func TestLinkHosts(t *testing.T) {
	g := newRig(t)
	public := newRig(t, func(o *gateway.Options) { o.Base = gateway.BaseURL("https://volume.example.com/block/", nil) })
	behind := newRig(t, func(o *gateway.Options) {
		o.Base = gateway.BaseURL("", gateway.Proxies{netip.MustParsePrefix("127.0.0.0/8")})
	})
	for _, x := range []struct {
		g       *rig
		path    string
		headers []string
		self    string
	}{
		{g, own, nil, g.url + own},
		{g, "/v3", nil, g.url + "/v3"},
		{g, "/v2/" + project, nil, g.url + "/v2/" + project},
		{g, own, []string{"Host", "gw:99"}, "http://gw:99" + own},
		{g, own, []string{"X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https"}, g.url + own}, // the header comes from an untrusted client
		{behind, own, []string{"X-Forwarded-Host", "proxy"}, "http://proxy" + own},
		{behind, own, []string{"X-Forwarded-Host", "first, last:8776"}, "http://last:8776" + own},
		{behind, own, []string{"X-Forwarded-Host", "proxy", "X-Forwarded-Proto", "https"}, "https://proxy" + own},
		{behind, own, []string{"X-Forwarded-Host", `a", realm="evil`}, behind.url + own},
		{public, own, []string{"X-Forwarded-Host", "proxy"}, "https://volume.example.com/block" + own},
	} {
		answer, body := x.g.call(http.MethodGet, x.path+"/backups", "member", "", x.headers...)
		var got struct {
			Backups []struct{ Links []struct{ Rel, Href string } }
		}
		must(t, json.Unmarshal([]byte(body), &got))
		links := got.Backups[0].Links
		bookmark := regexp.MustCompile(`/v[23](/|$)`).ReplaceAllString(x.self, "$1")
		if answer.StatusCode != http.StatusOK || links[0].Href != x.self+"/backups/b1" || links[1].Href != bookmark+"/backups/b1" {
			t.Errorf("%s %v: %v", x.path, x.headers, links)
		}
	}
}

func TestProjectOfThePath(t *testing.T) {
	g := newRig(t)
	for role, status := range map[string]int{"member": 200, "padmin": 200, "alt": 400, "admin": 400} {
		answer, body := g.call(http.MethodGet, own+"/backups", role, "")
		if answer.StatusCode != status || status == 400 && !strings.Contains(body, "Malformed request url") {
			t.Errorf("%s: %d %s", role, answer.StatusCode, body)
		}
	}
}

func TestMicroversionHeaders(t *testing.T) {
	g := newRig(t)
	for _, x := range []struct {
		path, asked string
		status      int
		echoed      string
	}{
		{own + "/backups", "", 200, "volume 3.0"},
		{own + "/backups", "volume 3.64", 200, "volume 3.64"},
		{own + "/backups", "volume latest", 200, "volume 3.70"},
		{own + "/backups/broken", "volume 3.9", 500, "volume 3.9"},
		{own + "/backups", "volume 3.999", 406, "volume 3.999"},
		{own + "/backups", "volume 3", 400, ""},
		{"/v3/", "volume 3.27", 200, "volume 3.27"},
		{"/", "volume 3.999", 406, "volume 3.999"},
		{"/v2/" + project + "/backups", "volume 3.64", 200, ""},
		{"/v2/" + project + "/backups", "nonsense", 200, ""},
		{"/v2/" + project + "/backups/broken", "", 500, ""},
		{"/v2/", "volume 3.64", 200, ""},
	} {
		headers := []string{}
		if x.asked != "" {
			headers = []string{"OpenStack-API-Version", x.asked}
		}
		answer, body := g.call(http.MethodGet, x.path, "member", "", headers...)
		vary := map[bool]string{true: "OpenStack-API-Version"}[x.echoed != ""]
		if answer.StatusCode != x.status || answer.Header.Get("OpenStack-API-Version") != x.echoed || answer.Header.Get("Vary") != vary {
			t.Errorf("%s %q: %d %v %s", x.path, x.asked, answer.StatusCode, answer.Header, body)
		}
	}
}

// Internal errors are logged under the request id that the client receives.
func TestFailuresTellNothing(t *testing.T) {
	g := newRig(t)
	for id, status := range map[string]int{"panic": 500, "broken": 500, "away": 503} {
		answer, body := g.call(http.MethodGet, own+"/backups/"+id, "member", "")
		if answer.StatusCode != status || strings.Contains(body, secret) || strings.Contains(body, "goroutine") {
			t.Errorf("%s: %d %s", id, answer.StatusCode, body)
		}
		if status == 500 && body != `{"computeFault":{"code":500,"message":"The server has either erred or is incapable of performing the requested operation."}}` {
			t.Errorf("%s: %s", id, body)
		}
		logged := false
		for _, entry := range g.log.All() {
			fields := entry.ContextMap()
			if fields["request_id"] == answer.Header.Get("X-Openstack-Request-Id") && entry.Level == zapcore.ErrorLevel {
				text, _ := fields["error"].(string)
				logged = logged || strings.Contains(text, secret)
			}
		}
		if !logged {
			t.Errorf("%s: the cause is not in the log", id)
		}
	}
	for _, entry := range g.log.All() {
		for _, value := range entry.ContextMap() {
			if value == "member" {
				t.Errorf("the token is in the log: %v", entry)
			}
		}
	}
}

var requestID = regexp.MustCompile(`^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Every answer has a new request id, whatever id the client sent. Answers of the API itself
// have it under both header names.
func TestRequestIDs(t *testing.T) {
	g := newRig(t)
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, path := range []string{"/", own + "/backups", own + "/nothing", own + "/backups/broken", "/healthcheck"} {
				answer, _ := g.call(http.MethodGet, path, "member", "", "X-OpenStack-Request-ID", "req-11111111-2222-3333-4444-555555555555")
				id := answer.Header.Get("X-Openstack-Request-Id")
				mu.Lock()
				if !requestID.MatchString(id) || seen[id] {
					t.Errorf("%s: %q", path, id)
				}
				seen[id] = true
				mu.Unlock()
				if compute := answer.Header.Get("X-Compute-Request-Id"); compute != "" && compute != id {
					t.Errorf("%s: %s and %s", path, id, compute)
				}
			}
		})
	}
	all.Wait()
	if len(seen) != 40 {
		t.Errorf("%d ids", len(seen))
	}
}

func TestAccessLog(t *testing.T) {
	g := newRig(t)
	answer, _ := g.call(http.MethodGet, own+"/backups/b1?limit=1", "member", "")
	lines := g.log.FilterMessage("request").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	got := lines[0].ContextMap()
	for key, want := range map[string]any{
		"request_id": answer.Header.Get("X-Openstack-Request-Id"), "project_id": project, "user_id": memberUser, "method": "GET",
		"route": "/v3/:project_id/backups/:id", "path": own + "/backups/b1", "status": int64(200),
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
}

func TestMetrics(t *testing.T) {
	g := newRig(t)
	g.call(http.MethodGet, own+"/backups/b1", "member", "")
	g.call(http.MethodGet, own+"/backups/b2", "member", "")
	g.call("BREW", own+"/backups", "member", "")
	_, body := g.call(http.MethodGet, "/metrics", "", "")
	for _, want := range []string{
		`cindergate_request_duration_seconds_count{backend="one",method="GET",route="/v3/:project_id/backups/:id",status="200"} 2`,
		`method="other"`, "go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "BREW") || strings.Contains(body, project) {
		t.Error("clients can make up series")
	}
}

// check is a backend whose health check returns a given error.
type check struct {
	backend
	err error
}

func (c check) Check(context.Context) error { return c.err }

func TestHealth(t *testing.T) {
	for _, x := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, `{"backends":{"one":"ok"}}`}, {errors.New(secret), 503, `{"backends":{"one":"unavailable"}}`},
	} {
		g := newRig(t, func(o *gateway.Options) { o.Backends = map[string]driver.Driver{"one": check{err: x.err}} })
		if answer, body := g.call(http.MethodGet, "/healthz", "", ""); answer.StatusCode != x.status || body != x.body {
			t.Errorf("/healthz: %d %s", answer.StatusCode, body)
		}
		if answer, body := g.call(http.MethodGet, "/healthcheck", "", ""); answer.StatusCode != 200 || body != `{"detailed":false,"reasons":["OK"]}` {
			t.Errorf("/healthcheck: %d %s", answer.StatusCode, body)
		}
	}
}

// Mounts serve whole path prefixes and need no token.
func TestMounts(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) {
		o.Mounts = map[string]http.Handler{"/identity": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			dump, err := httputil.DumpRequest(r, false)
			must(t, err)
			_, _ = w.Write(dump)
		})}
	})
	for _, path := range []string{"/identity", "/identity/", "/identity/v3/auth/tokens"} {
		answer, body := g.call(http.MethodPost, path, "", "{}")
		if answer.StatusCode != 200 || !strings.HasPrefix(body, "POST "+path+" ") || answer.Header.Get("X-Openstack-Request-Id") == "" {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
	if answer, _ := g.call(http.MethodGet, "/identityx", "", ""); answer.StatusCode != 404 {
		t.Errorf("/identityx: %d", answer.StatusCode)
	}
}

func TestNoAuth(t *testing.T) {
	for token, want := range map[string]driver.Caller{
		"u:p": {UserID: "u", ProjectID: "p"}, "u": {UserID: "u", ProjectID: "u"}, "u:": {UserID: "u", ProjectID: "u"},
	} {
		want.Role, want.Token = driver.Admin, driver.Token(token)
		if got, err := (gateway.NoAuth{}).Authenticate(t.Context(), token); err != nil || got != want {
			t.Errorf("%s: %+v, %v", token, got, err)
		}
	}
	// Even with noauth a request must name its user: without a token it is 401.
	g := newRig(t, func(o *gateway.Options) { o.Auth = gateway.NoAuth{} })
	for token, want := range map[string]int{"": http.StatusUnauthorized, "u:" + project: http.StatusOK} {
		if answer, body := g.call(http.MethodGet, own+"/backups", token, ""); answer.StatusCode != want {
			t.Errorf("token %q: %d %s", token, answer.StatusCode, body)
		}
	}
}

// With noauth clients invent project ids, so the error names an id that cannot be in a URL.
func TestNoAuthProjects(t *testing.T) {
	g := newRig(t, func(o *gateway.Options) { o.Auth = gateway.NoAuth{} })
	for path, want := range map[string]int{
		"/v3/abc-1/backups": 200, "/v3/backups": 200, "/v3/proj1/backups": 404, "/v2/proj1/backups": 404, "/v3/proj1/nonsense": 404,
	} {
		project := strings.Split(path, "/")[2]
		if project == "backups" {
			project = "proj1" // the token's project
		}
		answer, body := g.call(http.MethodGet, path, "", "", "X-Auth-Token", "bob:"+project)
		says := strings.Contains(body, `\"proj1\" is neither a resource nor the id of a project, which has only the characters 0-9, a-f and -`)
		if answer.StatusCode != want || says != (want == 404) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
	g = newRig(t)
	if answer, body := g.call(http.MethodGet, "/v3/proj1/backups", "member", ""); answer.StatusCode != 404 || strings.Contains(body, "characters") {
		t.Errorf("with other authentication: %d %s", answer.StatusCode, body)
	}
}

// swallow is a backend that accepts any body.
type swallow struct{ backend }

func (swallow) Forward(w http.ResponseWriter, r *http.Request, _ driver.Caller, _ string) error {
	n, err := io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
	return err
}

// The timeout for receiving requests does not apply to streamed bodies.
func TestSlowBodiesAreForwarded(t *testing.T) {
	server := httptest.NewUnstartedServer(gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"one": swallow{}}, Auth: roles, Log: zap.NewNop(), Metrics: gateway.NewMetrics(),
	}))
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout = time.Minute, time.Nanosecond
	server.Start()
	t.Cleanup(server.Close)
	g := &rig{t: t, url: server.URL}
	const size = 1 << 20
	if answer, body := g.call(http.MethodPut, own+"/volumes/x", "member", strings.Repeat(" ", size)); answer.StatusCode != http.StatusOK || body != strconv.Itoa(size) {
		t.Fatalf("%d %s", answer.StatusCode, body)
	}
}
