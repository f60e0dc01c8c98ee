package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"go.yaml.in/yaml/v3"

	"cindergate/config"
)

// command runs a command in this process.
func command(args ...string) (output string, err error) {
	var out bytes.Buffer
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err = cmd.ExecuteContext(context.Background())
	return out.String(), err
}

// clouds reads the clouds.yaml of a running server.
func (s *server) clouds() cloudsDocument {
	s.t.Helper()
	var doc cloudsDocument
	path := filepath.Join(s.data, cloudsFile)
	poll(s.t, cloudsFile, func() bool { _, err := os.Stat(path); return err == nil })
	text, err := os.ReadFile(path)
	must(s.t, err)
	must(s.t, yaml.Unmarshal(text, &doc))
	return doc
}

// login logs in as gophercloud does with a cloud of clouds.yaml.
func (s *server) login(name string) (*gophercloud.ServiceClient, error) {
	s.t.Helper()
	c := s.clouds().Clouds[name]
	provider, err := openstack.AuthenticatedClient(s.t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: c.Auth.AuthURL, Username: c.Auth.Username, Password: c.Auth.Password,
		DomainID: c.Auth.UserDomainID, TenantName: c.Auth.ProjectName,
	})
	if err != nil {
		return nil, err
	}
	return openstack.NewBlockStorageV3(provider, gophercloud.EndpointOpts{Region: c.RegionName})
}

// A new server creates users with permanent passwords. Only the owner can read the file.
func TestCloudsFile(t *testing.T) {
	s := newServer(t)
	s.start()
	first := s.clouds()
	info, err := os.Stat(filepath.Join(s.data, cloudsFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	seen := map[string]bool{}
	for _, name := range []string{"demo", "demo-reader", "alt", "admin"} {
		password := first.Clouds[name].Auth.Password
		if len(password) < 40 || seen[password] {
			t.Errorf("the password of %s is %q", name, password)
		}
		seen[password] = true
		if strings.Contains(s.out.String(), password) {
			t.Errorf("the password of %s is in the output", name)
		}
		client, err := s.login(name)
		must(t, err)
		if _, err := backups.List(client, backups.ListOpts{}).AllPages(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if code, took := s.terminate(); code != 0 || took > 5*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	// A missing user is created again; the others stay unchanged.
	delete(first.Clouds, "alt")
	text, err := yaml.Marshal(first)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(s.data, cloudsFile), text, 0o600))
	s.start()
	poll(t, "alt is there again", func() bool { return s.clouds().Clouds["alt"].Auth.Password != "" })
	second := s.clouds()
	for _, name := range []string{"demo", "demo-reader", "admin"} {
		if second.Clouds[name] != first.Clouds[name] {
			t.Errorf("%s was %+v and is %+v", name, first.Clouds[name], second.Clouds[name])
		}
	}
}

// The default users have their roles: reader, member, another project, admin.
func TestDefaultUsers(t *testing.T) {
	s := newServer(t)
	s.start()
	client := map[string]*gophercloud.ServiceClient{}
	for _, name := range []string{"demo", "demo-reader", "alt", "admin"} {
		var err error
		client[name], err = s.login(name)
		must(t, err)
	}
	ctx := t.Context()
	if _, err := volumes.Create(ctx, client["demo-reader"], volumes.CreateOpts{Size: 1}, nil).Extract(); !gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
		t.Errorf("a reader makes a volume: %v", err)
	}
	v, err := volumes.Create(ctx, client["demo"], volumes.CreateOpts{Size: 1}, nil).Extract()
	must(t, err)
	b, err := backups.Create(ctx, client["demo"], backups.CreateOpts{VolumeID: v.ID, Name: "b"}).Extract()
	must(t, err)
	for name, status := range map[string]int{"demo": 0, "demo-reader": 0, "admin": 0, "alt": http.StatusNotFound} {
		_, err := backups.Get(ctx, client[name], b.ID).Extract()
		if status == 0 && err != nil || status != 0 && !gophercloud.ResponseCodeIs(err, status) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := backups.ResetStatus(ctx, client["demo"], b.ID, backups.ResetStatusOpts{Status: "error"}).ExtractErr(); !gophercloud.ResponseCodeIs(err, http.StatusForbidden) {
		t.Errorf("a member resets a status: %v", err)
	}
	must(t, backups.ResetStatus(ctx, client["admin"], b.ID, backups.ResetStatusOpts{Status: "error"}).ExtractErr())
}

// Two servers cannot share a data directory. A server without a lock continues.
func TestDataDirectoryIsLocked(t *testing.T) {
	s := newServer(t, "AUTH=noauth")
	s.start()
	binary, err := os.Executable()
	must(t, err)
	second := exec.CommandContext(t.Context(), binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0")
	second.Env = s.env
	out, err := second.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), s.data) {
		t.Errorf("the second server: %v %s", err, out)
	}
	must(t, s.api(t.Context(), http.MethodGet, "/backups", nil, nil))
}

// At shutdown, the server still answers a request in progress.
func TestTerminateServesOut(t *testing.T) {
	s := newServer(t, "AUTH=noauth")
	s.start()
	body := &slowBody{parts: []string{`{"volume": {"size": `, `1}}`}, first: make(chan struct{}), rest: make(chan struct{})}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v3/abc/volumes", body)
	must(t, err)
	r.Header.Set("X-Auth-Token", "tester:abc")
	r.Header.Set("Content-Type", "application/json")
	answers := make(chan error, 1)
	go func() {
		answer, err := http.DefaultClient.Do(r)
		if err == nil && answer.StatusCode != http.StatusAccepted {
			err = errors.New(answer.Status)
		}
		if err == nil {
			err = answer.Body.Close()
		}
		answers <- err
	}()
	<-body.first
	// Connections are accepted in order. Once a later one is served, the request's own has
	// been accepted.
	http.DefaultClient.CloseIdleConnections()
	must(t, s.api(t.Context(), http.MethodGet, "/backups", nil, nil))
	must(t, s.cmd.Process.Signal(os.Interrupt))
	poll(t, "it accepts no more", func() bool {
		err := s.api(t.Context(), http.MethodGet, "/backups", nil, nil)
		return errors.Is(err, errDown)
	})
	close(body.rest)
	if err := <-answers; err != nil {
		t.Errorf("the request: %v", err)
	}
	if err := <-s.done; err != nil {
		t.Errorf("the server: %v", err)
	}
	s.cmd = nil
}

// slowBody sends its second part when told to.
type slowBody struct {
	parts []string
	first chan struct{} // closed when the second part is requested
	rest  chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	if len(b.parts) == 1 {
		close(b.first)
		<-b.rest
	}
	if len(b.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.parts[0])
	b.parts = b.parts[1:]
	return n, nil
}

// A wrong configuration ends the server, which reports every error in it.
func TestMistakesEndTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	must(t, os.WriteFile(path, []byte("data: /d\nauth: basic\nlog: {level: loud}\nidentity: {region: ''}\n"), 0o600))
	for _, args := range [][]string{{"serve", "--config", path}, {"config", "check", "--config", path}} {
		_, err := command(args...)
		for _, want := range []string{"auth:", "log.level:", "identity.region:"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v does not tell of %s", args, err, want)
			}
		}
	}
	must(t, os.WriteFile(path, []byte("data: "+t.TempDir()+"\nlisten: 127.0.0.1:0\nidentity: {users: [{name: a, password_hash: x}]}\n"), 0o600))
	if _, err := command("serve", "--config", path); err == nil || !strings.Contains(err.Error(), "identity.users[0].password_hash") {
		t.Errorf("a bad hash: %v", err)
	}
	if _, err := command("serve", "--data", t.TempDir(), "--listen", "256.0.0.1:1"); err == nil {
		t.Error("an address that is none")
	}
	if _, err := command("serve", "extra"); err == nil {
		t.Error("an argument too many")
	}
}

func TestCommands(t *testing.T) {
	if out, err := command("config", "example"); err != nil || out != config.Example {
		t.Errorf("config example: %v %s", err, out)
	}
	path := filepath.Join(t.TempDir(), "c.yaml")
	must(t, os.WriteFile(path, []byte(config.Example), 0o600))
	t.Setenv("CINDERGATE_CONFIG", path)
	if out, err := command("config", "check"); err != nil || out != "the configuration is valid\n" {
		t.Errorf("config check: %v %s", err, out)
	}
	if out, err := command("version"); err != nil || out != version+"\n" {
		t.Errorf("version: %v %s", err, out)
	}
}
