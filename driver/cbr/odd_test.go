package cbr_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cindergate/driver"
	"cindergate/driver/cbr"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// An unexpected member keeps its zero value and affects neither the backup nor the list.
func TestOddMembers(t *testing.T) {
	for _, member := range []string{
		`"protected_at": "2020-02-23"`, `"protected_at": "2020-02-23 10:00:00.5"`, `"created_at": {}`, `"updated_at": "soon"`, `"extend_info": "{}"`,
		`"extend_info": {"incremental": "maybe", "snapshot_id": 7}`, `"resource_size": "ten"`, `"description": 7`, `"incremental": []`, `"vault_id": null`,
	} {
		l := open(t, cbr.Options{}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{})
		odd := fmt.Sprintf(`{"id": "%s", "name": "n", "status": "available", "resource_type": "OS::Cinder::Volume", %s}`, id, member)
		l.Inject(otcfake.Fault{Service: "cbr", Path: "/backups$", Status: http.StatusOK, Body: `{"backups": ["odd", ` + odd + `], "count": "2"}`})
		if page := l.list(driver.Query{Limit: 10}); len(page.Items) != 1 || *page.Items[0].Name != "n" {
			t.Errorf("%s: %+v", member, page.Items)
		}
		l.Inject(otcfake.Fault{Service: "cbr", Path: "/backups/" + id, Status: http.StatusOK, Body: `{"backup": ` + odd + `}`})
		if b := l.get(id); b.ID != id || *b.Name != "n" {
			t.Errorf("%s: %+v", member, b)
		}
	}
}

// An answer without the requested object does not mean that there is none: no list becomes
// empty, no backup NotFound, and no vault is made because of it.
func TestAnswersWithoutWhatWasAskedFor(t *testing.T) {
	for _, body := range []string{`{}`, `[]`, `null`, `"x"`, `{"backups": {}, "backup": [], "vaults": "", "operation_logs": 7}`} {
		l := open(t, cbr.Options{Vault: vaultName, Bind: true, CreateVault: true, VaultSize: 10}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{})
		inject := func(path string) {
			l.Inject(otcfake.Fault{Service: "cbr", Method: "GET", Path: path, Status: http.StatusOK, Body: body})
		}
		inject("/backups$")
		_, err := l.driver.ListBackups(t.Context(), l.caller, driver.Query{Limit: 10})
		wantError(t, err, driver.Unavailable, "it has no backups.")
		inject("/backups/" + id)
		_, err = l.driver.GetBackup(t.Context(), l.caller, id)
		wantError(t, err, driver.Unavailable, "it has no backup.")
		inject("/operation-logs$")
		_, err = l.driver.GetBackup(t.Context(), l.caller, id)
		wantError(t, err, driver.Unavailable, "it has no operation_logs.")
		inject("/vaults$")
		volume := l.AddVolume(l.project.ID, otcfake.Volume{})
		_, err = l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume})
		wantError(t, err, driver.Unavailable, "it has no vaults.")
		if n := len(l.asked("POST", "")); n != 0 {
			t.Errorf("%s: %d changes were sent", body, n)
		}
	}
}

// If the service returns fewer items than it documents, the count shows that more follow.
func TestCappedLists(t *testing.T) {
	l := open(t, cbr.Options{}, otcfake.Options{PageCap: 10})
	ids := l.many(53)
	for _, limit := range []int{1000, -1, 40} {
		want := 53
		if limit == 40 {
			want = 40
		}
		got := l.listed(driver.Query{Limit: limit})
		if len(got) != want || strings.Join(got, " ") != strings.Join(ids[:want], " ") {
			t.Errorf("limit %d: %d backups", limit, len(got))
		}
	}
	// The same holds for vaults and operation logs: the driver finds the last of many.
	for range 25 {
		l.AddVault(l.project.ID, otcfake.Vault{})
	}
	volume := l.AddVolume(l.project.ID, otcfake.Volume{})
	l.AddVault(l.project.ID, otcfake.Vault{Name: "the-last", VolumeIDs: []string{volume}})
	quotas, err := l.driver.Quotas(t.Context(), l.caller, l.project.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range quotas {
		if q.Resource == driver.QuotaBackupGigabytes && q.Limit != 27*1000 {
			t.Errorf("the vaults have %d GB", q.Limit)
		}
	}
}

// A caller who may not read the operation logs sees backups without reasons, whatever the
// code of the refusal. A refusal with 403 does not concern the token.
func TestOperationLogsThatMayNotBeRead(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError, http.StatusUnauthorized} {
		l := open(t, cbr.Options{}, otcfake.Options{})
		_, id := l.made(otcfake.Volume{})
		fault := otcfake.Refusal("cbr", "BackupService.9998")
		fault.Status, fault.Path, fault.Times = status, "/operation-logs", -1
		l.Inject(fault)
		if got := l.get(id); got.Status != driver.BackupAvailable {
			t.Errorf("%+v", got)
		}
		if n := len(l.listed(driver.Query{Limit: 10})); n != 1 {
			t.Errorf("%d backups", n)
		}
	}
	l := open(t, cbr.Options{}, otcfake.Options{})
	_, id := l.made(otcfake.Volume{})
	fault := otcfake.Refusal("cbr", "BackupService.9998")
	fault.Status, fault.Path = http.StatusForbidden, "/backups/"
	l.Inject(fault)
	_, err := l.driver.GetBackup(t.Context(), l.caller, id)
	wantError(t, err, driver.Forbidden, "The authentication failed.")
}

// Only Huawei's reference refuses < and > in descriptions.
func TestAnglesInDescriptions(t *testing.T) {
	both(t, func(t *testing.T, dialect otc.Dialect) {
		l := open(t, cbr.Options{Options: otc.Options{Dialect: dialect}}, otcfake.Options{})
		volume := l.bound(otcfake.Volume{})
		l.Forget()
		b, err := l.driver.CreateBackup(t.Context(), l.caller, driver.BackupSpec{VolumeID: volume, Description: ptr("a < b")})
		if dialect == otc.Huawei {
			wantError(t, err, driver.InvalidInput, "field description: this backend takes no < and >")
			if n := len(l.Requests()); n != 0 {
				t.Errorf("%d requests", n)
			}
			return
		}
		if err != nil || l.Backup(b.ID).Description != "a < b" {
			t.Errorf("%+v, %v", b, err)
		}
	})
}
