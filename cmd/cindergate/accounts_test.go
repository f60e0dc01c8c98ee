package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"cindergate/identity"
)

// A project and a user that an admin created still work after the process was killed.
func TestMadeAccountsAreKept(t *testing.T) {
	s := newServer(t)
	s.start()
	ctx := t.Context()
	admin := s.clouds().Clouds["admin"]
	provider, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
		IdentityEndpoint: admin.Auth.AuthURL, Username: "admin", Password: admin.Auth.Password, DomainID: "default", TenantName: "admin"})
	must(t, err)
	client, err := openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
	must(t, err)
	p, err := projects.Create(ctx, client, projects.CreateOpts{Name: "made"}).Extract()
	must(t, err)
	u, err := users.Create(ctx, client, users.CreateOpts{Name: "zoe", Password: "secret", DefaultProjectID: p.ID}).Extract()
	must(t, err)
	must(t, roles.Assign(ctx, client, identity.ID("role", "member"), roles.AssignOpts{UserID: u.ID, ProjectID: p.ID}).ExtractErr())
	work := func() {
		t.Helper()
		own, err := openstack.AuthenticatedClient(ctx, gophercloud.AuthOptions{
			IdentityEndpoint: s.url + "/identity/v3", Username: "zoe", Password: "secret", DomainName: "Default", TenantName: "made"})
		must(t, err)
		storage, err := openstack.NewBlockStorageV3(own, gophercloud.EndpointOpts{})
		must(t, err)
		v, err := volumes.Create(ctx, storage, volumes.CreateOpts{Size: 1}, nil).Extract()
		must(t, err)
		shown, err := volumes.Get(ctx, storage, v.ID).Extract()
		if err != nil || shown.TenantID != p.ID {
			t.Fatalf("%+v %v", shown, err)
		}
	}
	work()
	s.kill()
	s.start()
	work()
}

// The shell scripts log in; adminrc logs in as an admin.
func TestOpenrc(t *testing.T) {
	s := newServer(t)
	s.start()
	s.clouds()
	for file, name := range map[string]string{openrcFile: "demo", adminrcFile: "admin"} {
		path := filepath.Join(s.data, file)
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", file, info.Mode())
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", `. "$0"; echo "$OS_AUTH_URL $OS_USERNAME $OS_PASSWORD $OS_PROJECT_NAME $OS_CLOUD"`, path)
		shell.Env = append(os.Environ(), "OS_CLOUD=other")
		out, err := shell.Output()
		must(t, err)
		f := strings.Fields(string(out))
		if len(f) != 4 || f[1] != name {
			t.Fatalf("%s: %q", file, out)
		}
		_, err = openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
			IdentityEndpoint: f[0], Username: f[1], Password: f[2], TenantName: f[3], DomainID: "default"})
		must(t, err)
	}
}

// With configured users, the server prints how they log in. Their hashes come from
// cindergate hash.
func TestOwnUsers(t *testing.T) {
	var hash bytes.Buffer
	cmd := root()
	cmd.SetArgs([]string{"hash"})
	cmd.SetIn(strings.NewReader("pass word\n"))
	cmd.SetOut(&hash)
	must(t, cmd.ExecuteContext(context.Background()))
	path := filepath.Join(t.TempDir(), "users.yaml")
	must(t, os.WriteFile(path, []byte("identity:\n  users:\n    - name: zoe\n      password_hash: "+hash.String()+
		"      projects: [{project: research, role: member}]\n  catalog: [{type: object-store, name: swift, url: 'http://swift/%(project_id)s'}]\n"), 0o600))
	s := newServer(t, "CONFIG="+path)
	out, err := command("config", "check", "--config", path, "--data", s.data)
	if err != nil || out != "the configuration is valid\n" {
		t.Fatal(out, err)
	}
	if _, err := command("config", "check", "--config", path); err == nil || !strings.Contains(err.Error(), "data: a directory is required") {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	must(t, os.WriteFile(bad, []byte("data: /d\nidentity: {catalog: [{type: volumev3, name: cinder, url: 'http://cinder'}]}\n"), 0o600))
	if _, err := command("config", "check", "--config", bad); err == nil || !strings.Contains(err.Error(), `catalog[0]: type "volumev3" is the gateway's own`) {
		t.Fatal(err)
	}
	s.start()
	poll(t, "the banner", func() bool { return strings.Contains(s.out.String(), "openstack volume backup list") })
	if got := s.out.String(); !strings.Contains(got, "OS_USERNAME='zoe' OS_PROJECT_NAME='research'") || strings.Contains(got, "pass word") {
		t.Errorf("it says %s", got)
	}
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: s.url + "/identity/v3", Username: "zoe", Password: "pass word", DomainID: "default", TenantName: "research"})
	must(t, err)
	swift, err := openstack.NewObjectStorageV1(provider, gophercloud.EndpointOpts{})
	if err != nil || swift.Endpoint != "http://swift/"+identity.ID("project", "research")+"/" {
		t.Errorf("%+v %v", swift, err)
	}
	cmd = root()
	cmd.SetArgs([]string{"hash"})
	cmd.SetIn(strings.NewReader("\n"))
	if err := cmd.ExecuteContext(context.Background()); err == nil || !strings.Contains(err.Error(), "0 bytes") {
		t.Errorf("an empty password: %v", err)
	}
}

// serve --auth sets the same setting as the configuration.
func TestAuthFlag(t *testing.T) {
	if _, err := command("serve", "--data", t.TempDir(), "--auth", "nobody"); err == nil || !strings.Contains(err.Error(), `auth: "nobody" is none of`) {
		t.Fatal(err)
	}
	s := newServer(t, "AUTH=noauth")
	s.start()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v3/proj1/volumes", nil)
	must(t, err)
	r.Header.Set("X-Auth-Token", "bob:proj1")
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("got %d", answer.StatusCode)
	}
	if _, err := os.Stat(filepath.Join(s.data, accountsFile)); err == nil {
		t.Error("noauth keeps accounts")
	}
}
