package config

import (
	"strings"
	"testing"
	"time"
)

func TestCBR(t *testing.T) {
	load := func(settings string) (CBR, error) {
		c, err := Load(file(t, "data: /d\nbackends: {a: {driver: cbr, cbr: {"+settings+"}}}"), nil)
		return c.Backends["a"].CBR, err
	}
	const known = "url: 'https://cbr.example.com', evs_url: none, "
	got, err := load(known)
	must(t, err)
	if got.Dialect != "otc" || got.FullBackup != "on-request" || got.IDTimeout != 45*time.Second || got.Bind || got.CreateVault || got.Vault != "" {
		t.Errorf("by default: %+v", got)
	}
	got, err = load(known + "vault: backups, bind: true, create_vault: true, vault_size: 200, dialect: huawei, full_backup: always, retries: 5")
	must(t, err)
	if got.Vault != "backups" || !got.Bind || !got.CreateVault || got.VaultSize != 200 || got.Dialect != "huawei" || got.FullBackup != "always" ||
		got.Retries != 5 {
		t.Errorf("%+v", got)
	}
	for settings, want := range map[string]string{
		"": "backends.a.cbr.url: must not be empty where neither identity_url nor keystone.url names a catalogue",
		known + "create_vault: true, vault: v, vault_size: 10":                             "backends.a.cbr.create_vault: needs bind",
		known + "bind: true, create_vault: true, vault_size: 10":                           `backends.a.cbr.vault: "" cannot be a vault's name`,
		known + "bind: true, create_vault: true, vault_size: 10, vault: 'a b'":             `backends.a.cbr.vault: "a b" cannot be a vault's name`,
		known + "bind: true, create_vault: true, vault: v":                                 "backends.a.cbr.vault_size: 0 is not between 10 and 10485760 GB",
		known + "bind: true, create_vault: true, vault: v, vault_size: 9":                  "backends.a.cbr.vault_size: 9 is not between",
		known + "bind: true, create_vault: true, vault: v, vault_size: 10485761":           "backends.a.cbr.vault_size: 10485761 is not between",
		known + "vault: v, vault_size: 10":                                                 "backends.a.cbr.vault_size: has no effect without create_vault",
		known + "dialect: telekom":                                                         `backends.a.cbr.dialect: "telekom" is none of otc, huawei`,
		known + "native: v2":                                                               "native",
		known + "break_for: -1s":                                                           "backends.a.cbr.break_for: must not be negative",
		known + "full_backup: sometimes, bind: true, create_vault: true, vault_size: 1000": "backends.a.cbr.full_backup",
	} {
		if _, err := load(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
}
