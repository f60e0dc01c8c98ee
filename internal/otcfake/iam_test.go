package otcfake

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// A real client logs in and finds the services; the service user validates its token.
func TestLoginAndCatalog(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		l := newLab(t, Options{Dialect: dialect})
		login := func(user, password, project string) *gophercloud.ProviderClient {
			t.Helper()
			provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
				IdentityEndpoint: l.server.URL + "/iam/v3", Username: user, Password: password, DomainName: "default", TenantName: project,
			})
			if err != nil {
				t.Fatal(err)
			}
			return provider
		}
		provider := login("demo", "demo-secret", "demo")
		want := map[string]string{
			"volumev2": "/evs/v2/" + l.project.ID + "/", "cbr": "/cbr/v3/" + l.project.ID + "/", "vbsv2": "/vbs/v2/" + l.project.ID + "/",
		}
		if dialect == Huawei {
			want["cbr"], want["vbsv2"] = "/cbr/", ""
		}
		for kind, path := range want {
			url, err := provider.EndpointLocator(gophercloud.EndpointOpts{Type: kind, Region: "eu-de", Availability: gophercloud.AvailabilityPublic})
			if path == "" {
				if err == nil {
					t.Errorf("%s is in the catalogue: %s", kind, url)
				}
				continue
			}
			if err != nil || url != l.server.URL+path {
				t.Errorf("%s is at %q, %v", kind, url, err)
			}
		}
		gateway, err := openstack.NewIdentityV3(login(ServiceUser, ServicePassword, ServiceProject), gophercloud.EndpointOpts{Region: "eu-de"})
		if err != nil {
			t.Fatal(err)
		}
		project, err := tokens.Get(t.Context(), gateway, l.project.Token).ExtractProject()
		if err != nil || project.ID != l.project.ID {
			t.Fatalf("validated: %+v %v", project, err)
		}
		l.ExpireToken(l.project.Token)
		if _, err := tokens.Get(t.Context(), gateway, l.project.Token).ExtractToken(); !gophercloud.ResponseCodeIs(err, 404) {
			t.Fatalf("an expired token: %v", err)
		}
	})
}

func TestLoginRefuses(t *testing.T) {
	l := newLab(t, Options{})
	body := func(password, scope string) string {
		return `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"name":"default"},"password":"` +
			password + `"}}},"scope":` + scope + `}}`
	}
	project := `{"project":{"name":"demo","domain":{"name":"default"}}}`
	l.want(401, "POST", "/iam/v3/auth/tokens", body("wrong", project))
	l.want(401, "POST", "/iam/v3/auth/tokens", body("demo-secret", strings.ReplaceAll(project, `"demo"`, `"service"`)))
	l.want(400, "POST", "/iam/v3/auth/tokens", "{")
	l.want(201, "POST", "/iam/v3/auth/tokens", body("demo-secret", project))
	other := l.AddProject("other")
	r := l.project
	l.project = other
	l.want(404, "GET", "/iam/v3/auth/tokens", "") // no X-Subject-Token
	l.project = r
	l.equal(l.want(200, "GET", "/iam/v3/auth/catalog", ""), "catalog.0.type", "identity")
	l.project.Token = "nonsense"
	l.want(403, "GET", "/iam/v3/auth/catalog", "")
}

// IAM answers 403, not 401, if the request's own token has expired, or if the token to
// validate belongs to another account.
func TestTokensThatIAMForbids(t *testing.T) {
	l := newLab(t, Options{})
	foreign := l.AddForeignProject("elsewhere")
	status, doc := l.call("GET", "/iam/v3/auth/catalog", "")
	if status != 200 {
		t.Fatalf("%d %v", status, doc)
	}
	login := func() string {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, l.server.URL+"/iam/v3/auth/tokens", strings.NewReader(`{"auth":{"identity":{"methods":["password"],
			"password":{"user":{"name":"gateway","domain":{"name":"default"},"password":"gateway-secret"}}},
			"scope":{"project":{"name":"service","domain":{"name":"default"}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.Header.Get("X-Subject-Token")
	}
	own := login()
	validate := func(token string, query string) (int, document) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, l.server.URL+"/iam/v3/auth/tokens"+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Subject-Token", token)
		mine := l.project.Token
		defer func() { l.project.Token = mine }()
		l.project.Token = own
		return l.send(r)
	}
	if status, doc := validate(l.project.Token, ""); status != 200 || doc.at("token.catalog") == nil {
		t.Errorf("%d %v", status, doc)
	}
	if _, doc := validate(l.project.Token, "?nocatalog"); doc.at("token.catalog") == nil {
		t.Errorf("an empty nocatalog leaves it out: %v", doc)
	}
	if _, doc := validate(l.project.Token, "?nocatalog=1"); doc.at("token.catalog") != nil {
		t.Errorf("it has a catalogue: %v", doc)
	}
	if status, _ := validate(foreign.Token, ""); status != 403 {
		t.Errorf("another account's: %d", status)
	}
	l.ExpireToken(own)
	if status, doc := validate(l.project.Token, ""); status != 403 || doc.text("error.message") != "X-Auth-Token is invalid in the request" {
		t.Errorf("with an ended token: %d %v", status, doc)
	}
}
