package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	keystone "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/jonboulle/clockwork"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"cindergate/driver"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type object = map[string]any

// cloud is a Service behind HTTP whose clock stands still until told.
type cloud struct {
	*Service
	t     *testing.T
	url   string
	clock *clockwork.FakeClock
}

func bcryptOf(t *testing.T, password string) Secret {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	secret, err := ParseHash(string(hash))
	must(t, err)
	return secret
}

func argonHash(password, salt string) string {
	sum := argon2.IDKey([]byte(password), []byte(salt), 1, 64, 1, 32)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", b64([]byte(salt)), b64(sum))
}

func argonOf(t *testing.T, password string) Secret {
	t.Helper()
	secret, err := ParseHash(argonHash(password, "salt of 16 bytes"))
	must(t, err)
	return secret
}

func newCloud(t *testing.T, change ...func(*Options)) *cloud {
	t.Helper()
	c := &cloud{t: t, clock: clockwork.NewFakeClockAt(time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC))}
	var err error
	o := Options{
		Users: []User{
			{Name: "alice", Secret: bcryptOf(t, "wonder"), Projects: map[string]string{"red": "member", "blue": "admin"}},
			{Name: "bob", Secret: argonOf(t, "builder"), Projects: map[string]string{"red": "reader"}},
			{Name: "eve", Secret: Generated("random"), Projects: map[string]string{"green": "member"}},
		},
		ApplicationCredentials: []ApplicationCredential{
			{ID: "cred-1", Name: "ci", Secret: argonOf(t, "machine"), User: "alice", Project: "blue", Role: "reader"},
		},
		Region: "Here", TokenLifetime: time.Hour,
		Clock: c.clock,
		Base:  func(r *http.Request) string { return "http://" + r.Host },
	}
	for _, f := range change {
		f(&o)
	}
	c.Service, err = New(o)
	must(t, err)
	server := httptest.NewServer(c.Handler())
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cloud) later(d time.Duration) { c.clock.Advance(d) }

// call sends a request; token and subject may be "".
func (c *cloud) call(method, path, token, subject string, body any) (*http.Response, object) {
	c.t.Helper()
	text, err := json.Marshal(body)
	must(c.t, err)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+"/identity"+path, bytes.NewReader(text))
	must(c.t, err)
	r.Header.Set("Content-Type", "application/json")
	for name, value := range map[string]string{"X-Auth-Token": token, "X-Subject-Token": subject} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	answer, err := http.DefaultClient.Do(r)
	must(c.t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	must(c.t, err)
	var got object
	if len(content) > 0 {
		must(c.t, json.Unmarshal(content, &got))
	}
	return answer, got
}

func password(name, secret string) object {
	return object{"methods": []string{"password"}, "password": object{"user": object{
		"name": name, "password": secret, "domain": object{"id": "default"}}}}
}

func byToken(text string) object {
	return object{"methods": []string{"token"}, "token": object{"id": text}}
}

func in(project string) object {
	return object{"project": object{"name": project, "domain": object{"id": "default"}}}
}

// login returns the status, the token, and what is said of it.
func (c *cloud) login(identity object, scope any) (status int, text string, token object) {
	c.t.Helper()
	auth := object{"identity": identity}
	if scope != nil {
		auth["scope"] = scope
	}
	answer, got := c.call(http.MethodPost, "/v3/auth/tokens", "", "", object{"auth": auth})
	token, _ = got["token"].(object)
	return answer.StatusCode, answer.Header.Get("X-Subject-Token"), token
}

func (c *cloud) mustLogin(identity object, scope any) string {
	c.t.Helper()
	status, text, token := c.login(identity, scope)
	if status != http.StatusCreated || text == "" {
		c.t.Fatalf("login: %d %v", status, token)
	}
	return text
}

func (c *cloud) caller(token string) driver.Caller {
	c.t.Helper()
	caller, err := c.Authenticate(c.t.Context(), token)
	if err != nil && driver.KindOf(err) != driver.Unauthorized {
		c.t.Errorf("a bad token is %v", err)
	}
	return caller
}

func TestPasswordLogin(t *testing.T) {
	c := newCloud(t)
	for _, x := range []struct {
		user, password, project string
		role                    driver.Role
	}{
		{"alice", "wonder", "red", driver.Member},
		{"alice", "wonder", "blue", driver.Admin},
		{"bob", "builder", "red", driver.Reader},
		{"eve", "random", "green", driver.Member},
	} {
		caller := c.caller(c.mustLogin(password(x.user, x.password), in(x.project)))
		if caller.Role != x.role || caller.ProjectID != ID("project", x.project) || caller.UserID != ID("user", x.user) {
			t.Errorf("%s in %s: got %+v", x.user, x.project, caller)
		}
	}
	byID := object{"methods": []string{"password"}, "password": object{"user": object{"id": ID("user", "bob"), "password": "builder"}}}
	c.mustLogin(byID, object{"project": object{"id": ID("project", "red")}})
}

func TestRefusedLogins(t *testing.T) {
	c := newCloud(t)
	elsewhere := password("alice", "wonder")
	elsewhere["password"].(object)["user"].(object)["domain"] = object{"id": "other"}
	mixed := password("alice", "wonder")
	mixed["methods"] = []string{"password", "token"}
	mixed["token"] = object{"id": c.mustLogin(password("bob", "builder"), nil)}
	for what, x := range map[string]struct {
		identity object
		scope    any
	}{
		"wrong password":             {password("alice", "Wonder"), in("red")},
		"empty password":             {password("alice", ""), in("red")},
		"unknown user":               {password("mallory", "wonder"), in("red")},
		"no user":                    {password("", ""), nil},
		"other domain":               {elsewhere, in("red")},
		"other's project":            {password("eve", "random"), in("red")},
		"unknown project":            {password("alice", "wonder"), in("black")},
		"project of other domain":    {password("alice", "wonder"), object{"project": object{"name": "red", "domain": object{"id": "other"}}}},
		"domain scope":               {password("alice", "wonder"), object{"domain": object{"id": "default"}}},
		"system scope":               {password("alice", "wonder"), object{"system": object{"all": true}}},
		"unknown method":             {object{"methods": []string{"totp"}}, nil},
		"a method without its data":  {object{"methods": []string{"password"}}, nil},
		"a token that is not":        {byToken("nonsense"), nil},
		"two methods, of two users":  {mixed, in("red")},
		"one method of two is wrong": {object{"methods": []string{"password", "token"}, "password": password("alice", "wonder")["password"]}, in("red")},
	} {
		if status, text, _ := c.login(x.identity, x.scope); status != http.StatusUnauthorized || text != "" {
			t.Errorf("%s: got %d", what, status)
		}
	}
	answer, _ := c.call(http.MethodPost, "/v3/auth/tokens", "", "", object{"auth": object{"identity": password("alice", "x")}})
	if answer.Header.Get("WWW-Authenticate") != "Keystone" {
		t.Errorf("the challenge is %q", answer.Header.Get("WWW-Authenticate"))
	}
	for _, body := range []any{nil, 1, object{}, object{"auth": nil}, object{"auth": object{"identity": object{"methods": []string{}}}}, strings.Repeat("x", maxBody)} {
		if answer, _ := c.call(http.MethodPost, "/v3/auth/tokens", "", "", body); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%.40v: got %d", body, answer.StatusCode)
		}
	}
}

// A request cannot have a password checked, which is slow, more than once.
func TestMethodsCountOnce(t *testing.T) {
	checks := 0
	s, err := New(Options{
		Users:         []User{{Name: "a", Secret: Secret{check: func(string) bool { checks++; return true }}, Projects: map[string]string{"p": "member"}}},
		TokenLifetime: time.Hour, Base: func(*http.Request) string { return "" },
	})
	must(t, err)
	body := password("a", "x")
	body["methods"] = []string{"password", "password", "password"}
	text, err := json.Marshal(object{"auth": object{"identity": body}})
	must(t, err)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/identity/v3/auth/tokens", bytes.NewReader(text)))
	if w.Code != http.StatusCreated || checks != 1 {
		t.Errorf("%d after %d checks", w.Code, checks)
	}
}

// An unscoped token is for being exchanged, and no caller.
func TestUnscopedAndRescoped(t *testing.T) {
	c := newCloud(t)
	status, unscoped, said := c.login(password("alice", "wonder"), nil)
	if _, scoped := said["project"]; status != http.StatusCreated || scoped || said["catalog"] != nil {
		t.Fatalf("unscoped: %d %v", status, said)
	}
	if caller := c.caller(unscoped); caller.UserID != "" {
		t.Errorf("an unscoped token is %+v", caller)
	}
	c.later(20 * time.Minute)
	_, scoped, said := c.login(byToken(unscoped), in("red"))
	if caller := c.caller(scoped); caller.Role != driver.Member || caller.ProjectID != ID("project", "red") {
		t.Errorf("rescoped: %+v", caller)
	}
	if said["expires_at"] != "2026-11-21T18:00:00.000000Z" {
		t.Errorf("a token got by a token lives until %v", said["expires_at"])
	}
	if status, _, _ := c.login(byToken(unscoped), "unscoped"); status != http.StatusCreated {
		t.Errorf(`"unscoped": %d`, status)
	}
}

func TestApplicationCredential(t *testing.T) {
	c := newCloud(t)
	login := func(fields object) object {
		return object{"methods": []string{"application_credential"}, "application_credential": fields}
	}
	byID := login(object{"id": "cred-1", "secret": "machine"})
	byName := login(object{"name": "ci", "secret": "machine", "user": object{"name": "alice", "domain": object{"name": "Default"}}})
	for _, identity := range []object{byID, byName} {
		caller := c.caller(c.mustLogin(identity, nil))
		if caller.Role != driver.Reader || caller.ProjectID != ID("project", "blue") || caller.UserID != ID("user", "alice") {
			t.Errorf("got %+v", caller)
		}
	}
	for what, identity := range map[string]object{
		"wrong secret": login(object{"id": "cred-1", "secret": "x"}), "unknown": login(object{"id": "cred-2", "secret": "machine"}),
		"no user": login(object{"name": "ci", "secret": "machine"}), "empty": login(object{}),
		"other user": login(object{"name": "ci", "secret": "machine", "user": object{"name": "bob"}}),
	} {
		if status, _, _ := c.login(identity, nil); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", what, status)
		}
	}
	if status, _, _ := c.login(byID, in("red")); status != http.StatusUnauthorized {
		t.Errorf("with another scope: %d", status)
	}
	// Its token cannot become one of the user's own, who is admin there.
	token := c.mustLogin(byID, nil)
	for range 2 {
		for _, project := range []string{"blue", "red"} {
			if status, _, _ := c.login(byToken(token), in(project)); status != http.StatusUnauthorized {
				t.Errorf("rescoped to %s: %d", project, status)
			}
		}
		token = c.mustLogin(byToken(token), nil)
		if caller := c.caller(token); caller.Role != driver.Reader || caller.ProjectID != ID("project", "blue") {
			t.Errorf("exchanged: %+v", caller)
		}
	}
}

func TestTokensEnd(t *testing.T) {
	c := newCloud(t)
	first := c.mustLogin(password("alice", "wonder"), in("red"))
	c.later(time.Hour - time.Nanosecond)
	if c.caller(first).UserID == "" {
		t.Error("the token ended early")
	}
	c.later(time.Nanosecond)
	if c.caller(first).UserID != "" {
		t.Error("the token did not expire")
	}
	if status, _, _ := c.login(byToken(first), in("red")); status != http.StatusUnauthorized {
		t.Errorf("an expired token was exchanged: %d", status)
	}
	second, third := c.mustLogin(password("alice", "wonder"), in("red")), c.mustLogin(password("alice", "wonder"), in("red"))
	if answer, _ := c.call(http.MethodDelete, "/v3/auth/tokens", third, second, nil); answer.StatusCode != http.StatusNoContent {
		t.Errorf("revoke: %d", answer.StatusCode)
	}
	if c.caller(second).UserID != "" || c.caller(third).UserID == "" {
		t.Error("not just the subject was revoked")
	}
	for _, bad := range []string{"", "nonsense", second} {
		if c.caller(bad).UserID != "" {
			t.Errorf("%q is a token", bad)
		}
		if answer, _ := c.call(http.MethodGet, "/v3/auth/tokens", bad, third, nil); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q may ask: %d", bad, answer.StatusCode)
		}
	}
}

// Others' tokens are for admins only.
func TestValidation(t *testing.T) {
	c := newCloud(t)
	member, other := c.mustLogin(password("alice", "wonder"), in("red")), c.mustLogin(password("bob", "builder"), in("red"))
	admin := c.mustLogin(password("alice", "wonder"), in("blue"))
	for _, x := range []struct {
		caller, subject string
		status          int
	}{
		{member, member, 200}, {member, admin, 200}, {member, other, 404}, {admin, other, 200}, {other, member, 404}, {admin, "nonsense", 404},
	} {
		answer, got := c.call(http.MethodGet, "/v3/auth/tokens", x.caller, x.subject, nil)
		if answer.StatusCode != x.status {
			t.Errorf("got %d, want %d: %v", answer.StatusCode, x.status, got)
		}
		if x.status == 404 {
			if answer, _ := c.call(http.MethodDelete, "/v3/auth/tokens", x.caller, x.subject, nil); answer.StatusCode != 404 {
				t.Errorf("it was revoked: %d", answer.StatusCode)
			}
		}
	}
	_, full := c.call(http.MethodGet, "/v3/auth/tokens", member, member, nil)
	_, short := c.call(http.MethodGet, "/v3/auth/tokens?nocatalog", member, member, nil)
	if full["token"].(object)["catalog"] == nil || short["token"].(object)["catalog"] != nil {
		t.Error("nocatalog leaves the catalogue out, and nothing else does")
	}
}

func TestRolesIncludeThoseBelow(t *testing.T) {
	c := newCloud(t)
	for _, x := range []struct{ user, password, project, roles string }{
		{"alice", "wonder", "blue", "admin member reader"},
		{"alice", "wonder", "red", "member reader"},
		{"bob", "builder", "red", "reader"},
	} {
		_, _, said := c.login(password(x.user, x.password), in(x.project))
		var names []string
		for _, r := range said["roles"].([]any) {
			names = append(names, r.(object)["name"].(string))
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != x.roles {
			t.Errorf("%s in %s: %s", x.user, x.project, got)
		}
		if said["is_domain"] != false || said["project"].(object)["name"] != x.project || said["user"].(object)["name"] != x.user {
			t.Errorf("the token says %v", said)
		}
	}
}

// The catalogue has what clients look for (wire-contract.md 1.1).
func TestCatalogue(t *testing.T) {
	c := newCloud(t)
	_, token, said := c.login(password("alice", "wonder"), in("red"))
	project := ID("project", "red")
	want := map[string]string{
		"volumev3": "/v3/" + project, "block-storage": "/v3/" + project, "volume": "/v3/" + project, "volumev2": "/v2/" + project,
		"identity": "/identity/v3", "image": "/image", "compute": "/compute/v2.1", "network": "/network",
	}
	_, own := c.call(http.MethodGet, "/v3/auth/catalog", token, "", nil)
	for _, catalog := range []any{said["catalog"], own["catalog"]} {
		found := map[string]string{}
		for _, s := range catalog.([]any) {
			faces := map[string]bool{}
			for _, e := range s.(object)["endpoints"].([]any) {
				e := e.(object)
				faces[e["interface"].(string)] = e["region"] == "Here" && e["region_id"] == "Here"
				found[s.(object)["type"].(string)] = strings.TrimPrefix(e["url"].(string), c.url)
			}
			if !faces["public"] || !faces["internal"] || !faces["admin"] {
				t.Errorf("%v: %v", s.(object)["type"], faces)
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", found, want)
		}
	}
}

// What is not one's own is for admins.
func TestResources(t *testing.T) {
	c := newCloud(t)
	member, admin := c.mustLogin(password("alice", "wonder"), in("red")), c.mustLogin(password("alice", "wonder"), in("blue"))
	red, green, bob := ID("project", "red"), ID("project", "green"), ID("user", "bob")
	for _, x := range []struct {
		path              string
		asMember, asAdmin int
	}{
		{"/v3/auth/projects", 200, 200}, {"/v3/auth/domains", 200, 200}, {"/v3/auth/system", 200, 200}, {"/v3/roles", 200, 200},
		{"/v3/projects", 403, 200}, {"/v3/users", 403, 200}, {"/v3/services", 403, 200}, {"/v3/endpoints", 403, 200},
		{"/v3/projects/" + red, 200, 200}, {"/v3/projects/" + green, 403, 200}, {"/v3/projects/none", 403, 404},
		{"/v3/users/" + bob, 403, 200}, {"/v3/users/" + bob + "/projects", 403, 200}, {"/v3/users/none/projects", 403, 404},
		{"/v3/users/" + ID("user", "alice"), 200, 200}, {"/v3/users/" + ID("user", "alice") + "/projects", 200, 200},
		{"/v3/groups", 403, 200}, {"/v3/groups/none", 403, 404}, {"/v3/role_assignments", 403, 200},
		{"/v3/regions", 200, 200}, {"/v3/regions/Here", 200, 200}, {"/v3/regions/There", 404, 404},
		{"/v3/users/" + ID("user", "alice") + "/groups", 200, 200}, {"/v3/users/" + bob + "/groups", 403, 200},
		{"/v3/projects/" + red + "/users/" + bob + "/roles", 403, 200}, {"/v3/nonsense", 404, 404},
	} {
		for token, want := range map[string]int{member: x.asMember, admin: x.asAdmin, "": 401} {
			if x.path == "/v3/nonsense" {
				want = 404 // for everybody
			}
			answer, got := c.call(http.MethodGet, x.path, token, "", nil)
			if answer.StatusCode != want {
				t.Errorf("%s: got %d, want %d: %v", x.path, answer.StatusCode, want, got)
			}
			if !strings.HasPrefix(answer.Header.Get("X-Openstack-Request-Id"), "req-") {
				t.Errorf("%s has no request id", x.path)
			}
		}
	}
	_, mine := c.call(http.MethodGet, "/v3/auth/projects", member, "", nil)
	if n := len(mine["projects"].([]any)); n != 2 {
		t.Errorf("alice has %d projects", n)
	}
	_, named := c.call(http.MethodGet, "/v3/projects?name=green", admin, "", nil)
	if n := len(named["projects"].([]any)); n != 1 {
		t.Errorf("%d projects are called green", n)
	}
}

func TestVersionDocuments(t *testing.T) {
	c := newCloud(t)
	answer, got := c.call(http.MethodGet, "", "", "", nil)
	if answer.StatusCode != http.StatusMultipleChoices || len(got["versions"].(object)["values"].([]any)) != 1 {
		t.Errorf("got %d %v", answer.StatusCode, got)
	}
	answer, got = c.call(http.MethodGet, "/v3", "", "", nil)
	if version := got["version"].(object); answer.StatusCode != http.StatusOK || version["id"] != "v3.14" {
		t.Errorf("got %d %v", answer.StatusCode, got)
	}
}

func TestImages(t *testing.T) {
	c := newCloud(t)
	for path, want := range map[string]int{
		"/image": 300, "/image/": 300, "/image/versions": 300, "/image/v2": 200, "/image/v2/images": 200, "/image/v2/images/x": 404,
	} {
		w := httptest.NewRecorder()
		c.Images().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// gophercloud, which shares no code with this package, logs in in every way.
func TestGophercloud(t *testing.T) {
	c := newCloud(t)
	endpoint := c.url + "/identity/v3"
	for what, options := range map[string]gophercloud.AuthOptions{
		"by name":                   {Username: "alice", Password: "wonder", DomainName: "Default", TenantName: "blue"},
		"by id":                     {UserID: ID("user", "alice"), Password: "wonder", TenantID: ID("project", "blue")},
		"by application credential": {ApplicationCredentialID: "cred-1", ApplicationCredentialSecret: "machine"},
		"by token":                  {TokenID: c.mustLogin(password("alice", "wonder"), nil), Scope: &gophercloud.AuthScope{ProjectID: ID("project", "blue")}},
	} {
		options.IdentityEndpoint = endpoint
		provider, err := openstack.AuthenticatedClient(t.Context(), options)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for kind, find := range map[string]func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error){
			"v3": openstack.NewBlockStorageV3, "v2": openstack.NewBlockStorageV2,
		} {
			client, err := find(provider, gophercloud.EndpointOpts{Region: "Here"})
			if err != nil || client.Endpoint != c.url+"/"+kind+"/"+ID("project", "blue")+"/" {
				t.Errorf("%s: block storage %s: %v %+v", what, kind, err, client)
			}
		}
		if what == "by application credential" {
			continue // a reader
		}
		client, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
		must(t, err)
		if _, err := projects.Get(t.Context(), client, ID("project", "green")).Extract(); err != nil {
			t.Errorf("%s: project: %v", what, err)
		}
		token, err := keystone.Get(t.Context(), client, provider.TokenID).ExtractToken()
		must(t, err)
		if !token.ExpiresAt.Equal(c.clock.Now().Add(time.Hour)) {
			t.Errorf("%s: expires at %v", what, token.ExpiresAt)
		}
	}
	if _, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: endpoint, Username: "alice", Password: "x", DomainName: "Default", TenantName: "blue",
	}); !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestHashes(t *testing.T) {
	good := argonHash("secret", "salt of 16 bytes")
	secret, err := ParseHash(good)
	must(t, err)
	if !secret.Matches("secret") || secret.Matches("Secret") || secret.Matches("") {
		t.Error("argon2id does not tell passwords apart")
	}
	if b := bcryptOf(t, "secret"); !b.Matches("secret") || b.Matches("secret ") {
		t.Error("bcrypt does not tell passwords apart")
	}
	if (Secret{}).Matches("") || Generated("x").Matches("") {
		t.Error("an empty password matches")
	}
	for _, s := range []string{fmt.Sprint(secret), fmt.Sprintf("%#v", secret), fmt.Sprintf("%+v", User{Secret: secret})} {
		if !strings.Contains(s, "[redacted]") {
			t.Errorf("a secret prints as %s", s)
		}
	}
	for _, bad := range []string{
		"", "secret", "$1$abc$def", "$2b$12$short", "$2b$xx$" + strings.Repeat("x", 53),
		strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=64", "m=0", 1), strings.Replace(good, "m=64", "m=9999999", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=65", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "m=64,", "", 1), good[:len(good)-30], good + "$x", strings.Replace(good, "$argon2id", "$argon2i", 1),
	} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is a hash", bad)
		} else if len(bad) > 20 && strings.Contains(err.Error(), bad[20:]) {
			t.Errorf("the error tells the hash: %v", err)
		}
	}
}

// Every mistake in the users is reported, each with where it is.
func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{
		Users: []User{
			{Name: "", Projects: map[string]string{"p": "member"}},
			{Name: "a", Projects: map[string]string{"p": "member"}},
			{Name: "a", Projects: map[string]string{"p": "member"}},
			{Name: "b"},
			{Name: "c", Projects: map[string]string{"p": "owner"}},
		},
		ApplicationCredentials: []ApplicationCredential{
			{User: "z", Project: "p", Role: "member"}, {User: "a", Project: "q", Role: "member"}, {User: "a", Project: "p", Role: "admin"},
		},
	})
	for _, want := range []string{
		"users[0]: name is empty", `users[2]: name "a" is there twice`, "users[3]: b has no projects",
		`users[4]: projects.p: role "owner" is none of reader, member, admin`,
		`application_credentials[0]: user "z" is not among the users`, `application_credentials[1]: project "q" is none of the users' projects`,
		`application_credentials[2]: role "admin" is more than a has in p`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
}
