package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/harness"
)

// rig is a console in front of a whole gateway with the embedded backend.
type rig struct {
	t   *testing.T
	env *harness.Environment
	o   Options
	c   *Console
	url string
}

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	return openRig(t, harness.Options{Now: start}, change...)
}

func openRig(t *testing.T, cloud harness.Options, change ...func(*Options)) *rig {
	t.Helper()
	env, err := harness.Open(context.WithoutCancel(t.Context()), cloud)
	must(t, err)
	r := &rig{t: t, env: env}
	t.Cleanup(func() { must(t, env.Close()) })
	r.o = Options{API: env, IdentityURL: "http://console.invalid/identity/v3", Mode: All, Clock: env.Clock, Caller: r.caller}
	r.start(change...)
	return r
}

// start serves a console with the options of the rig.
func (r *rig) start(change ...func(*Options)) {
	r.t.Helper()
	for _, f := range change {
		f(&r.o)
	}
	var err error
	r.c, err = New(r.o)
	must(r.t, err)
	r.serve(r.c)
	r.t.Cleanup(r.c.Stop) // before the server is closed, for that waits for streams
}

// serve serves a handler until the end of the test.
func (r *rig) serve(handler http.Handler) {
	server := httptest.NewServer(handler)
	r.url = server.URL
	r.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// caller asks the identity service whose a token is, as the gateway does.
func (r *rig) caller(ctx context.Context, token string) (driver.Caller, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://console.invalid/identity/v3/auth/tokens", nil)
	if err != nil {
		return driver.Caller{}, err
	}
	q.Header.Set("X-Auth-Token", token)
	q.Header.Set("X-Subject-Token", token)
	w := httptest.NewRecorder()
	r.env.ServeHTTP(w, q)
	var doc struct {
		Token struct {
			User    struct{ ID string }
			Project struct{ ID string }
			Roles   []struct{ Name string }
		}
	}
	if w.Code != http.StatusOK {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "The request you have made requires authentication.")
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		return driver.Caller{}, err
	}
	caller := driver.Caller{UserID: doc.Token.User.ID, ProjectID: doc.Token.Project.ID}
	for _, role := range doc.Token.Roles {
		caller.Role = max(caller.Role, map[string]driver.Role{"reader": driver.Reader, "member": driver.Member, "admin": driver.Admin}[role.Name])
	}
	return caller, nil
}

// browser is a browser without JavaScript.
type browser struct {
	*rig
	client *http.Client
	status int
	header http.Header
	at     string // path of the page, after redirects
	page   string
	form   string // token of forms of the last page
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(r.t, err)
	return &browser{rig: r, client: &http.Client{Jar: jar}}
}

// login returns a browser that has logged in.
func (r *rig) login(user string) *browser {
	r.t.Helper()
	b := r.browser()
	project := map[string]string{"demo-reader": "demo"}[user]
	if project == "" {
		project = user
	}
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {user}, "password": {harness.Password}, "project": {project}})
	if b.status != http.StatusOK || b.at != "/ui/" {
		r.t.Fatalf("login of %s: %d at %s\n%s", user, b.status, b.at, b.page)
	}
	return b
}

var formToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

func (b *browser) do(method, path string, body io.Reader, headers ...string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	must(b.t, err)
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := b.client.Do(r)
	must(b.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(b.t, err)
	b.status, b.header, b.at, b.page = answer.StatusCode, answer.Header, answer.Request.URL.RequestURI(), string(text)
	if m := formToken.FindStringSubmatch(b.page); m != nil {
		b.form = m[1]
	}
}

// get opens a page, which must be there.
func (b *browser) get(path string) string {
	b.t.Helper()
	b.do(http.MethodGet, path, nil)
	if b.status != http.StatusOK {
		b.t.Fatalf("%s: %d\n%s", path, b.status, b.page)
	}
	return b.page
}

// post sends a form of the last page, and follows to the page after it.
func (b *browser) post(path string, form url.Values, headers ...string) {
	b.t.Helper()
	if form.Get("form") == "" && b.form != "" {
		form.Set("form", b.form)
	}
	b.do(http.MethodPost, path, strings.NewReader(form.Encode()), headers...)
}

// api sends a request to the Block Storage API with the token of the browser's session.
func (b *browser) api(method, path string, body, into any) {
	b.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		must(b.t, err)
		content = bytes.NewReader(text)
	}
	s := b.session()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://console.invalid/v3/"+s.caller.ProjectID+path, content)
	must(b.t, err)
	r.Header.Set("X-Auth-Token", string(s.caller.Token))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("OpenStack-API-Version", "volume 3.70")
	w := httptest.NewRecorder()
	b.env.ServeHTTP(w, r)
	if w.Code >= http.StatusBadRequest {
		b.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	if into != nil {
		must(b.t, json.Unmarshal(w.Body.Bytes(), into))
	}
}

// session is the browser's.
func (b *browser) session() *session {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/ui/", nil)
	at, err := url.Parse(b.url + "/ui/")
	must(b.t, err)
	for _, cookie := range b.client.Jar.Cookies(at) {
		r.AddCookie(cookie)
	}
	s, err := b.c.sessions.find(r)
	must(b.t, err)
	if s == nil {
		b.t.Fatal("the browser has no session")
	}
	return s
}

// volume makes a volume, and returns its id.
func (b *browser) volume(name string) string {
	b.t.Helper()
	var made struct{ Volume struct{ ID string } }
	b.api(http.MethodPost, "/volumes", map[string]any{"volume": map[string]any{"size": 1, "name": name}}, &made)
	b.settle()
	return made.Volume.ID
}

// backUp makes a backup by the page of the volume, and returns its id.
func (b *browser) backUp(volume string, form url.Values) string {
	b.t.Helper()
	must(b.t, b.env.Clock.Advance(b.t.Context(), time.Second))
	b.get("/ui/volumes/" + volume)
	b.post("/ui/volumes/"+volume+"/backup", form)
	if !strings.Contains(b.page, "The backup has begun.") {
		b.t.Fatalf("no backup has begun:\n%s", b.page)
	}
	b.settle()
	var found struct{ Backups []struct{ ID string } }
	b.api(http.MethodGet, "/backups?limit=1", nil, &found)
	return found.Backups[0].ID
}

// settle waits until all accepted work is done.
func (r *rig) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	must(r.t, r.env.Clock.Work.Quiet(ctx))
}
