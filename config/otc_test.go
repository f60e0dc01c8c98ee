package config

import (
	"strings"
	"testing"
	"time"
)

// The backends that the example shows can be used as they stand.
func TestExampleBackends(t *testing.T) {
	before, after, _ := strings.Cut(Example, "backends: {}\n")
	lines := strings.Split(after, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "#") {
			break
		}
		lines[i] = strings.Replace(line, "#", "", 1)
	}
	text := before + "backends:\n" + strings.Join(lines, "\n")
	text = strings.Replace(text, `url: ""               # https://identity`, `url: https://iam.example.com/v3 # https://identity`, 1)
	text = strings.Replace(text, `default_backend: ""`, "default_backend: telekom", 1)
	c, err := Load(file(t, text), nil)
	must(t, err)
	shown := Connection{
		ConnectTimeout: 5 * time.Second, AnswerTimeout: time.Minute, MaxAnswer: 32 << 20,
		Retries: 2, RetryBudget: 10, BreakAfter: 10, BreakFor: 5 * time.Second,
	}
	want := OTC{
		Dialect: "otc", IdentityURL: "https://iam.example.com/v3", Region: "eu-de", FullBackup: "on-request", IDTimeout: 45 * time.Second,
		Connection: shown,
	}
	if got := c.Backends["telekom"].VBS; got.OTC != want || got.Native != "v2" {
		t.Errorf("%+v", got)
	}
	if got := c.Backends["huawei"].CBR; got.Dialect != "huawei" || got.Vault != "backups" || got.IdentityURL != "https://iam.example.com/v3" {
		t.Errorf("%+v", got)
	}
	if got := c.Backends["east"].Cinder; got.Connection != shown || got.URL != "https://volume.east.example.com:8776" || got.Restore != "any" {
		t.Errorf("%+v", got)
	}
}

func TestVBS(t *testing.T) {
	load := func(settings string) (VBS, error) {
		c, err := Load(file(t, "data: /d\nbackends: {a: {driver: vbs, vbs: {"+settings+"}}}"), nil)
		return c.Backends["a"].VBS, err
	}
	got, err := load("url: 'https://vbs.example.com', evs_url: none")
	must(t, err)
	if got.Dialect != "otc" || got.Native != "v2" || got.FullBackup != "on-request" || got.IDTimeout != 45*time.Second || got.EVSURL != None {
		t.Errorf("%+v", got)
	}
	const known = "url: 'https://vbs.example.com', evs_url: 'https://evs.example.com', "
	for settings, want := range map[string]string{
		"":                                             "backends.a.vbs.url: must not be empty where neither identity_url nor keystone.url names a catalogue",
		"url: 'https://vbs.example.com'":               "backends.a.vbs.evs_url: must not be empty where neither identity_url nor keystone.url names a catalogue",
		"url: none, evs_url: none":                     `backends.a.vbs.url: "none" is not an http or https URL`,
		"url: 'https://x', evs_url: 'ftp://x'":         `backends.a.vbs.evs_url: "ftp://x" is not an http or https URL`,
		"identity_url: iam":                            `backends.a.vbs.identity_url: "iam" is not an http or https URL`,
		known + "dialect: telekom":                     `backends.a.vbs.dialect: "telekom" is none of otc, huawei`,
		known + "native: v1":                           `backends.a.vbs.native: "v1" is none of v2, v3`,
		known + "dialect: huawei, native: v3":          "backends.a.vbs.native: v3 is of dialect otc only",
		known + "full_backup: sometimes":               `backends.a.vbs.full_backup: "sometimes" is none of always, on-request, never`,
		known + "dialect: huawei, full_backup: always": "backends.a.vbs.full_backup: always is of dialect otc only",
		known + "id_timeout: -1s":                      "backends.a.vbs.id_timeout: must not be negative",
		known + "answer_timeout: -1s":                  "backends.a.vbs.answer_timeout: must not be negative",
		known + "id_timeout: 0":                        "backends.a.vbs.id_timeout: must be more than 0",
		known + "connect_timeout: 0s":                  "backends.a.vbs.connect_timeout: must be more than 0",
		known + "answer_timeout: 0":                    "backends.a.vbs.answer_timeout: must be more than 0",
		known + "max_answer: 0":                        "backends.a.vbs.max_answer: 0 bytes is less than 65536",
		known + "retries: -1":                          "backends.a.vbs.retries: must not be negative",
		known + "vault: x":                             "vault",
	} {
		if _, err := load(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
}
