package identity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"cindergate/driver"
)

// shelf is a Store in memory.
type shelf struct {
	projects map[string]Project
	users    map[string]Account
	grants   map[Grant]bool
	broken   error
	*memoryTokens
}

func newShelf() *shelf {
	return &shelf{map[string]Project{}, map[string]Account{}, map[Grant]bool{}, nil, newMemoryTokens(TokenLimits{1000, 1000})}
}

func (f *shelf) At(string) Changes                          { return f }
func (f *shelf) Shared() bool                               { return false }
func (f *shelf) Load(context.Context) (Accounts, error)     { return f.all(), f.broken }
func (f *shelf) Versions(context.Context) (Versions, error) { return Versions{}, f.broken }
func (f *shelf) LoginsRefused(context.Context, time.Time, ...LoginKey) (time.Duration, error) {
	return 0, f.broken
}
func (f *shelf) LoginFailed(context.Context, time.Time, ...LoginKey) error { return f.broken }

func (f *shelf) SaveToken(ctx context.Context, t *Token, _ TokenLimits) ([]TokenHash, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	return nil, f.issue(ctx, t)
}

func (f *shelf) Token(ctx context.Context, hash TokenHash) (*Token, error) {
	t, _ := f.find(ctx, hash, time.Time{}) // it never fails
	return t, f.broken
}

func (f *shelf) DeleteToken(ctx context.Context, hash TokenHash) error {
	return errors.Join(f.broken, f.revoke(ctx, hash))
}

func (f *shelf) SaveProject(_ context.Context, p Project) error {
	if f.broken == nil {
		f.projects[p.ID] = p
	}
	return f.broken
}

func (f *shelf) DeleteProject(_ context.Context, id string) error {
	delete(f.projects, id)
	maps.DeleteFunc(f.grants, func(g Grant, _ bool) bool { return g.ProjectID == id })
	return f.broken
}

func (f *shelf) SaveUser(_ context.Context, u Account) error {
	if f.broken == nil {
		f.users[u.ID] = u
	}
	return f.broken
}

func (f *shelf) DeleteUser(_ context.Context, id string) error {
	delete(f.users, id)
	maps.DeleteFunc(f.grants, func(g Grant, _ bool) bool { return g.UserID == id })
	return f.broken
}

func (f *shelf) SaveGrant(_ context.Context, g Grant) error   { f.grants[g] = true; return f.broken }
func (f *shelf) DeleteGrant(_ context.Context, g Grant) error { delete(f.grants, g); return f.broken }

func (f *shelf) all() Accounts {
	return Accounts{
		"", slices.Collect(maps.Values(f.projects)), slices.Collect(maps.Values(f.users)), slices.Collect(maps.Keys(f.grants)),
	}
}

// admin is a cloud that keeps accounts, and an admin's token.
func admin(t *testing.T) (c *cloud, store *shelf, token string) {
	t.Helper()
	store = newShelf()
	c = newCloud(t, func(o *Options) { o.Store = store })
	return c, store, c.mustLogin(password("alice", "wonder"), in("blue"))
}

// ok sends a request that must succeed with the status, and returns the resource.
func (c *cloud) ok(want int, method, path, token string, body any) object {
	c.t.Helper()
	answer, got := c.call(method, path, token, "", body)
	if answer.StatusCode != want {
		c.t.Fatalf("%s %s: got %d, want %d: %v", method, path, answer.StatusCode, want, got)
	}
	for _, resource := range got {
		if o, ok := resource.(object); ok {
			return o
		}
	}
	return nil
}

func grantPath(user, project, role string) string {
	return "/v3/projects/" + project + "/users/" + user + "/roles/" + ID("role", role)
}

// member makes a project and a user with a role there.
func (c *cloud) member(admin, name, role string) (user, project string) {
	c.t.Helper()
	project = c.ok(201, "POST", "/v3/projects", admin, object{"project": object{"name": name}})["id"].(string)
	user = c.ok(201, "POST", "/v3/users", admin, object{"user": object{"name": name, "password": "pw of " + name}})["id"].(string)
	c.ok(204, "PUT", grantPath(user, project, role), admin, nil)
	return user, project
}

// An admin makes a project and a user with a role in it, who can then work there, also
// after a restart.
func TestMadeAccounts(t *testing.T) {
	c, store, token := admin(t)
	p := c.ok(201, "POST", "/v3/projects", token, object{"project": object{
		"name": "Team X", "description": "d", "domain_id": "default", "tags": []string{"a", "b"}, "cost_center": 7}})
	if len(p["id"].(string)) != 32 || strings.Trim(p["id"].(string), "0123456789abcdef") != "" || p["enabled"] != true ||
		p["cost_center"] != 7.0 || fmt.Sprint(p["tags"]) != "[a b]" || p["description"] != "d" {
		t.Errorf("got %v", p)
	}
	u := c.ok(201, "POST", "/v3/users", token, object{"user": object{
		"name": "zoe", "password": "secret", "email": "zoe@example.com", "default_project_id": p["id"]}})
	if u["email"] != "zoe@example.com" || u["password"] != nil || u["default_project_id"] != p["id"] {
		t.Errorf("got %v", u)
	}
	user, project := u["id"].(string), p["id"].(string)
	if status, _, _ := c.login(password("zoe", "secret"), in("Team X")); status != 401 {
		t.Errorf("without a role: %d", status)
	}
	c.ok(204, "PUT", grantPath(user, project, "member"), token, nil)
	c.ok(204, "HEAD", grantPath(user, project, "member"), token, nil)
	for range 2 { // the second is after a restart
		caller := c.caller(c.mustLogin(password("zoe", "secret"), in("Team X")))
		if caller.ProjectID != project || caller.UserID != user || caller.Role != driver.Member {
			t.Errorf("got %+v", caller)
		}
		if _, _, said := c.login(password("zoe", "secret"), nil); said["project"].(object)["id"] != project {
			t.Errorf("the default project is not taken: %v", said)
		}
		if status, _, said := c.login(password("zoe", "secret"), "unscoped"); status != 201 || said["project"] != nil {
			t.Errorf("unscoped: %v", said)
		}
		made := store.all()
		c = newCloud(t, func(o *Options) { o.Store, o.Made = store, made })
	}
}

// What ends a user's standing ends its tokens.
func TestTokensEndWithTheirGrounds(t *testing.T) {
	for what, end := range map[string]func(c *cloud, admin, user, project string){
		"another password": func(c *cloud, admin, user, _ string) {
			c.ok(200, "PATCH", "/v3/users/"+user, admin, object{"user": object{"password": "other"}})
		},
		"disabled and enabled again": func(c *cloud, admin, user, _ string) {
			c.ok(200, "PATCH", "/v3/users/"+user, admin, object{"user": object{"enabled": false}})
			c.ok(200, "PATCH", "/v3/users/"+user, admin, object{"user": object{"enabled": true}})
		},
		"user deleted":    func(c *cloud, admin, user, _ string) { c.ok(204, "DELETE", "/v3/users/"+user, admin, nil) },
		"project deleted": func(c *cloud, admin, _, project string) { c.ok(204, "DELETE", "/v3/projects/"+project, admin, nil) },
		"project disabled": func(c *cloud, admin, _, project string) {
			c.ok(200, "PATCH", "/v3/projects/"+project, admin, object{"project": object{"enabled": false}})
		},
		"role taken away": func(c *cloud, admin, user, project string) {
			c.ok(204, "DELETE", grantPath(user, project, "member"), admin, nil)
		},
	} {
		c, _, token := admin(t)
		user, project := c.member(token, "zoe", "member")
		zoe := c.mustLogin(password("zoe", "pw of zoe"), in("zoe"))
		if c.caller(zoe).Role != driver.Member {
			t.Fatalf("%s: it is no member before", what)
		}
		end(c, token, user, project)
		if caller := c.caller(zoe); caller.UserID != "" {
			t.Errorf("%s: still %+v", what, caller)
		}
		if status, _, _ := c.login(byToken(zoe), in("zoe")); status != 401 {
			t.Errorf("%s: the token was exchanged: %d", what, status)
		}
		if answer, _ := c.call(http.MethodGet, "/v3/auth/tokens", token, zoe, nil); answer.StatusCode != 404 {
			t.Errorf("%s: the token is valid: %d", what, answer.StatusCode)
		}
	}
	c, _, token := admin(t)
	user, project := c.member(token, "zoe", "member")
	zoe := c.mustLogin(password("zoe", "pw of zoe"), in("zoe"))
	c.ok(204, "PUT", grantPath(user, project, "reader"), token, nil)
	c.ok(204, "DELETE", grantPath(user, project, "member"), token, nil)
	c.ok(200, "PATCH", "/v3/projects/"+project, token, object{"project": object{"name": "renamed"}})
	if caller := c.caller(zoe); caller.Role != driver.Reader {
		t.Errorf("with less of a role: %+v", caller)
	}
	c.ok(200, "PATCH", "/v3/users/"+user, token, object{"user": object{"enabled": false}})
	if status, _, _ := c.login(password("zoe", "pw of zoe"), nil); status != 401 {
		t.Errorf("a disabled user logs in: %d", status)
	}
}

// Users change their own password, knowing the old one.
func TestOwnPassword(t *testing.T) {
	c, _, token := admin(t)
	user, _ := c.member(token, "zoe", "member")
	zoe := c.mustLogin(password("zoe", "pw of zoe"), in("zoe"))
	change := func(want int, caller, id, old, changed string) {
		t.Helper()
		c.ok(want, "POST", "/v3/users/"+id+"/password", caller, object{"user": object{"original_password": old, "password": changed}})
	}
	change(401, zoe, user, "wrong", "new")
	change(403, token, user, "pw of zoe", "new")
	change(403, token, ID("user", "alice"), "wonder", "new") // of the configuration
	change(400, zoe, user, "pw of zoe", "")
	change(204, zoe, user, "pw of zoe", "new")
	if c.caller(zoe).UserID != "" {
		t.Error("the old token is still valid")
	}
	c.mustLogin(password("zoe", "new"), in("zoe"))
}

// Names are unique without regard to case, also with what the configuration has.
func TestNamesAreUnique(t *testing.T) {
	c, _, token := admin(t)
	user, project := c.member(token, "zoe", "member")
	other, second := c.member(token, "yan", "member")
	for _, x := range []struct {
		method, path string
		body         object
	}{
		{"POST", "/v3/projects", object{"project": object{"name": "zoe"}}},
		{"POST", "/v3/projects", object{"project": object{"name": "ZOE"}}},
		{"POST", "/v3/projects", object{"project": object{"name": "Red"}}},
		{"PATCH", "/v3/projects/" + second, object{"project": object{"name": "zoe"}}},
		{"POST", "/v3/users", object{"user": object{"name": "zoe"}}},
		{"POST", "/v3/users", object{"user": object{"name": "Alice"}}},
		{"PATCH", "/v3/users/" + other, object{"user": object{"name": "Zoe"}}},
	} {
		c.ok(409, x.method, x.path, token, x.body)
	}
	c.ok(200, "PATCH", "/v3/users/"+user, token, object{"user": object{"name": "Zoe"}})
	c.ok(200, "PATCH", "/v3/projects/"+project, token, object{"project": object{"name": "ZOE", "id": project}})
}

// Requests that cannot be served say why, and change nothing.
func TestRefusedChanges(t *testing.T) {
	c, store, token := admin(t)
	user, project := c.member(token, "zoe", "member")
	red, bob := ID("project", "red"), ID("user", "bob")
	member := c.mustLogin(password("alice", "wonder"), in("red"))
	named := func(members object) object { members["name"] = "n"; return members }
	tags := make([]string, 81)
	for i := range tags {
		tags[i] = fmt.Sprint(i)
	}
	before := fmt.Sprint(store.projects, len(store.users), store.grants)
	for _, x := range []struct {
		status       int
		method, path string
		body         any
		says         string
	}{
		{400, "POST", "/v3/projects", nil, "'project\" is a required|\"project\" is a required"},
		{400, "POST", "/v3/projects", object{"project": 1}, "an object"},
		{400, "POST", "/v3/projects", object{"project": object{}}, "'name' is a required property"},
		{400, "POST", "/v3/projects", object{"project": object{"name": ""}}, "'name'"},
		{400, "POST", "/v3/projects", object{"project": object{"name": " "}}, "'name'"},
		{400, "POST", "/v3/projects", object{"project": object{"name": strings.Repeat("x", 65)}}, "64"},
		{400, "POST", "/v3/projects", object{"project": object{"name": 1}}, "'name'"},
		{400, "POST", "/v3/projects", object{"project": named(object{"description": 1})}, "'description'"},
		{400, "POST", "/v3/projects", object{"project": named(object{"enabled": "yes"})}, "'enabled'"},
		{400, "POST", "/v3/projects", object{"project": named(object{"tags": tags})}, "'tags'"},
		{400, "POST", "/v3/projects", object{"project": named(object{"tags": []string{"a,b"}})}, "'tags'"},
		{400, "POST", "/v3/projects", object{"project": named(object{"x": strings.Repeat("x", 9000)})}, "8192 bytes"},
		{400, "POST", "/v3/projects", object{"project": named(object{"id": "x"})}, "Cannot change project ID"},
		{400, "PATCH", "/v3/projects/" + project, object{"project": object{"id": "x"}}, "Cannot change project ID"},
		{404, "POST", "/v3/projects", object{"project": named(object{"domain_id": "other"})}, "Could not find domain: other."},
		{501, "POST", "/v3/projects", object{"project": named(object{"parent_id": red})}, "parent_id"},
		{501, "POST", "/v3/projects", object{"project": named(object{"is_domain": true})}, "is_domain"},
		{400, "POST", "/v3/users", object{"user": object{"password": "x"}}, "'name'"},
		{400, "POST", "/v3/users", object{"user": named(object{"password": ""})}, "'password'"},
		{400, "POST", "/v3/users", object{"user": named(object{"password": strings.Repeat("x", 4097)})}, "4096"},
		{403, "PATCH", "/v3/projects/" + red, object{"project": object{"description": "x"}}, "red is one of the configuration"},
		{403, "DELETE", "/v3/projects/" + red, nil, "red is one of the configuration"},
		{403, "PATCH", "/v3/users/" + bob, object{"user": object{"enabled": false}}, "bob is one of the configuration"},
		{403, "DELETE", "/v3/users/" + bob, nil, "bob is one of the configuration"},
		{403, "DELETE", grantPath(bob, red, "reader"), nil, "of the configuration"},
		{404, "DELETE", grantPath(bob, red, "admin"), nil, "role assignment"},
		{404, "GET", grantPath(bob, red, "admin"), nil, "role assignment"},
		{404, "PUT", grantPath("none", project, "admin"), nil, "Could not find user: none."},
		{404, "PUT", grantPath(user, "none", "admin"), nil, "Could not find project: none."},
		{404, "PUT", "/v3/projects/" + project + "/users/" + user + "/roles/none", nil, "Could not find role: none."},
		{404, "DELETE", "/v3/projects/none", nil, "Could not find project: none."},
		{404, "PATCH", "/v3/users/none", object{"user": object{}}, "Could not find user: none."},
		{501, "POST", "/v3/services", object{"service": object{}}, "identity.catalog"},
		{501, "POST", "/v3/groups", object{"group": object{}}, "no groups"},
		{501, "POST", "/v3/roles", object{"role": object{}}, "reader, member and admin"},
		{501, "DELETE", "/v3/domains/default", nil, "one domain"},
		{501, "PUT", "/v3/domains/default/users/" + user + "/roles/x", nil, "one domain"},
		{501, "POST", "/v3/users/" + user + "/application_credentials", nil, "identity.application_credentials"},
		{404, "POST", "/v3/nonsense", nil, "could not be found"},
	} {
		answer, got := c.call(x.method, x.path, token, "", x.body)
		says, _ := got["error"].(object)["message"].(string)
		fine := false
		for _, text := range strings.Split(x.says, "|") {
			fine = fine || strings.Contains(says, text)
		}
		if answer.StatusCode != x.status || !fine {
			t.Errorf("%s %s %.60v: got %d %s", x.method, x.path, x.body, answer.StatusCode, says)
		}
		if x.status == 404 || x.status == 501 {
			continue
		}
		if answer, _ := c.call(x.method, x.path, member, "", x.body); answer.StatusCode != 403 {
			t.Errorf("a member: %s %s: %d", x.method, x.path, answer.StatusCode)
		}
	}
	if after := fmt.Sprint(store.projects, len(store.users), store.grants); after != before {
		t.Errorf("it was %s\nand is %s", before, after)
	}
}

// A change that cannot be stored is not made.
func TestBrokenStore(t *testing.T) {
	c, store, token := admin(t)
	store.broken = errors.New("disk full at /secret")
	answer, got := c.call("POST", "/v3/projects", token, "", object{"project": object{"name": "zoe"}})
	if answer.StatusCode != 503 || strings.Contains(fmt.Sprint(got), "secret") {
		t.Errorf("got %d %v", answer.StatusCode, got)
	}
	_, got = c.call("GET", "/v3/projects?name=zoe", token, "", nil)
	if len(got["projects"].([]any)) != 0 {
		t.Error("it is there")
	}
	without := newCloud(t)
	without.ok(501, "POST", "/v3/projects", without.mustLogin(password("alice", "wonder"), in("blue")), object{"project": object{"name": "zoe"}})
}

// The configuration may name a project that was made through the API, which keeps its id.
func TestConfigurationNamesAMadeProject(t *testing.T) {
	made := Accounts{
		Projects: []Project{{ID: "abc", Name: "Red", Enabled: true, Description: "kept"}},
		Grants:   []Grant{{ID("user", "bob"), "abc", "member"}, {"gone", "abc", "admin"}, {ID("user", "bob"), "gone", "admin"}},
	}
	c := newCloud(t, func(o *Options) { o.Store, o.Made = newShelf(), made })
	token := c.mustLogin(password("alice", "wonder"), in("blue"))
	if p := c.ok(200, "GET", "/v3/projects/abc", token, nil); p["description"] != "kept" {
		t.Errorf("got %v", p)
	}
	if caller := c.caller(c.mustLogin(password("bob", "builder"), in("red"))); caller.ProjectID != "abc" || caller.Role != driver.Member {
		t.Errorf("bob, a reader by configuration and a member by grant: %+v", caller)
	}
	c.ok(403, "DELETE", "/v3/projects/abc", token, nil)
	_, err := New(Options{
		Users: []User{{Name: "zoe", Projects: map[string]string{"p": "member"}}}, Made: Accounts{Users: []Account{{ID: "1", Name: "Zoe"}}},
	})
	if err == nil || !strings.Contains(err.Error(), `users[0]: name "zoe" is that of user 1, who was made through the API`) {
		t.Errorf("got %v", err)
	}
}

// Lists filter by what a resource has.
func TestFilters(t *testing.T) {
	c, _, token := admin(t)
	user, project := c.member(token, "zoe", "admin")
	c.ok(200, "PATCH", "/v3/projects/"+project, token, object{"project": object{"enabled": false, "tags": []string{"a", "b"}}})
	for path, want := range map[string]int{
		"projects?name=ZOE": 1, "projects?domain_id=default": 4, "projects?domain_id=other": 0, "projects?enabled=false": 1, "projects?enabled=true": 3,
		"projects?enabled": 3, "projects?enabled=0": 1, "projects?unknown=x": 4, "projects?name__contains=e": 4, "projects?name__icontains=LU": 1,
		"projects?parent_id=x": 0, "projects?tags=a": 1, "projects?tags=a,c": 0, "projects?tags-any=a,c": 1, "projects?not-tags-any=a": 3,
		"projects?not-tags=a,b": 3, "projects?is_domain=true": 0, "domains?name=default": 1, "domains?name=x": 0, "roles?domain_id=x": 0, "roles?name=member": 1,
		"users?name=zoe&enabled=true": 1, "services?type=compute": 1, "endpoints?interface=public": 8,
		"role_assignments": 5, "role_assignments?user.id=" + user: 1, "role_assignments?effective&user.id=" + user: 3,
		"role_assignments?effective=0&user.id=" + user: 1, "role_assignments?scope.project.id=" + project: 1, "role_assignments?group.id=x": 0,
		"role_assignments?scope.domain.id=default": 0, "role_assignments?role.id=" + ID("role", "reader"): 1,
		"role_assignments?effective&role.id=" + ID("role", "reader"): 5, "users/" + user + "/projects?enabled=true": 0, "auth/projects?name=red": 1,
		"projects/" + project + "/users/" + user + "/roles": 1,
	} {
		_, got := c.call("GET", "/v3/"+path, token, "", nil)
		n := -1
		for _, list := range got {
			if l, ok := list.([]any); ok {
				n = len(l)
			}
		}
		if n != want {
			t.Errorf("%s: got %d, want %d", path, n, want)
		}
	}
	_, got := c.call("GET", "/v3/role_assignments?include_names&user.id="+user, token, "", nil)
	a := got["role_assignments"].([]any)[0].(object)
	if a["role"].(object)["name"] != "admin" || a["user"].(object)["name"] != "zoe" || a["scope"].(object)["project"].(object)["name"] != "zoe" {
		t.Errorf("got %v", a)
	}
}

// Domains, users and projects are found whatever the case of their name.
func TestNamesWithoutCase(t *testing.T) {
	c := newCloud(t)
	for _, domain := range []object{{"name": "default"}, {"name": "Default"}, {"name": "DEFAULT"}, {"id": "default"}, {"id": "Default"}} {
		identity := password("Alice", "wonder")
		identity["password"].(object)["user"].(object)["domain"] = domain
		if status, _, _ := c.login(identity, object{"project": object{"name": "RED", "domain": domain}}); status != 201 {
			t.Errorf("%v: %d", domain, status)
		}
	}
	both := newDirectory()
	both.users.add(&user{id: "1", name: "ann", enabled: true})
	both.users.add(&user{id: "2", name: "Ann", enabled: true})
	for name, want := range map[string]string{"ann": "1", "Ann": "2"} {
		if u := both.login("", name); u == nil || u.id != want {
			t.Errorf("%s is %v", name, u)
		}
	}
	if u := both.login("", "ANN"); u != nil {
		t.Errorf("ANN is %v: there are two", u)
	}
}

// Changes and logins at once; the race detector looks on.
func TestChangesAtOnce(t *testing.T) {
	c, store, token := admin(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Add(2)
		go func() {
			defer group.Done()
			c.call("POST", "/v3/projects", token, "", object{"project": object{"name": fmt.Sprint("p", i%4)}})
		}()
		go func() {
			defer group.Done()
			_, _, _ = c.login(password("eve", "random"), in("green"))
		}()
	}
	group.Wait()
	if len(store.projects) != 4 {
		t.Errorf("%d projects of 4 names", len(store.projects))
	}
}

// gophercloud makes all of it.
func TestGophercloudMakesAccounts(t *testing.T) {
	c, _, _ := admin(t)
	ctx := t.Context()
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: c.url + "/identity/v3", Username: "alice", Password: "wonder", DomainName: "default", TenantName: "blue"})
	must(t, err)
	client, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	must(t, err)
	p, err := projects.Create(ctx, client, projects.CreateOpts{Name: "acc", DomainID: "default", Description: "d"}).Extract()
	must(t, err)
	u, err := users.Create(ctx, client, users.CreateOpts{Name: "acc", Password: "secret", DefaultProjectID: p.ID, DomainID: "default"}).Extract()
	must(t, err)
	must(t, roles.Assign(ctx, client, ID("role", "member"), roles.AssignOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	pages, err := roles.ListAssignments(client, roles.ListAssignmentsOpts{UserID: u.ID, ScopeProjectID: p.ID}).AllPages(ctx)
	must(t, err)
	found, err := roles.ExtractRoleAssignments(pages)
	if err != nil || len(found) != 1 || found[0].Role.ID != ID("role", "member") {
		t.Errorf("%v %v", found, err)
	}
	_, err = projects.Update(ctx, client, p.ID, projects.UpdateOpts{Name: "acc2"}).Extract()
	must(t, err)
	must(t, roles.Unassign(ctx, client, ID("role", "member"), roles.UnassignOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	must(t, users.Delete(ctx, client, u.ID).ExtractErr())
	must(t, projects.Delete(ctx, client, p.ID).ExtractErr())
	if err := projects.Delete(ctx, client, p.ID).ExtractErr(); !gophercloud.ResponseCodeIs(err, 404) {
		t.Errorf("a second time: %v", err)
	}
}

func TestHashPassword(t *testing.T) {
	first, err := HashPassword("secret")
	must(t, err)
	second, err := HashPassword("secret")
	must(t, err)
	secret, err := ParseHash(first)
	must(t, err)
	if first == second || !secret.Matches("secret") || secret.Matches("Secret") {
		t.Errorf("%s %s", first, second)
	}
	for _, bad := range []string{"", strings.Repeat("x", 4097)} {
		if _, err := HashPassword(bad); err == nil {
			t.Errorf("%d bytes are hashed", len(bad))
		}
	}
}
