package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cindergate/internal/otcfake"
)

// remote is a project of Open Telekom Cloud with a configuration of a gateway that follows its policies.
type remote struct {
	*otcfake.Cloud
	project otcfake.Project
	config  string
}

func newRemote(t *testing.T, more string) *remote {
	t.Helper()
	r := &remote{Cloud: otcfake.New(otcfake.Options{Auto: true}), config: filepath.Join(t.TempDir(), "cindergate.yaml")}
	served := httptest.NewServer(r.Cloud)
	t.Cleanup(served.Close)
	r.project = r.AddProject("demo")
	must(t, os.WriteFile(r.config, fmt.Appendf(nil, `auth: noauth
backends:
  telekom:
    driver: vbs
    vbs: {identity_url: "%s/iam/v3", region: eu-de}
    policies: {username: demo, password_env: TELEKOM, user_domain_name: default, project_name: demo}
%s`, served.URL, more), 0o600))
	t.Setenv("TELEKOM", r.project.Password)
	return r
}

func metricsOf(t *testing.T, s *server) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/metrics", nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(text)
}

// Policies of a remote backend are explained whether the gateway runs or not, and its metrics show them.
func TestPoliciesOfARemoteBackend(t *testing.T) {
	r := newRemote(t, "")
	good := r.AddVolume(r.project.ID, otcfake.Volume{Name: "db", Metadata: map[string]string{"cindergate:backup": "monthly 1 02:30; keep=2"}})
	bad := r.AddVolume(r.project.ID, otcfake.Volume{Name: "bad", Metadata: map[string]string{"cindergate:backup": "monthly 40 02:30"}})
	s := newServer(t, "CONFIG="+r.config)
	explain := func(id string, flags ...string) (string, error) {
		return command(append([]string{"policy", "explain", id, "--config", r.config, "--data", s.data}, flags...)...)
	}
	told := func(from string, asks ...string) {
		t.Helper()
		out, err := explain(good)
		if err != nil || !strings.Contains(out, "telekom") || !strings.Contains(out, "monthly 1 02:30; keep=2") {
			t.Errorf("%s: %v\n%s", from, err, out)
		}
		out, err = explain(bad, "--backend", "Telekom")
		if err != nil || !strings.Contains(out, `"40"`) {
			t.Errorf("%s: %v\n%s", from, err, out)
		}
		if out, err = explain(good, "--dry-run", "hourly :07"); err != nil || !strings.Contains(out, "each hour at minute 07") {
			t.Errorf("%s: %v\n%s", from, err, out)
		}
		for _, ask := range asks {
			if _, err = explain(good, "--backend", ask); err == nil || !strings.Contains(err.Error(), "is none of the backends whose policies are followed: telekom") {
				t.Errorf("%s, %s: %v", from, ask, err)
			}
		}
		if _, err = explain("no-such-volume"); err == nil || !strings.Contains(err.Error(), "could not be found") {
			t.Errorf("%s: %v", from, err)
		}
	}
	told("stopped", "west")
	s.start()
	poll(t, "the first look", func() bool {
		return strings.Contains(metricsOf(t, s), "cindergate_policy_problem{project=\""+r.project.ID+"\",volume=\""+bad+"\"} 1")
	})
	told("running")
	text := metricsOf(t, s)
	for _, want := range []string{
		"cindergate_policy_volumes 1\n", `cindergate_policy_failures{project="` + r.project.ID + `",volume="` + good + `"} 0`, `cindergate_policy_last_look_timestamp_seconds{backend="telekom"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(text, `cindergate_policy_failures{project="`+r.project.ID+`",volume="`+bad) {
		t.Error("a volume whose policy is not in force counts as one that is")
	}
	if strings.Contains(s.out.String(), r.project.Password) {
		t.Error("the log has the password")
	}
	out, err := command("policy", "simulate", good, "--config", r.config, "--data", s.data, "--from", "2027-01-01", "--to", "2027-03-31")
	if err != nil || !strings.Contains(out, "run-3") || strings.Contains(out, "run-4") {
		t.Errorf("simulated: %v\n%s", err, out)
	}
}

func TestCheckOnlineOfPolicies(t *testing.T) {
	r := newRemote(t, "data: /d\n")
	r.AddVolume(r.project.ID, otcfake.Volume{Metadata: map[string]string{"cindergate:backup": "hourly"}})
	out, err := command("config", "check", "--online", "--config", r.config)
	if err != nil || !strings.Contains(out, "telekom: policies are followed in project "+r.project.ID+": 1 volumes, 1 with a policy in their metadata; backups tell their slot in their names") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Setenv("TELEKOM", "wrong")
	_, err = command("config", "check", "--online", "--config", r.config)
	if err == nil || !strings.Contains(err.Error(), "telekom: policies: The login at backend telekom was refused with status 401") {
		t.Errorf("%v", err)
	}
	t.Setenv("TELEKOM", "")
	_, err = command("config", "check", "--config", r.config)
	if err == nil || !strings.Contains(err.Error(), "backends.telekom.policies.password_env: the environment has no variable TELEKOM") {
		t.Errorf("%v", err)
	}
}

// With an embedded backend, --backend says which volumes are meant.
func TestWhichBackendIsExplained(t *testing.T) {
	r := newRemote(t, "  here: {driver: embedded}\ndefault_backend: here\n")
	id := r.AddVolume(r.project.ID, otcfake.Volume{Metadata: map[string]string{"cindergate:backup": "hourly"}})
	s := newServer(t, "CONFIG="+r.config)
	s.start()
	if _, err := command("policy", "explain", id, "--config", r.config, "--data", s.data); err == nil || !strings.Contains(err.Error(), "could not be found. (backend here was asked; --backend names another one)") {
		t.Errorf("%v", err)
	}
	if out, err := command("policy", "explain", id, "--config", r.config, "--data", s.data, "--backend", "telekom"); err != nil || !strings.Contains(out, "each hour") {
		t.Errorf("%v\n%s", err, out)
	}
}
