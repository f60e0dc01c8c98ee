package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestStores(t *testing.T) {
	c, err := Load(file(t, `
data: /d
default_store: archive
stores:
  archive: {driver: s3, s3: {endpoint: "https://s3.example.com", access_key: AK, secret_key: hush-s3, sse_customer_key: 0123456789abcdef0123456789hush-k}}
  cold: {driver: swift, swift: {auth_url: "https://keystone.example.com/v3", user: u, key: hush-swift, project: p, patience: 1m}}
  nfs: {driver: dir, dir: {path: /mnt/backups}}
`), nil)
	must(t, err)
	s3, swift := c.Stores["archive"].S3, c.Stores["cold"].Swift
	if s3.Bucket != "volumebackups" || s3.Region != "us-east-1" || s3.Uploads != 16 || s3.Patience != 5*time.Minute || s3.StallTimeout != time.Minute ||
		swift.Container != "volumebackups" || swift.AuthVersion != 3 || swift.UserDomain != "default" || swift.Patience != time.Minute || swift.RetryBudget != 10 {
		t.Errorf("%+v\n%+v", s3, swift)
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "hush") {
		t.Error("a secret is printed")
	}
}

// perUser returns a swift store with these settings and a login without a project.
func perUser(settings string) string {
	return "stores: {a: {driver: swift, swift: {auth_url: 'https://x', user: u, key: k, " + settings + "}}}\n"
}

func TestPerUserStore(t *testing.T) {
	c, err := Load(file(t, "data: /d\nauth: keystone\nkeystone: {url: 'https://x', username: u, password: p}\n"+perUser("auth: per_user, trust_roles: [operator]")), nil)
	must(t, err)
	if s := c.Stores["a"].Swift; s.Auth != SwiftPerUser || len(s.TrustRoles) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestStoreMistakes(t *testing.T) {
	for settings, want := range map[string]string{
		"stores: {a: {driver: gcs}}":                                                                                 "stores.a.driver: \"gcs\" is none of dir, s3, swift",
		"stores: {a b: {driver: dir, dir: {path: /x}}}":                                                              "stores.a b: a name has",
		"stores: {local: {driver: dir, dir: {path: /x}}}":                                                            "stores.local: this name is that of the store in the data directory",
		"stores: {a: {driver: dir, dir: {path: x}}}":                                                                 "stores.a.dir.path: \"x\" is not an absolute path",
		"stores: {a: {driver: s3, s3: {endpoint: x}}}":                                                               "stores.a.s3.endpoint: \"x\" is not an http or https URL",
		"stores: {a: {driver: s3, s3: {endpoint: 'https://x', access_key: k}}}":                                      "stores.a.s3: access_key and secret_key go together",
		"stores: {a: {driver: s3, s3: {endpoint: 'https://x', sse_customer_key: short}}}":                            "stores.a.s3.sse_customer_key: it has 5 bytes, not 32",
		"stores: {a: {driver: s3, s3: {endpoint: 'https://x', sse_customer_key: k, sse_customer_key_file: f}}}":      "exclude each other",
		"stores: {a: {driver: s3, s3: {endpoint: 'https://x', uploads: 0}}}":                                         "stores.a.s3.uploads: 0 is not between 1 and 256",
		"stores: {a: {driver: s3, s3: {endpoint: 'https://x', patience: 0s}}}":                                       "stores.a.s3.patience: must be more than 0",
		"stores: {a: {driver: swift, swift: {auth_url: 'https://x'}}}":                                               "stores.a.swift: user with key or key_file, or an application credential, is required",
		"stores: {a: {driver: swift, swift: {auth_url: 'https://x', user: u, key: k}}}":                              "stores.a.swift.project: must not be empty",
		"stores: {a: {driver: swift, swift: {auth_url: 'https://x', user: u, key: k, project: p, auth_version: 2}}}": "stores.a.swift.auth_version: 2 is neither 3 (Keystone) nor 1 (tempauth)",
		perUser("auth: per-user"):                                                                                    "stores.a.swift.auth: \"per-user\" is none of single_user, per_user",
		perUser("auth: per_user, auth_version: 1") + "auth: keystone":                                                "stores.a.swift.auth: per_user needs auth_version 3, not 1",
		perUser("auth: per_user"):                                                                                    "stores.a.swift.auth: per_user needs auth: keystone, not",
		perUser("auth: per_user, storage_url: 'https://x'"):                                                          "stores.a.swift.storage_url: it is the URL of one account",
		perUser("auth: per_user, application_credential_id: i"):                                                      "stores.a.swift.application_credential_id: per_user needs user",
		perUser("auth: per_user, trust_roles: [member, '']"):                                                         "stores.a.swift.trust_roles: the name of a role must not be empty",
		perUser("trust_roles: [member]"):                                                                             "stores.a.swift.trust_roles: it is only used with auth: per_user",
		"default_store: a":                                                                                           "default_store: \"a\" is neither local nor one of the stores",
		"stores: {a: {driver: dir, dir: {path: /x}}}\nbackends: {far: {driver: cinder, cinder: {url: 'https://x'}}}": "stores: no backend has the driver embedded",
	} {
		_, err := Load(file(t, "data: /d\n"+settings), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\t%v\n\twant %s", settings, err, want)
		}
	}
}
