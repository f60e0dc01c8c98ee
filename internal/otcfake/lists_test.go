package otcfake

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// ids returns the ids of a list's items.
func (d document) ids(list string) string {
	var ids []string
	items, _ := d[list].([]any)
	for _, item := range items {
		id, _ := item.(map[string]any)["id"].(string)
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

// library has backups a, b and bb of a service, made in this order a day apart. bb is in
// error, and of another volume and vault.
func library(t *testing.T, dialect, service string) (*lab, *strings.Replacer) {
	l := newLab(t, Options{Dialect: dialect})
	first, second := l.AddVolume(l.project.ID, Volume{Name: "v1", SizeGiB: 30}), l.AddVolume(l.project.ID, Volume{Name: "v2"})
	one, two := l.AddVault(l.project.ID, Vault{}), l.AddVault(l.project.ID, Vault{})
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	add := func(name, volume, vault, status string, size int) string {
		day = day.AddDate(0, 0, 1)
		return l.AddBackup(l.project.ID, Backup{
			Name: name, Service: service, VolumeID: volume, VaultID: vault, Status: status, SizeGiB: size, CreatedAt: day,
		})
	}
	a := add("a", first, one, "available", 30)
	b := add("b", first, one, "protecting", 20)
	bb := add("bb", second, two, "error", 10)
	return l, strings.NewReplacer("%v1", first, "%v2", second, "%w2", two, "%a", a, "%bb", bb, "%b", b)
}

func TestListsOfVBS(t *testing.T) {
	for query, want := range map[string]string{
		"v2/%p/backups/detail":                                 "%bb %b %a",
		"v2/%p/backups/detail?name=b":                          "%b",
		"v2/%p/backups/detail?status=creating":                 "%b",
		"v2/%p/backups/detail?volume_id=%v1":                   "%b %a",
		"v2/%p/backups/detail?sort_key=name&sort_dir=asc":      "%a %b %bb",
		"v2/%p/backups/detail?sort_key=size&sort_dir=asc":      "%bb %b %a",
		"v2/%p/backups?sort_key=created_at&sort_dir=asc":       "%a %b %bb",
		"v2/%p/backups?limit=1&offset=1":                       "%b",
		"v2/%p/backups?offset=9":                               "",
		"v3/%p/backups/detail?sort_key=name&sort_dir=asc":      "%bb %b %a", // v3 does not sort
		"v3/%p/backups/detail?sort_key=nothing":                "%bb %b %a",
		"v3/%p/backups/detail?name~=b":                         "%bb %b",
		"v3/%p/backups/detail?status~=err":                     "%bb",
		"v3/%p/backups/detail?volume_id=%v2&with_count=true":   "%bb",
		"v3/%p/backups?with_count=true&limit=2&offset=0&name=": "",
	} {
		l, names := library(t, OTC, "vbs")
		r, _ := http.NewRequest("GET", l.server.URL+strings.ReplaceAll("/vbs/"+names.Replace(query), "%p", l.project.ID), nil)
		r.Header.Set("OpenStack-API-Version", "volume 3.45")
		status, d := l.send(r)
		if got := d.ids("backups"); status != 200 || got != names.Replace(want) {
			t.Errorf("%s: %d %s, want %s", query, status, got, names.Replace(want))
		}
		if _, counted := d["count"]; counted != strings.Contains(query, "with_count") {
			t.Errorf("%s: count %v", query, d["count"])
		}
	}
	// Both need a microversion.
	l, names := library(t, OTC, "vbs")
	d := l.want(200, "GET", "/vbs/v3/%p/backups?name~=bb&with_count=true", "")
	if got := d.ids("backups"); got != names.Replace("%bb %b %a") || d["count"] != nil {
		t.Errorf("without a microversion: %s, %v", got, d["count"])
	}
}

func TestListsOfCBR(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		for query, want := range map[string]string{
			"":                                     "%bb %b %a",
			"?name=b":                              "%bb %b", // by substring
			"?status=error&status=available":       "%bb %a",
			"?resource_id=%v1":                     "%b %a",
			"?resource_name=v2":                    "%bb",
			"?vault_id=%w2":                        "%bb",
			"?resource_az=eu-de-02":                "",
			"?own_type=shared":                     "",
			"?resource_type=OS::Nova::Server":      "",
			"?sort=name:asc":                       "%a %b %bb",
			"?sort=name":                           "%bb %b %a",
			"?sort=status:asc,created_at:desc":     "%a %bb %b",
			"?sort=protected_at:asc&limit=1":       "%a",
			"?limit=1&offset=2":                    "%a",
			"?marker=%b":                           "%a",
			"?sort=id:asc&marker=%a&limit=0":       "refused",
			"?sort=name:up":                        "refused",
			"?start_time=2026-11-03T00:00:00Z":     "%bb %b",
			"?end_time=2026-11-03T00:00:00Z":       "%b %a",
			"?sort=" + strings.Repeat("name,", 60): "refused",
		} {
			l, names := library(t, dialect, "cbr")
			status, d := l.call("GET", "/cbr/v3/%p/backups"+names.Replace(query), "")
			if want == "refused" {
				if status != 400 || d.text("error_code") != "BackupService.9900" {
					t.Errorf("%s: %d %v", query, status, d)
				}
				continue
			}
			if got := d.ids("backups"); status != 200 || got != names.Replace(want) {
				t.Errorf("%s: %d %s, want %s", query, status, got, names.Replace(want))
			}
		}
	})
}

func TestListsOfOperations(t *testing.T) {
	l, names := library(t, Huawei, "cbr")
	l.want(202, "POST", names.Replace("/cbr/v3/%p/backups/%a/restore"), names.Replace(`{"restore":{"volume_id":"%v1"}}`))
	l.want(204, "DELETE", names.Replace("/cbr/v3/%p/backups/%bb"), "")
	l.Settle()
	for query, want := range map[string]float64{
		"": 2, "?operation_type=restore": 1, "?operation_type=copy": 0, "?status=success": 2, "?status=failed": 0, "?resource_id=%v2": 1,
		"?resource_name=v1": 1, "?vault_id=%w2": 1, "?start_time=2100-01-01T00:00:00Z": 0, "?end_time=2000-01-01T00:00:00Z": 0, "?limit=1": 2,
		"?offset=1": 2,
	} {
		l.equal(l.want(200, "GET", "/cbr/v3/%p/operation-logs"+names.Replace(query), ""), "count", want)
	}
	d := l.want(200, "GET", "/cbr/v3/%p/operation-logs?limit=1", "")
	l.equal(d, "operation_logs.0.operation_type", "delete") // the newest first
	l.equal(d, "operation_logs.0.extra_info.delete.backup_name", "bb")
	l.equal(l.want(200, "GET", "/cbr/v3/%p/operation-logs/"+d.text("operation_logs.0.id"), ""), "operation_log.status", "success")
}

func TestVolumesFromSnapshotsAndVolumes(t *testing.T) {
	l := newLab(t, Options{Quotas: map[string]int{"snapshots": 1}})
	v := l.AddVolume(l.project.ID, Volume{SizeGiB: 7, Content: "bytes"})
	s := l.want(202, "POST", "/evs/v2/%p/snapshots", `{"snapshot":{"volume_id":"`+v+`","description":"d"}}`).text("snapshot.id")
	l.Settle()
	l.want(413, "POST", "/evs/v2/%p/snapshots", `{"snapshot":{"volume_id":"`+v+`"}}`)
	for _, source := range []string{`"snapshot_id":"` + s + `"`, `"source_volid":"` + v + `"`} {
		d := l.want(202, "POST", "/evs/v2/%p/volumes", `{"volume":{`+source+`}}`)
		l.Settle()
		if got := l.Volume(d.text("volume.id")); got.Content != "bytes" || got.SizeGiB != 7 {
			t.Errorf("of %s: %+v", source, got)
		}
	}
	for _, source := range []string{`"snapshot_id":"` + v + `"`, `"source_volid":"` + s + `"`} {
		l.want(404, "POST", "/evs/v2/%p/volumes", `{"volume":{`+source+`}}`)
	}
	l.want(404, "GET", "/evs/v2/%p/snapshots/"+v, "")
	l.want(400, "DELETE", "/evs/v2/%p/volumes/"+v, "") // it has a snapshot
	l.want(202, "DELETE", "/evs/v2/%p/volumes/"+v+"?cascade=true", "")
	l.Settle()
	if left := l.Snapshots(l.project.ID); len(left) != 0 || l.Volume(v).ID != "" {
		t.Errorf("left: %+v", left)
	}
}
