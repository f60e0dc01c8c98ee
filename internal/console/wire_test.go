package console

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/harness"
	"cindergate/internal/transcript"
	"cindergate/internal/wire"
)

// newWireRig is a rig with a record of requests.
func newWireRig(t *testing.T, change ...func(*Options)) (*rig, *wire.Recorder) {
	t.Helper()
	recorder := wire.NewRecorder(nil)
	with := func(o *Options) { o.Wire = recorder }
	return openRig(t, harness.Options{Now: start, Inspector: recorder}, append([]func(*Options){with}, change...)...), recorder
}

// send sends a request to the gateway, and returns the answer.
func (r *rig) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	q := httptest.NewRequest(method, path, strings.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.env.ServeHTTP(w, q)
	return w
}

// shownOfWire is everything that the console shows and saves of all requests.
func (b *browser) shownOfWire(recorder *wire.Recorder) map[string]string {
	b.t.Helper()
	all := map[string]string{}
	for _, path := range []string{"/ui/wire", "/ui/wire.har", "/ui/wire.jsonl", "/ui/api/wire"} {
		all[path] = b.get(path)
	}
	for _, x := range recorder.Find(wire.Filter{}) {
		for _, path := range []string{"/ui/wire/" + x.ID, "/ui/wire/" + x.ID + "/curl", "/ui/api/wire/" + x.ID} {
			all[path] = b.get(path)
		}
	}
	all["events"] = b.firstEvent("/ui/api/events?page=wire")
	return all
}

// firstEvent returns the first event of a stream.
func (b *browser) firstEvent(path string) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	must(b.t, err)
	answer, err := b.client.Do(r)
	must(b.t, err)
	defer answer.Body.Close()
	text := ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text += lines.Text() + "\n"; strings.HasPrefix(lines.Text(), "data: ") {
			return text
		}
	}
	b.t.Fatalf("%s: %d without an event: %s", path, answer.StatusCode, text)
	return ""
}

// No secret that a client or the gateway sends is shown or saved, in whatever form.
func TestWireHasNoSecrets(t *testing.T) {
	r, recorder := newWireRig(t)
	b := r.login("admin")
	volume := b.volume("photos")
	backup := b.backUp(volume, url.Values{"name": {"first"}})
	session := b.session()
	token, base := string(session.caller.Token), "/v3/"+session.caller.ProjectID
	secrets := map[string]string{"token": token, "password of users": harness.Password}
	secret := func(name string) string {
		word := "hush+" + strings.ReplaceAll(name, " ", "/") + "=hush"
		secrets[name] = word
		return word
	}
	as := func(headers ...string) []string { return append([]string{"X-Auth-Token", token}, headers...) }

	// What clients send in headers, queries and paths.
	r.send(http.MethodGet, base+"/volumes?"+url.Values{
		"X-Amz-Signature": {secret("presigned signature")}, "X-Amz-Credential": {secret("presigned credential")}, "temp_url_sig": {secret("temp url")}, "token": {secret("query token")},
		"metadata": {"{'k': '" + secret("metadata filter") + "'}"},
	}.Encode(), "", as("Cookie", secret("cookie"), "Authorization", secret("authorization"), "X-Service-Token", secret("service token"), "X-Subject-Token", secret("subject token"),
		"X-Amz-Server-Side-Encryption-Customer-Key", secret("sse-c key"), "X-Amz-Security-Token", secret("session token"), "X-Storage-Token", secret("storage token"), "Referer", "https://x/?"+secret("referer"))...)
	r.send(http.MethodGet, base+"/volumes", "", "X-Auth-Token", secret("wrong token"))
	pathToken := strings.Repeat("hushhush", 8)
	secrets["token in a path"] = pathToken
	r.send(http.MethodGet, "/identity/v2.0/tokens/"+pathToken, "", as()...)
	r.send(http.MethodGet, base+"/volumes/"+pathToken, "", as()...)
	// What they send in bodies, in good and in bad ones, whose values errors repeat.
	login := func(identity string) string { return `{"auth": {"identity": ` + identity + `, "scope": "unscoped"}}` }
	answer := r.send(http.MethodPost, "/identity/v3/auth/tokens", login(`{"methods": ["password"], "password": {"user": {"name": "demo", "domain": {"id": "default"}, "password": "`+harness.Password+`"}}}`))
	if secrets["answered token"] = answer.Header().Get("X-Subject-Token"); secrets["answered token"] == "" {
		t.Fatalf("no token: %d %s", answer.Code, answer.Body)
	}
	r.send(http.MethodPost, "/identity/v3/auth/tokens", login(`{"methods": ["password"], "password": {"user": {"name": "demo", "domain": {"id": "default"}, "password": "`+secret("wrong password")+`"}}}`))
	r.send(http.MethodPost, "/identity/v3/auth/tokens", login(`{"methods": ["application_credential"], "application_credential": {"id": "x", "secret": "`+secret("application credential")+`"}}`))
	r.send(http.MethodPost, "/identity/v3/users/u/application_credentials", `{"application_credential": {"name": "n", "secret": "`+secret("new application credential")+`"}}`, as()...)
	r.send(http.MethodPost, base+"/volumes", `{"volume": {"size": 1, "name": "n", "metadata": {"password": "`+secret("metadata")+`"}, "admin_pass": "`+secret("admin_pass")+`"}}`, as()...)
	r.send(http.MethodPost, base+"/volumes", `{"volume": "`+secret("volume")+`"}`, as()...)
	r.send(http.MethodPost, base+"/backups", `{"backup": {"volume_id": "`+secret("volume_id")+`"}, "auth_key": "`+secret("misplaced")+`"}`, as()...)
	delete(secrets, "volume_id") // an id that is none is no secret; it must not break anything
	r.send(http.MethodPost, base+"/volumes/"+volume+"/action", `{"os-initialize_connection": {"connector": {"host": "`+secret("connector host")+`", "initiator": "`+secret("initiator")+`"}}}`, as()...)
	r.send(http.MethodPost, base+"/attachments", `{"attachment": {"volume_uuid": "`+volume+`", "instance_uuid": "`+volume+`", "connector": {"name": "`+secret("connector name")+`"}}}`, as("Openstack-Api-Version", "volume 3.54")...)
	r.send(http.MethodPut, base+"/attachments/"+volume, `{"attachment": {"connection_info": {"auth_password": "`+secret("chap password")+`", "id": "`+secret("connection id")+`"}}}`, as("Openstack-Api-Version", "volume 3.54")...)
	r.send(http.MethodPost, base+"/backups/"+backup+"/import_record", `{"backup-record": {"backup_service": "x", "backup_url": "`+secret("backup_url")+`"}}`, as()...)
	r.send(http.MethodPost, base+"/backups/import_record", `{"backup-record": {"backup_service": 1, "backup_url": "`+secret("bad backup_url")+`"}}`, as()...)
	r.send(http.MethodPost, base+"/os-volume-transfer/"+volume+"/accept", `{"accept": {"auth_key": "`+secret("auth_key")+`"}}`, as()...)
	r.send(http.MethodPost, base+"/os-volume-transfer/"+volume+"/accept", `{"accept": "`+secret("bad auth_key")+`"}`, as()...)
	// What the gateway answers.
	var made struct {
		Transfer struct {
			AuthKey string `json:"auth_key"`
		}
		Record struct {
			URL string `json:"backup_url"`
		} `json:"backup-record"`
	}
	transfer := r.send(http.MethodPost, base+"/os-volume-transfer", `{"transfer": {"volume_id": "`+b.volume("given")+`"}}`, as()...)
	record := r.send(http.MethodGet, base+"/backups/"+backup+"/export_record", "", as()...)
	for _, w := range []*httptest.ResponseRecorder{transfer, record} {
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code >= 300 {
			t.Fatalf("%d %s %v", w.Code, w.Body, err)
		}
	}
	secrets["answered auth_key"], secrets["exported record"] = made.Transfer.AuthKey, made.Record.URL

	all := b.shownOfWire(recorder)
	if n := recorder.Seq(); n < 20 || len(all) < 60 {
		t.Fatalf("only %d requests are recorded, and %d texts are looked at", n, len(all))
	}
	forms := func(word string) []string {
		quoted, err := json.Marshal(word)
		must(t, err)
		return []string{word, url.QueryEscape(word), url.PathEscape(word), html.EscapeString(word), strings.Trim(string(quoted), `"`),
			base64.StdEncoding.EncodeToString([]byte(word)), strings.ReplaceAll(word, "+", "&#43;")}
	}
	for name, word := range secrets {
		if len(word) < 7 {
			t.Fatalf("%s: %q is too short to be looked for", name, word)
		}
		for where, text := range all {
			for _, form := range forms(word) {
				if strings.Contains(text, form) {
					t.Errorf("%s has the %s %q", where, name, form)
				}
			}
		}
	}
}

// An admin sees what a request was, what became of it, and why.
func TestWirePages(t *testing.T) {
	r, recorder := newWireRig(t)
	b := r.login("admin")
	member := r.login("demo")
	const none = "5d0c9a52-5d0c-4d0c-8d0c-5d0c9a525d0c"
	s := member.session()
	answer := r.send(http.MethodGet, "/v3/"+s.caller.ProjectID+"/backups/"+none, "", "X-Auth-Token", string(s.caller.Token), "Openstack-Api-Version", "volume 3.43")
	id := answer.Header().Get("X-Openstack-Request-Id")
	page := b.get("/ui/wire")
	for _, want := range []string{"/ui/wire/" + id, "ShowBackup", "NotFound", `aria-current="page">Wire`, "/ui/api/events?page=wire"} {
		if !strings.Contains(page, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	page = b.get("/ui/wire/" + id)
	for _, want := range []string{"NotFound is 404 <code>itemNotFound</code>, from <code>cinder/exception.py NotFound</code>", "/v3/:project_id/backups/:id", "could not be found", "$OS_TOKEN", "(removed)", "The gateway sent no request for it."} {
		if !strings.Contains(page, want) {
			t.Errorf("the exchange lacks %q:\n%s", want, page)
		}
	}
	if text := b.get("/ui/wire/" + id + "/curl"); !strings.HasPrefix(text, `curl -i -H "X-Auth-Token: $OS_TOKEN"`) || !strings.Contains(text, none) || b.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%s", text)
	}
	for query, found := range map[string]bool{
		"": true, "status=404": true, "status=4xx": true, "status=200": false, "route=backups": true, "route=showbackup": true, "route=volumes": false,
		"id=" + id: true, "id=req-x": false, "project=" + s.caller.ProjectID: true, "project=x": false, "status=404&project=x": false,
	} {
		if got := strings.Contains(b.get("/ui/wire?"+query), "/ui/wire/"+id); got != found {
			t.Errorf("%s: %v", query, got)
		}
	}
	if b.do(http.MethodGet, "/ui/wire?status=44", nil); b.status != http.StatusBadRequest || !strings.Contains(b.page, "The field status must be") {
		t.Errorf("a status that is none: %d", b.status)
	}
	if b.do(http.MethodGet, "/ui/wire/req-x", nil); b.status != http.StatusNotFound {
		t.Errorf("a request that is not recorded: %d", b.status)
	}
	if b.get("/ui/wire.har?id=" + id); !strings.Contains(b.page, id) || !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%s", b.page)
	}
	var x transcript.Exchange
	must(t, json.Unmarshal([]byte(b.get("/ui/wire.jsonl?id="+id)), &x))
	if x.Resp.Status != http.StatusNotFound || *x.Req.Microversion != "3.43" || *x.Role != "member" {
		t.Errorf("%+v", x)
	}
	// An admin who looks at one project sees its requests only.
	b.get("/ui/wire")
	b.post("/ui/scope", url.Values{"projects": {"one"}, "page": {"/ui/wire"}})
	if strings.Contains(b.get("/ui/wire?project="+s.caller.ProjectID), "/ui/wire/"+id) {
		t.Error("another project's request is shown")
	}
	// The pages themselves add nothing that they show.
	before := recorder.Seq()
	for _, path := range []string{"/ui/", "/ui/volumes", "/ui/backups"} {
		b.get(path)
	}
	for _, x := range recorder.Find(wire.Filter{}) {
		if x.Seq > before && !strings.HasPrefix(x.Path, "/identity/") { // of this rig, which asks over HTTP whose a token is
			t.Errorf("%s %s is recorded", x.Method, x.Path)
		}
	}
}

// Nobody but an admin sees requests, and nobody where they are not recorded, or where nobody is an admin.
func TestWireRights(t *testing.T) {
	paths := []string{"/ui/wire", "/ui/wire/req-x", "/ui/wire/req-x/curl", "/ui/wire.har", "/ui/wire.jsonl", "/ui/api/wire", "/ui/api/wire/req-x"}
	check := func(b *browser, want int) {
		t.Helper()
		for _, path := range paths {
			if b.do(http.MethodGet, path, nil); b.status != want {
				t.Errorf("%s: %d, want %d", path, b.status, want)
			}
		}
		if b.get("/ui/"); strings.Contains(b.page, "/ui/wire") {
			t.Error("the menu has the page")
		}
	}
	with, _ := newWireRig(t)
	for _, user := range []string{"demo", "demo-reader", "alt"} {
		check(with.login(user), http.StatusForbidden)
	}
	tenant, _ := newWireRig(t, func(o *Options) { o.Mode = Tenant })
	check(tenant.login("admin"), http.StatusForbidden)
	check(newRig(t).login("admin"), http.StatusNotFound)
	b := with.browser()
	for _, path := range paths {
		if b.do(http.MethodGet, path, nil); !strings.HasPrefix(b.at, "/ui/login") && b.status != http.StatusUnauthorized {
			t.Errorf("%s without a session: %d at %s", path, b.status, b.at)
		}
	}
}

// Who is no admin any more, or has no valid token any more, sees no more requests, although these pages ask
// the gateway for nothing.
func TestWireAsksAgainWhoItIs(t *testing.T) {
	var now func() (driver.Caller, error)
	r, _ := newWireRig(t)
	b := r.login("admin")
	b.get("/ui/wire")
	caller := b.session().caller
	r.c.o.Caller = func(context.Context, string) (driver.Caller, error) { return now() }
	for _, x := range []struct {
		role driver.Role
		err  error
		want int
	}{
		{driver.Member, nil, http.StatusForbidden}, {driver.Admin, driver.Errorf(driver.Unavailable, "Keystone is away."), http.StatusBadGateway},
		{driver.Admin, nil, http.StatusOK}, {driver.Admin, driver.Errorf(driver.Unauthorized, "no"), http.StatusUnauthorized},
	} {
		caller.Role = x.role
		now = func() (driver.Caller, error) { return caller, x.err }
		if b.do(http.MethodGet, "/ui/api/wire", nil); b.status != x.want {
			t.Errorf("%+v: %d %s", x, b.status, b.page)
		}
	}
}

// An event tells of a new request.
func TestWireEvents(t *testing.T) {
	waits, change := telling()
	r, recorder := newWireRig(t, change)
	b := r.login("admin")
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/ui/api/events?page=wire", nil)
	must(t, err)
	answer, err := b.client.Do(q)
	must(t, err)
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	next := func() string {
		for {
			line, err := lines.ReadString('\n')
			must(t, err)
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				return strings.TrimSpace(data)
			}
		}
	}
	first := next()
	before := recorder.Seq()
	r.send(http.MethodGet, "/v3/abc/volumes", "")
	if recorder.Seq() == before {
		t.Fatal("the request is not recorded")
	}
	<-waits
	must(t, r.env.Clock.Advance(t.Context(), 2*time.Second))
	if second := next(); second == first {
		t.Errorf("%s twice", first)
	}
}
