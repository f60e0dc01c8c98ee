package config

import (
	"strings"
	"testing"
)

// A backend takes copies by one secret, and each mistake is reported with its key.
func TestCopyTarget(t *testing.T) {
	load := func(rest string) (Config, error) {
		return Load(file(t, "data: /d\ndefault_backend: here\nkeystone: {url: 'https://keystone.example.com/v3'}\nbackends:\n  here: {driver: embedded}\n"+rest), nil)
	}
	const west = "  west: {driver: cinder, cinder: {url: 'https://west.example.com'}, copies: {"
	c, err := load(west + "application_credential_id: abc, application_credential_secret_env: WEST}}")
	must(t, err)
	got := c.Backends["west"].Copies
	if got == nil || got.AuthURL != "https://keystone.example.com/v3" || got.Interface != "public" || got.ApplicationCredentialSecretEnv != "WEST" || c.Backends["here"].Copies != nil {
		t.Errorf("%+v", got)
	}
	if c.Embedded.Copies != (Copies{Workers: 2, Attempts: 10}) {
		t.Errorf("by default: %+v", c.Embedded.Copies)
	}
	for settings, want := range map[string]string{
		west + "application_credential_secret: s}}": "backends.west.copies.application_credential_id: must not be empty",
		west + "application_credential_id: a}}":     "backends.west.copies: exactly one of",
		west + "application_credential_id: a, application_credential_secret: s, application_credential_secret_file: f}}":                           "application_credential_secret and application_credential_secret_file exclude each other",
		west + "application_credential_id: a, application_credential_secret: s, auth_url: west}}":                                                  `backends.west.copies.auth_url: "west" is not an http or https URL`,
		west + "application_credential_id: a, application_credential_secret: s, interface: inside}}":                                               `backends.west.copies.interface: "inside" is none of public, internal, admin`,
		west + "application_credential_id: a, application_credential_secret: s, password: p}}":                                                     "password",
		"  there: {driver: cbr, cbr: {url: 'https://x', evs_url: none}, copies: {application_credential_id: a, application_credential_secret: s}}": "backends.there.copies: only a backend with the driver cinder takes copies",
	} {
		if _, err := load(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
	_, err = Load(file(t, "backends:\n"+west+"application_credential_id: a, application_credential_secret: s, auth_url: 'https://k'}}"), nil)
	if err == nil || !strings.Contains(err.Error(), "backends.west.copies: no backend has the driver embedded") {
		t.Errorf("without an embedded backend: %v", err)
	}
	if c.Backends["west"].Copies.ApplicationCredentialSecret.String() != "[redacted]" {
		t.Error("the secret can be printed")
	}
}
