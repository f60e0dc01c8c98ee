package identity

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/quotasets"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
)

// The compute service can be read, by those with a token, and only read.
func TestCompute(t *testing.T) {
	c := newCloud(t)
	token := c.mustLogin(password("bob", "builder"), in("red"))
	ask := func(method, path, token string, headers ...string) (*httptest.ResponseRecorder, object) {
		r := httptest.NewRequest(method, "/compute"+path, nil)
		r.Header.Set("X-Auth-Token", token)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		c.Compute().ServeHTTP(w, r)
		var got object
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v: %s", path, err, w.Body)
		}
		return w, got
	}
	for _, x := range []struct {
		method, path string
		status       int
		member       string
	}{
		{"GET", "", 200, "versions"}, {"GET", "/", 200, "versions"}, {"GET", "/v2.1", 200, "version"}, {"GET", "/v2.1/", 200, "version"},
		{"GET", "/v2.1/servers/detail", 200, "servers"}, {"GET", "/v2.1/flavors/detail?is_public=None", 200, "flavors"}, {"GET", "/v2.1/flavors/", 200, "flavors"},
		{"GET", "/v2.1/limits", 200, "limits"}, {"GET", "/v2.1/os-quota-sets/x", 200, "quota_set"}, {"GET", "/v2.1/os-quota-sets/x/detail", 200, "quota_set"},
		{"GET", "/v2.1/os-quota-sets/x/defaults", 200, "quota_set"}, {"GET", "/v2.1/os-quota-class-sets/default", 200, "quota_class_set"},
		{"GET", "/v2.1/os-simple-tenant-usage/x", 200, "tenant_usage"}, {"GET", "/v2.1/os-hypervisors/statistics", 200, "hypervisor_statistics"},
		{"GET", "/v2.1/os-keypairs", 200, "keypairs"}, {"GET", "/v2.1/extensions", 200, "extensions"},
		{"GET", "/v2.1/servers/x", 404, "itemNotFound"}, {"GET", "/v2.1/servers/x/os-volume_attachments", 404, "itemNotFound"},
		{"GET", "/v2.1/flavors/x", 404, "itemNotFound"}, {"GET", "/v2.1/nonsense", 404, "itemNotFound"}, {"GET", "/v2.1/os-quota-sets", 404, "itemNotFound"},
		{"GET", "/v2/servers", 404, "itemNotFound"}, {"POST", "/v2.1/servers", 403, "forbidden"}, {"PUT", "/v2.1/os-quota-sets/x", 403, "forbidden"},
		{"DELETE", "/v2.1/servers/x", 403, "forbidden"},
	} {
		w, got := ask(x.method, x.path, token)
		if w.Code != x.status || got[x.member] == nil || len(got) != 1 {
			t.Errorf("%s %s: got %d %v", x.method, x.path, w.Code, got)
		}
		if w.Header().Get("OpenStack-API-Version") != "compute 2.1" {
			t.Errorf("%s has no version", x.path)
		}
		if strings.Contains(x.path, "/v2.1/") && x.path != "/v2.1/" {
			if w, _ := ask(x.method, x.path, "nonsense"); w.Code != 401 {
				t.Errorf("%s without a token: %d", x.path, w.Code)
			}
		}
	}
	if _, got := ask("POST", "/v2.1/servers", token); !strings.Contains(got["forbidden"].(object)["message"].(string), "can only be read") {
		t.Errorf("got %v", got)
	}
	for version, want := range map[string]int{"2.1": 200, "latest": 200, "2.2": 406, "2.96": 406, "x": 400} {
		if w, got := ask("GET", "/v2.1/servers", token, "OpenStack-API-Version", "volume 3.70, compute "+version); w.Code != want {
			t.Errorf("%s: %d %v", version, w.Code, got)
		}
		if w, _ := ask("GET", "/v2.1/servers", token, "X-OpenStack-Nova-API-Version", version); w.Code != want {
			t.Errorf("%s by the old header: %d", version, w.Code)
		}
	}
}

// The network service likewise.
func TestNetwork(t *testing.T) {
	c := newCloud(t)
	token := c.mustLogin(password("bob", "builder"), in("red"))
	for _, x := range []struct {
		method, path string
		status       int
		member       string
	}{
		{"GET", "", 200, "versions"}, {"GET", "/", 200, "versions"}, {"GET", "/v2.0", 200, "resources"}, {"GET", "/v2.0/", 200, "resources"},
		{"GET", "/v2.0/extensions", 200, "extensions"}, {"GET", "/v2.0/extensions.json", 200, "extensions"}, {"GET", "/v2.0/networks?shared=True", 200, "networks"},
		{"GET", "/v2.0/quotas/x", 200, "quota"}, {"GET", "/v2.0/quotas/x/default", 200, "quota"}, {"GET", "/v2.0/quotas/x/details.json", 200, "quota"},
		{"GET", "/v2.0/networks/x", 404, "NeutronError"}, {"GET", "/v2.0/nonsense", 404, "NeutronError"}, {"GET", "/v1", 404, "NeutronError"},
		{"POST", "/v2.0/networks", 403, "NeutronError"}, {"PUT", "/v2.0/quotas/x", 403, "NeutronError"}, {"DELETE", "/v2.0/networks/x", 403, "NeutronError"},
	} {
		for caller, want := range map[string]int{token: x.status, "nonsense": 401} {
			r := httptest.NewRequest(x.method, "/network"+x.path, nil)
			r.Header.Set("X-Auth-Token", caller)
			w := httptest.NewRecorder()
			c.Network().ServeHTTP(w, r)
			if caller == "nonsense" && (!strings.HasPrefix(x.path, "/v2.0/") || x.path == "/v2.0/") {
				continue // for everybody
			}
			var got object
			must(t, json.Unmarshal(w.Body.Bytes(), &got))
			if w.Code != want || want != 401 && got[x.member] == nil {
				t.Errorf("%s %s: got %d %v", x.method, x.path, w.Code, got)
			}
		}
	}
}

// gophercloud finds the compute service, and reads it.
func TestGophercloudReadsCompute(t *testing.T) {
	c := newCloud(t)
	mux := http.NewServeMux()
	mux.Handle("/identity/", c.Handler())
	mux.Handle("/compute/", c.Compute())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	ctx := t.Context()
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: server.URL + "/identity/v3", Username: "bob", Password: "builder", DomainName: "default", TenantName: "red"})
	must(t, err)
	client, err := openstack.NewComputeV2(provider, gophercloud.EndpointOpts{Region: "Here"})
	must(t, err)
	if client.Endpoint != server.URL+"/compute/v2.1/" {
		t.Errorf("compute is at %s", client.Endpoint)
	}
	pages, err := servers.List(client, nil).AllPages(ctx)
	must(t, err)
	if found, err := servers.ExtractServers(pages); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	pages, err = flavors.ListDetail(client, nil).AllPages(ctx)
	must(t, err)
	if found, err := flavors.ExtractFlavors(pages); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	if q, err := quotasets.Get(ctx, client, ID("project", "red")).Extract(); err != nil || q.Instances != 0 || q.ID != ID("project", "red") {
		t.Errorf("%+v %v", q, err)
	}
	if d, err := quotasets.GetDetail(ctx, client, ID("project", "red")).Extract(); err != nil || d.Cores.Limit != 0 {
		t.Errorf("%+v %v", d, err)
	}
	if l, err := limits.Get(ctx, client, nil).Extract(); err != nil || l.Absolute.MaxTotalInstances != 0 {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := servers.Get(ctx, client, "x").Extract(); !gophercloud.ResponseCodeIs(err, 404) {
		t.Errorf("a server: %v", err)
	}
}

// The configuration names other services, and replaces the stubs only.
func TestConfiguredCatalogue(t *testing.T) {
	c := newCloud(t, func(o *Options) {
		o.Catalog = []CatalogEntry{
			{"object-store", "swift", "https://swift.example.com/v1/AUTH_%(tenant_id)s/x"}, {"compute", "nova", "https://nova.example.com/v2.1"},
		}
	})
	_, _, said := c.login(password("alice", "wonder"), in("red"))
	urls := map[string]string{}
	for _, s := range said["catalog"].([]any) {
		kind := s.(object)["type"].(string)
		if urls[kind] != "" {
			t.Errorf("%s is there twice", kind)
		}
		urls[kind] = s.(object)["endpoints"].([]any)[0].(object)["url"].(string)
	}
	if urls["object-store"] != "https://swift.example.com/v1/AUTH_"+ID("project", "red")+"/x" || urls["compute"] != "https://nova.example.com/v2.1" ||
		urls["image"] != c.url+"/image" || len(urls) != 9 {
		t.Errorf("got %v", urls)
	}
	_, err := New(Options{Catalog: []CatalogEntry{{"", "n", "u"}, {"t", "", "u"}, {"x", "n", "u"}, {"x", "n", "u"}, {"volumev3", "n", "u"}, {"identity", "n", "u"}}})
	for _, want := range []string{
		"catalog[0]: type and name must not be empty", "catalog[1]: type and name must not be empty", `catalog[3]: type "x" is there twice`,
		`catalog[4]: type "volumev3" is the gateway's own`, `catalog[5]: type "identity" is the gateway's own`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
}
