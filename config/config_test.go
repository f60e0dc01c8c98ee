package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file is a configuration file with the text.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cindergate.yaml")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// flags are those of serve.
func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	set.String("data", "", "")
	set.String("listen", "", "")
	must(t, set.Parse(args))
	return set
}

// The documented example shows every setting, with its default.
func TestExampleIsTheDefaults(t *testing.T) {
	fromExample, err := Load(file(t, Example), nil)
	must(t, err)
	fromNothing, err := Load(file(t, "data: "+fromExample.Data), nil)
	must(t, err)
	fromExample.Identity.Users, fromExample.Identity.ApplicationCredentials, fromExample.Identity.Catalog = nil, nil, nil
	fromNothing.Identity.Users, fromNothing.Identity.ApplicationCredentials, fromNothing.Identity.Catalog = nil, nil, nil
	if !reflect.DeepEqual(fromExample, fromNothing) {
		t.Errorf("the example is %+v\nthe defaults are %+v", fromExample, fromNothing)
	}
	for key := range defaults {
		last := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(Example, "\n"+last+":") && !strings.Contains(Example, " "+last+":") {
			t.Errorf("%s is not in the example", key)
		}
	}
	// What is commented out is right as well.
	full, err := Load(file(t, strings.NewReplacer("users: []", "users:", "application_credentials: []", "application_credentials:",
		"catalog: []", "catalog:",
		"  #  ", "    ").Replace(Example)), nil)
	must(t, err)
	want := []User{{Name: "alice", PasswordHash: "$2b$12$...", Projects: []Assignment{{"research", "member"}}}}
	catalog := []CatalogEntry{{"object-store", "swift", "https://swift.example.com/v1/AUTH_%(project_id)s"}}
	if !reflect.DeepEqual(full.Identity.Users, want) || len(full.Identity.ApplicationCredentials) != 1 ||
		!reflect.DeepEqual(full.Identity.Catalog, catalog) {
		t.Errorf("users: %#v", full.Identity)
	}
}

// Every setting has a default, or the environment would not reach it.
func TestEveryKeyHasADefault(t *testing.T) {
	var walk func(prefix string, of reflect.Type)
	walk = func(prefix string, of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			key := prefix + f.Tag.Get("mapstructure")
			if _, ok := defaults[key]; !ok && f.Type.Kind() != reflect.Struct {
				t.Errorf("%s has no default", key)
			}
			if f.Type.Kind() == reflect.Struct {
				walk(key+".", f.Type)
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
}

func TestPrecedence(t *testing.T) {
	path := file(t, "data: /file\nlisten: 127.0.0.1:1\nlog: {level: warn}\nidentity: {token_lifetime: 90m}\nembedded: {quotas: {backups: 7}}")
	c, err := Load(path, flags(t))
	must(t, err)
	if c.Data != "/file" || c.Listen != "127.0.0.1:1" || c.Log.Level != "warn" || c.Log.Format != "auto" ||
		c.Identity.TokenLifetime != 90*time.Minute || c.Embedded.Quotas.Backups != 7 || c.Embedded.Quotas.Volumes != 10 {
		t.Errorf("file over defaults: %+v", c)
	}
	t.Setenv("CINDERGATE_LISTEN", "127.0.0.1:2")
	t.Setenv("CINDERGATE_LOG_LEVEL", "error")
	t.Setenv("CINDERGATE_IDENTITY_TOKEN_LIFETIME", "5m")
	t.Setenv("CINDERGATE_EMBEDDED_QUOTAS_BACKUPS", "-1")
	t.Setenv("CINDERGATE_CONFIG", "elsewhere") // the command reads it
	c, err = Load(path, flags(t))
	must(t, err)
	if c.Data != "/file" || c.Listen != "127.0.0.1:2" || c.Log.Level != "error" ||
		c.Identity.TokenLifetime != 5*time.Minute || c.Embedded.Quotas.Backups != -1 {
		t.Errorf("environment over file: %+v", c)
	}
	c, err = Load(path, flags(t, "--listen", "127.0.0.1:3", "--data", "/flag"))
	must(t, err)
	if c.Listen != "127.0.0.1:3" || c.Data != "/flag" || c.Log.Level != "error" {
		t.Errorf("flags over environment: %+v", c)
	}
}

// All mistakes are reported at once, each with its key.
func TestEveryMistakeIsReported(t *testing.T) {
	mistakes := map[string]string{ // setting: what is said
		"listen: nonsense":                         `listen: "nonsense" is not host:port`,
		"data: ''":                                 "data: a directory is required",
		"public_url: ftp://x":                      `public_url: "ftp://x" is not an http or https URL`,
		"auth: basic":                              `auth: "basic" is none of embedded, `,
		"tls.key: k":                               "tls: certificate and key go together",
		"log.level: loud":                          `log.level: "loud" is none of debug, info, warn, error`,
		"log.format: xml":                          `log.format: "xml" is none of auto, json, console`,
		"http.max_body: 10":                        "http.max_body: 10 bytes is less than 1024",
		"http.header_timeout: 0s":                  "http.header_timeout: must be more than 0",
		"http.read_timeout: -1s":                   "http.read_timeout: must be more than 0",
		"http.idle_timeout: 0s":                    "http.idle_timeout: must be more than 0",
		"http.shutdown_timeout: 0s":                "http.shutdown_timeout: must be more than 0",
		"identity.region: ''":                      "identity.region: must not be empty",
		"identity.token_lifetime: 0s":              "identity.token_lifetime: must be more than 0",
		"http.write_timeout: -1s":                  "http.write_timeout: must not be negative",
		"http.max_connections: -1":                 "http.max_connections: must not be negative",
		"http.max_requests: -1":                    "http.max_requests: must not be negative",
		"http.max_requests_per_project: -1":        "http.max_requests_per_project: must not be negative",
		"http.health_cache: -1s":                   "http.health_cache: must not be negative",
		"http.health_timeout: 0s":                  "http.health_timeout: must be more than 0",
		"metrics.listen: 9776":                     `metrics.listen: "9776" is not host:port`,
		"http.trusted_proxies: [here]":             `http.trusted_proxies: "here" is neither an address nor a network such as 10.0.0.0/8`,
		"identity.tokens_per_user: 0":              "identity.tokens_per_user: must be more than 0",
		"identity.logins.queue: -1":                "identity.logins.queue: must not be negative",
		"identity.logins.per_address: 0":           "identity.logins.per_address: must be more than 0",
		"identity.logins.per_user: 0":              "identity.logins.per_user: must be more than 0",
		"identity.logins.failures_per_address: -1": "identity.logins.failures_per_address: must not be negative",
		"identity.logins.failures_per_user: -1":    "identity.logins.failures_per_user: must not be negative",
		"embedded.compression: bz2":                `embedded.compression: "bz2" is none of zstd, zlib, none`,
		"embedded.block_size: 40000":               "embedded.block_size: 40000 is neither 0",
		"embedded.workers: 0":                      "embedded.workers: 0 is not between 1 and 64",
		"embedded.scrub.interval: 59s":             "embedded.scrub.interval: 59s is neither 0",
		"embedded.upload_expiry: 59s":              "embedded.upload_expiry: 59s is less than 1m",
		"embedded.copies.workers: 65":              "embedded.copies.workers: 65 is not between 1 and 64",
		"embedded.copies.attempts: 0":              "embedded.copies.attempts: 0 is not between 1 and 1000",
		"embedded.scrub.sample: 0%":                `embedded.scrub.sample: "0%" is not a share`,
		"embedded.host: ''":                        "embedded.host: must not be empty",
		"embedded.availability_zone: ''":           "embedded.availability_zone: must not be empty",
		"embedded.quotas.volumes: -2":              "embedded.quotas.volumes: -2 is less than -1 (no limit)",
		"embedded.quotas.snapshots: -2":            "embedded.quotas.snapshots: -2 is less than -1 (no limit)",
		"embedded.quotas.gigabytes: -2":            "embedded.quotas.gigabytes: -2 is less than -1 (no limit)",
		"embedded.quotas.per_volume_gigabytes: -2": "embedded.quotas.per_volume_gigabytes: -2 is less than -1 (no limit)",
		"embedded.quotas.backups: -2":              "embedded.quotas.backups: -2 is less than -1 (no limit)",
		"embedded.quotas.backup_gigabytes: -2":     "embedded.quotas.backup_gigabytes: -2 is less than -1 (no limit)",
		"embedded.quotas.groups: -2":               "embedded.quotas.groups: -2 is less than -1 (no limit)",
	}
	var text strings.Builder
	for setting := range mistakes {
		fmt.Fprintln(&text, setting)
	}
	_, err := Load(file(t, text.String()), nil)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range mistakes {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("not reported once: %s", want)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != len(mistakes) {
		t.Errorf("%d lines for %d mistakes:\n%v", lines, len(mistakes), err)
	}
}

// Variables that are no settings stop nothing: others set them, too.
func TestUnknownVariables(t *testing.T) {
	environ := []string{
		"CINDERGATE_PORT=tcp://10.0.0.1:8776", "CINDERGATE_SERVICE_HOST=10.0.0.1", "CINDERGATE_LOGLEVEL=debug",
		"CINDERGATE_LOG_LEVEL=info", "CINDERGATE_CONFIG=x", "PATH=/bin", "CINDERGATEX=1",
	}
	if got := UnknownEnv(environ); !slices.Equal(got, []string{"CINDERGATE_PORT", "CINDERGATE_SERVICE_HOST", "CINDERGATE_LOGLEVEL"}) {
		t.Errorf("unknown: %v", got)
	}
	for _, entry := range environ[:3] {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	_, err := Load(file(t, "data: /d"), nil)
	must(t, err)
}

// A setting of 0 is 0, and one that is left out, or has no value, is the default.
func TestZeroIsZero(t *testing.T) {
	load := func(settings string) Connection {
		t.Helper()
		c, err := Load(file(t, "data: /d\nbackends: {far: {driver: cinder, cinder: {url: 'https://volume.example.com', "+settings+"}}}"), nil)
		must(t, err)
		return c.Backends["far"].Cinder.Connection
	}
	def := load("")
	if def.Retries != 2 || def.RetryBudget != 10 || def.BreakAfter != 10 || def.BreakFor != 5*time.Second || def.MaxAnswer != 32<<20 {
		t.Errorf("defaults: %+v", def)
	}
	want := def
	want.Retries, want.RetryBudget, want.BreakAfter, want.BreakFor = 0, 0, 0, 0
	if got := load("retries: 0, retry_budget: 0, break_after: 0, break_for: 0"); got != want {
		t.Errorf("with 0: %+v", got)
	}
	if got := load("retries:, break_for: null"); got != def {
		t.Errorf("without values: %+v", got)
	}
	c, err := Load(file(t, "data: /d\nhttp: {write_timeout: 0, max_connections: 0, max_requests: 0, max_requests_per_project: 0, health_cache: 0}\n"+
		"identity: {logins: {queue: 0, failures_per_address: 0, failures_per_user: 0}}"), nil)
	must(t, err)
	if h := c.HTTP; h.WriteTimeout != 0 || h.MaxConnections != 0 || h.MaxRequests != 0 || h.MaxRequestsPerProject != 0 || h.HealthCache != 0 {
		t.Errorf("with 0: %+v", h)
	}
	if l := c.Identity.Logins; l.Queue != 0 || l.FailuresPerAddress != 0 || l.FailuresPerUser != 0 || l.PerUser != 32 {
		t.Errorf("with 0: %+v", l)
	}
}

func TestTrustedProxies(t *testing.T) {
	c, err := Load(file(t, "data: /d\nhttp: {trusted_proxies: [10.1.2.3/8, 192.0.2.7, '2001:db8::/32', '::ffff:192.0.2.9']}"), nil)
	must(t, err)
	got, err := c.HTTP.Proxies()
	must(t, err)
	if text := fmt.Sprint(got); text != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32 192.0.2.9/32]" {
		t.Error(text)
	}
}

func TestRefusedFiles(t *testing.T) {
	for text, want := range map[string]string{
		"dta: /x":                           "dta",
		"log: {levle: info}":                "levle",
		"embedded: {quotas: {backup: 1}}":   "backup",
		"identity: {users: [{nmae: x}]}":    "nmae",
		"embedded: {workers: many}":         "workers",
		"identity: {token_lifetime: 1 day}": "token_lifetime",
		"log: [":                            "cindergate.yaml",
		"\tlog: x":                          "cindergate.yaml",
	} {
		if _, err := Load(file(t, "data: /d\n"+text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	c, err := Load(file(t, "data: /d\nidentity: {users: [{name: a, password_hash: hush, projects: [{project: p, role: member}]}]}"), nil)
	must(t, err)
	if got := c.Identity.Users[0].PasswordHash.Reveal(); got != "hush" {
		t.Errorf("the hash is %q", got)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "hush") {
			t.Errorf("%s shows the hash: %s", format, text)
		}
	}
}

func TestBackends(t *testing.T) {
	c, err := Load(file(t, "data: /d"), nil)
	must(t, err)
	if len(c.Backends) != 1 || c.Backends["embedded"].Driver != DriverEmbedded || c.DefaultBackend != "embedded" {
		t.Errorf("without any: %+v, default %q", c.Backends, c.DefaultBackend)
	}
	c, err = Load(file(t, "data: /d\nbackends: {far: {driver: cinder, cinder: {url: 'https://volume.example.com'}}}"), nil)
	must(t, err)
	if c.DefaultBackend != "far" {
		t.Errorf("with one: default %q", c.DefaultBackend)
	}
	for text, want := range map[string]string{
		"{far: {driver: tape}}":                                          `backends.far.driver: "tape" is none of`,
		"{far: {driver: cinder}}":                                        `backends.far.cinder.url: "" is not an http or https URL`,
		"{a: {driver: embedded}, b: {driver: embedded}}":                 "backends: only one can have the driver embedded",
		"{a: {driver: embedded}}\ndefault_backend: b":                    `default_backend: "b" is none of the backends`,
		"{a: {driver: embedded}}\nprojects: {p: b}":                      `projects.p: "b" is none of the backends`,
		"{a: {driver: embedded, cindr: {url: x}}}":                       "cindr",
		"{}\nauth: keystone":                                             `keystone.url: "" is not an http or https URL`,
		"{}\nauth: keystone\nkeystone: {url: 'http://k', cache_time: 0}": "keystone.cache_time: must be more than 0",
	} {
		if _, err := Load(file(t, "data: /d\nbackends: "+text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
