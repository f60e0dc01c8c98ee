package config

import (
	"strings"
	"testing"
	"time"
)

// Policies of a remote backend need one login, and each mistake is reported with its key.
func TestPolicyLogin(t *testing.T) {
	load := func(rest string) (Config, error) {
		return Load(file(t, "data: /d\nkeystone: {url: 'https://keystone.example.com/v3'}\nbackends:\n"+rest), nil)
	}
	const west = "  west: {driver: cinder, cinder: {url: 'https://west.example.com'}, policies: {"
	const credential = "application_credential_id: a, application_credential_secret: s"
	const user = "username: u, password: p, user_domain_name: d, project_name: q"
	c, err := load(west + credential + "}}")
	must(t, err)
	got := c.Backends["west"].Policies
	if got == nil || got.AuthURL != "https://keystone.example.com/v3" || got.ApplicationCredentialSecret.Reveal() != "s" || !c.FollowsRemotePolicies() || c.Policies.Remote.Poll != 2*time.Minute {
		t.Errorf("%+v", got)
	}
	if got.ApplicationCredentialSecret.String() != "[redacted]" || got.Password.String() != "[redacted]" {
		t.Error("a secret can be printed")
	}
	c, err = load("  otc: {driver: cbr, cbr: {identity_url: 'https://iam.example.com/v3'}, policies: {" + user + "}}")
	must(t, err)
	if got = c.Backends["otc"].Policies; got.AuthURL != "https://iam.example.com/v3" || got.ProjectDomainName != "d" || got.UserDomainName != "d" {
		t.Errorf("%+v", got)
	}
	for settings, want := range map[string]string{
		west + "application_credential_id: a}}":                                                    "backends.west.policies: exactly one of application_credential_secret,",
		west + "auth_url: 'https://k'}}":                                                           "backends.west.policies: exactly one of application_credential_id and username",
		west + credential + ", " + user + "}}":                                                     "backends.west.policies: exactly one of application_credential_id and username",
		west + credential + ", project_name: q}}":                                                  "backends.west.policies.project_name: has no effect",
		west + credential + ", auth_url: west}}":                                                   `backends.west.policies.auth_url: "west" is not an http or https URL`,
		west + credential + ", secret: s}}":                                                        "secret",
		west + "username: u, password: p, password_env: E, user_domain_name: d, project_name: q}}": "backends.west.policies: exactly one of password,",
		west + "username: u, password: p, project_name: q}}":                                       "backends.west.policies.user_domain_name: must not be empty",
		"  there: {driver: cbr, cbr: {url: 'https://x', evs_url: none}, policies: {" + user + "}}": "backends.there.policies: policies stand in the metadata of volumes",
		"  here: {driver: embedded, policies: {" + credential + "}}":                               "backends.here.policies: the driver embedded follows",
		"  here: {driver: embedded}\npolicies: {remote: {poll: 30s}}":                              "policies.remote.poll: 30s is not between 1m and 5m",
		"  here: {driver: embedded}\npolicies: {remote: {poll: 6m}}":                               "policies.remote.poll: 6m0s is not between 1m and 5m",
	} {
		if _, err := load(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
	_, err = Load(file(t, "auth: noauth\nbackends:\n"+west+credential+", auth_url: 'https://k'}}"), nil)
	if err == nil || !strings.Contains(err.Error(), "data: runs of policies are kept there, or in a database") {
		t.Errorf("without a place for rows: %v", err)
	}
}
