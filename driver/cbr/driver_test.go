package cbr_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

func TestDelete(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{})
		if err := l.driver.DeleteBackup(t.Context(), l.caller, id); err != nil {
			t.Fatal(err)
		}
		if got := l.get(id).Status; got != driver.BackupDeleting {
			t.Errorf("it is %s", got)
		}
		wantError(t, l.driver.DeleteBackup(t.Context(), l.caller, id), driver.InvalidState, "Backup status must be available or error")
		l.Settle()
		wantError(t, l.driver.DeleteBackup(t.Context(), l.caller, id), driver.NotFound, "Backup "+id+" could not be found.")
		// Fails while a backup of the same volume runs; only the service knows.
		volume, id := l.made(otcfake.Volume{})
		l.create(driver.BackupSpec{VolumeID: volume})
		wantError(t, l.driver.DeleteBackup(t.Context(), l.caller, id), driver.InvalidState, "is running")
	})
}

func TestUpdate(t *testing.T) {
	name := func(n string) driver.BackupPatch { return driver.BackupPatch{Name: driver.Some(&n)} }
	otcLab := open(t, cbr.Options{}, otcfake.Options{})
	_, id := otcLab.made(otcfake.Volume{})
	_, err := otcLab.driver.UpdateBackup(t.Context(), otcLab.caller, id, name("n"))
	wantError(t, err, driver.NotSupported, "changing backups: the service has no such function")

	l := open(t, cbr.Options{Options: otc.Options{Dialect: otc.Huawei}}, otcfake.Options{})
	_, id = l.made(otcfake.Volume{})
	b, err := l.driver.UpdateBackup(t.Context(), l.caller, id, name("新-1"))
	if err != nil || *b.Name != "新-1" || l.Backup(id).Name != "新-1" {
		t.Errorf("%v %+v", err, b)
	}
	if sent := l.asked("PUT", ""); len(sent) != 1 || string(sent[0].Body) != `{"backup":{"name":"新-1"}}` {
		t.Errorf("sent %+v", sent)
	}
	if b, err := l.driver.UpdateBackup(t.Context(), l.caller, id, driver.BackupPatch{}); err != nil || *b.Name != "新-1" {
		t.Errorf("nothing to change: %v %+v", err, b)
	}
	for what, patch := range map[string]driver.BackupPatch{
		"description": {Name: driver.Some(ptr("n")), Description: driver.Some(ptr("d"))},
		"metadata":    {Metadata: driver.Some(map[string]string{"a": "b"})},
	} {
		_, err := l.driver.UpdateBackup(t.Context(), l.caller, id, patch)
		wantError(t, err, driver.NotSupported, what)
	}
	for _, patch := range []driver.BackupPatch{name("a b"), name(""), {Name: driver.Some[*string](nil)}} {
		_, err := l.driver.UpdateBackup(t.Context(), l.caller, id, patch)
		wantError(t, err, driver.InvalidInput, "field name")
	}
	if n := len(l.asked("PUT", "")); n != 1 {
		t.Errorf("%d changes were sent", n)
	}
	_, err = l.driver.UpdateBackup(t.Context(), l.caller, "00000000-1111-4222-8333-444444444444", name("n"))
	wantError(t, err, driver.NotFound, "could not be found")
}

func TestQuotas(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{Quotas: map[string]int{"volumes": 9}})
	l.ChangeVault(l.vault, func(v *otcfake.Vault) { v.SizeGiB = 100 })
	l.AddVault(l.project.ID, otcfake.Vault{SizeGiB: 50})
	l.made(otcfake.Volume{})
	quotas, err := l.driver.Quotas(t.Context(), l.caller, l.project.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []driver.Quota{
		{Resource: "volumes", Limit: 9, InUse: 1}, {Resource: "backups", Limit: -1, InUse: 1}, {Resource: "backup_gigabytes", Limit: 150, InUse: 10},
	} {
		if !slices.Contains(quotas, want) {
			t.Errorf("%+v is not in %+v", want, quotas)
		}
	}
	_, err = l.driver.Quotas(t.Context(), l.caller, "another")
	wantError(t, err, driver.NotSupported, "quotas of other projects")
	l = open(t, cbr.Options{Options: otc.Options{EVSURL: otc.None}}, otcfake.Options{})
	if quotas, err = l.driver.Quotas(t.Context(), l.caller, l.project.ID); err != nil || len(quotas) != 2 {
		t.Errorf("without EVS: %v %+v", err, quotas)
	}
}

func TestProbe(t *testing.T) {
	l := open(t, cbr.Options{Vault: vaultName}, otcfake.Options{})
	volume := l.bound(otcfake.Volume{})
	l.AddBackup(l.project.ID, otcfake.Backup{Service: "cbr", VaultID: l.vault, VolumeID: volume, SizeGiB: 7})
	findings, err := l.driver.Probe(t.Context(), l.caller)
	told := strings.Join(findings, "\n")
	for _, want := range []string{
		"CBR is at " + l.url + "/cbr", "EVS is at " + l.url + "/evs", "restore_volume_type is not set",
		"vault " + l.vault + " (" + vaultName + ") is available, with 1 volumes and 7 of 1000 GB in use",
	} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told in\n%s", want, told)
		}
	}
	if err != nil {
		t.Error(err)
	}
	for _, test := range []struct {
		o    cbr.Options
		told string
	}{
		{cbr.Options{Options: otc.Options{EVSURL: otc.None}}, "without EVS: no volumes"},
		{cbr.Options{}, "vault is not set: only volumes that are in a vault"},
		{cbr.Options{Vault: "other"}, "vault other is not in the project of who asks"},
	} {
		findings, err := open(t, test.o, otcfake.Options{}).probed()
		if !strings.Contains(findings, test.told) || err != nil {
			t.Errorf("%+v: %v\n%s", test.o, err, findings)
		}
	}
	if findings, err := open(t, cbr.Options{Vault: "other", CreateVault: true}, otcfake.Options{}).probed(); err != nil || strings.Contains(findings, "other") {
		t.Errorf("a vault that will be made: %v\n%s", err, findings)
	}
	l.caller.Token = ""
	if findings, err := l.driver.Probe(t.Context(), l.caller); err != nil || !strings.Contains(findings[0], "nobody to log in as") {
		t.Errorf("without a token: %v %v", findings, err)
	}
	l = open(t, cbr.Options{}, otcfake.Options{Without: []string{"cbr"}})
	if _, err := l.driver.Probe(t.Context(), l.caller); driver.KindOf(err) != driver.NotSupported {
		t.Errorf("a region without CBR: %v", err)
	}
}

func (l *lab) probed() (string, error) {
	findings, err := l.driver.Probe(l.t.Context(), l.caller)
	return strings.Join(findings, "\n"), err
}

func TestCheck(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{})
	if err := l.driver.Check(t.Context()); err != nil {
		t.Error(err)
	}
	l.Inject(otcfake.Fault{Status: http.StatusInternalServerError})
	wantError(t, l.driver.Check(t.Context()), driver.Unavailable, "status 500")
	if minor, err := l.driver.MaxMicroversion(t.Context()); minor != 70 || err != nil {
		t.Errorf("microversion 3.%d, %v", minor, err)
	}
}
