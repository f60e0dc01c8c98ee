package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// config check reports every error in users, credentials and password files.
func TestCheckReadsUsersAndHashes(t *testing.T) {
	const hash = "$2a$04$0123456789012345678901uFI7sf9tkM0sLXD5cfm4XsLPPiVWSF2"
	path := filepath.Join(t.TempDir(), "cindergate.yaml")
	check := func(text string) (string, error) {
		must(t, os.WriteFile(path, []byte("data: /d\n"+text), 0o600))
		return command("config", "check", "--config", path)
	}
	_, err := check(`
log: {level: loud}
tls: {certificate: /none.pem, key: /none.pem}
identity:
  users:
    - {name: alice, password_hash: secret, projects: [{project: p, role: owner}]}
    - {name: bob, password_hash: "` + hash + `", projects: [{project: p, role: member}, {project: p, role: reader}, {project: "", role: reader}]}
    - {name: bob, password_hash: "` + hash + `", projects: [{project: p, role: member}]}
  application_credentials:
    - {name: a, secret_hash: x, user: bob, project: p, role: reader}
    - {name: b, secret_hash: "` + hash + `", user: mallory, project: p, role: reader}
    - {secret_hash: "` + hash + `", user: bob, project: p, role: reader}
backends: {far: {driver: cinder, cinder: {url: "https://volume.example.com", ca_file: /none.pem}}}
`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"log.level: ", "tls: open /none.pem", "backends.far: open /none.pem",
		"identity.users[0].password_hash: neither a bcrypt nor an argon2id hash", "identity.users[0]: projects.p: role \"owner\"",
		`identity.users[1].projects[1].project: "p" is there twice`, "identity.users[1].projects[2].project: must not be empty",
		`identity.users[2]: name "bob" is there twice`,
		"identity.application_credentials[0].secret_hash: ", `identity.application_credentials[1]: user "mallory" is not among the users`,
		"identity.application_credentials[2]: id or name must not be empty",
	} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("not reported once: %s", want)
		}
	}
	if strings.Contains(err.Error(), hash) || strings.Contains(err.Error(), "secret\n") {
		t.Errorf("a hash is shown: %v", err)
	}
	t.Setenv("CINDERGATE_PORT", "tcp://10.0.0.1:8776")
	out, err := check("identity: {users: [{name: a, password_hash: '" + hash + "', projects: [{project: p, role: member}]}]}")
	if err != nil || out != "warning: CINDERGATE_PORT: no such setting\nthe configuration is valid\n" {
		t.Errorf("%q %v", out, err)
	}
}

// The limit of connections leaves file descriptors for the store.
func TestConnectionsWithinDescriptors(t *testing.T) {
	for descriptors, want := range map[uint64]int{0: 8, 64: 8, 256: 48, 1024: 432, 1 << 20: 1<<19 - 80, 1<<64 - 1: 1<<29 - 80} {
		if got := connectionsWithin(descriptors, 2); got != want {
			t.Errorf("%d descriptors: %d connections", descriptors, got)
		}
	}
}
