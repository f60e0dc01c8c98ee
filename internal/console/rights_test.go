package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A tenant never sees anything of another project, and changes nothing there.
func TestRights(t *testing.T) {
	r := newRig(t)
	demo, alt := r.login("demo"), r.login("alt")
	v := demo.volume("only-of-demo")
	id := demo.backUp(v, url.Values{"name": {"kept-by-demo"}})
	for _, path := range append(allPages(v), "/ui/backups/delete?id="+id, "/ui/backups?volume_id="+v, "/ui/volumes?name=only-of-demo",
		"/ui/api/overview", "/ui/api/volumes", "/ui/api/backups", "/ui/backups/"+id+"/record") {
		alt.do(http.MethodGet, path, nil)
		for _, secret := range []string{"only-of-demo", "kept-by-demo"} {
			if strings.Contains(strings.ReplaceAll(alt.page, `value="only-of-demo"`, ""), secret) {
				t.Errorf("%s shows %s to another project", path, secret)
			}
		}
	}
	alt.get("/ui/")
	for path, form := range map[string]url.Values{
		"/ui/backups/delete":           {"id": {id}},
		"/ui/backups/restore":          {"id": {id}, "to": {"new"}, "name": {"stolen"}},
		"/ui/volumes/" + v + "/backup": {"name": {"stolen"}},
		"/ui/volumes/" + v + "/policy": {"policy": {"daily 02:30"}},
		"/ui/services/drain":           {"host": {"harness"}, "binary": {"cinder-volume"}, "reason": {"stolen"}},
	} {
		alt.post(path, form)
		if strings.Contains(alt.page, `flash good`) {
			t.Errorf("%s: %d\n%s", path, alt.status, alt.page)
		}
	}
	demo.settle()
	if page := demo.get("/ui/backups"); !strings.Contains(page, "kept-by-demo") || strings.Contains(page, "stolen") {
		t.Error("another project has changed something")
	}
}

// A reader reads. What it may not do is not offered, and refused by the API in its own words.
func TestReader(t *testing.T) {
	r := newRig(t)
	demo, reader := r.login("demo"), r.login("demo-reader")
	v := demo.volume("photos")
	demo.backUp(v, url.Values{"name": {"monday"}})
	page := reader.get("/ui/volumes/" + v)
	if !strings.Contains(page, "monday") || strings.Contains(page, "/backup\"") || strings.Contains(page, "/ui/backups/delete") {
		t.Errorf("the page of a reader:\n%s", page)
	}
	reader.post("/ui/volumes/"+v+"/backup", url.Values{"name": {"mine"}})
	if !strings.Contains(reader.page, "Policy doesn&#39;t allow backup:create to be performed.") {
		t.Errorf("a reader backs up: %d\n%s", reader.status, reader.page)
	}
}

// An admin sees all projects or one, unless the console is for tenants. It may be for admins only.
func TestModes(t *testing.T) {
	r := newRig(t)
	r.login("demo").volume("of-demo")
	admin := r.login("admin")
	if !strings.Contains(admin.get("/ui/volumes"), "of-demo") {
		t.Error("an admin does not see all projects")
	}
	admin.post("/ui/scope", url.Values{"projects": {"one"}, "page": {"/ui/volumes"}})
	if admin.at != "/ui/volumes" || strings.Contains(admin.page, "of-demo") {
		t.Errorf("at %s an admin who looks at one project sees others", admin.at)
	}
	admin.post("/ui/scope", url.Values{"projects": {"all"}, "page": {"/ui/volumes"}})
	if !strings.Contains(admin.page, "of-demo") {
		t.Error("an admin does not see all projects again")
	}
	r.c.o.Mode = Tenant
	if strings.Contains(admin.get("/ui/volumes"), "of-demo") {
		t.Error("an admin sees all projects in the console of tenants")
	}
	if admin.do(http.MethodGet, "/ui/services", nil); admin.status != http.StatusForbidden {
		t.Errorf("services in the console of tenants: %d", admin.status)
	}
	r.c.o.Mode = Admin
	b := r.browser()
	b.post("/ui/login", url.Values{"way": {"password"}, "user": {"demo"}, "password": {"harness"}, "project": {"demo"}})
	if b.status != http.StatusForbidden || !strings.Contains(b.page, "Only admins") {
		t.Errorf("a member logs in to the console of admins: %d", b.status)
	}
	r.login("admin")
}

// Another site can neither send a form nor log a browser in.
func TestForeignForms(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	v := b.volume("photos")
	b.get("/ui/volumes/" + v)
	for name, headers := range map[string][]string{
		"cross-site":   {"Sec-Fetch-Site", "cross-site"},
		"same-site":    {"Sec-Fetch-Site", "same-site"},
		"other origin": {"Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/ui/volumes/" + v + "/backup", "/ui/logout", "/ui/login"} {
			b.do(http.MethodPost, path, strings.NewReader(url.Values{"form": {b.form}}.Encode()), headers...)
			if b.status != http.StatusForbidden || !strings.Contains(b.page, "from another site") {
				t.Errorf("%s, %s: %d", name, path, b.status)
			}
		}
	}
	other := r.login("demo")
	other.get("/ui/volumes/" + v)
	for name, token := range map[string]string{"none": "", "another session's": other.form, "wrong": "x"} {
		b.do(http.MethodPost, "/ui/volumes/"+v+"/backup", strings.NewReader(url.Values{"form": {token}}.Encode()))
		if b.status != http.StatusForbidden || !strings.Contains(b.page, "not made for this session") {
			t.Errorf("the token %s: %d", name, b.status)
		}
	}
	b.do(http.MethodGet, "/ui/volumes/"+v+"/backup?form="+b.form, nil)
	if b.settle(); strings.Contains(b.get("/ui/backups"), "available</span>") {
		t.Error("a backup was made")
	}
	b.do(http.MethodPost, "/ui/volumes/"+v+"/backup", strings.NewReader("form="+b.form+"&name="+strings.Repeat("a", maxForm)))
	if b.status != http.StatusBadRequest {
		t.Errorf("a form that is too long: %d", b.status)
	}
}
