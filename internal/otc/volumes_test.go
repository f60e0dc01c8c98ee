package otc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cindergate/driver"
)

// backup returns the only backup.
func backup(_ context.Context, _ driver.Caller, id string) (driver.Backup, error) {
	switch id {
	case backupID:
		return driver.Backup{ID: id, VolumeID: volumeID, Status: driver.BackupAvailable, AvailabilityZone: "eu-de-02"}, nil
	case volumeID:
		return driver.Backup{ID: id, Status: driver.BackupCreating}, nil
	}
	return driver.Backup{}, driver.BackupNotFound(id)
}

func TestGetVolume(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v2/abc123/volumes/" + volumeID: {
		{200, `{"volume": {"id": "` + volumeID + `", "size": 40, "status": "in-use", "volume_type": "SSD", "availability_zone": "eu-de-01",
			"created_at": "2016-02-03T02:19:29.895237", "os-vol-tenant-attr:tenant_id": "abc123", "metadata": {}}}`},
		{404, `{"itemNotFound": {"message": "Volume gone at http://10.0.0.7", "code": 404}}`},
	}})
	v := volumes(t, s, nil)
	got, err := v.GetVolume(t.Context(), member, volumeID)
	if err != nil || got.Size != 40 || got.Status != "in-use" || got.VolumeType != "SSD" || got.ProjectID != "abc123" || got.CreatedAt.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = v.GetVolume(t.Context(), member, volumeID)
	wantError(t, err, driver.NotFound, "Volume "+volumeID+" could not be found.")
	_, err = v.GetVolume(t.Context(), member, "../quotas")
	wantError(t, err, driver.NotFound, "Volume ../quotas could not be found.")
	if s.count("") != 2 {
		t.Errorf("asked %q", s.asked)
	}
}

func TestListVolumesReadsAllPages(t *testing.T) {
	page := func(from, to int) answer {
		var items []string
		for i := from; i < to; i++ {
			items = append(items, fmt.Sprintf(`{"id": "v%04d", "size": %d, "status": "available"}`, i, i%7))
		}
		return answer{200, `{"volumes": [` + strings.Join(items, ",") + `]}`}
	}
	s := serve(t, map[string][]answer{"GET /v2/abc123/volumes/detail": {page(0, MaxPage), page(MaxPage, 1500)}})
	found, err := volumes(t, s, nil).ListVolumes(t.Context(), member, driver.Query{
		Filters: []driver.Filter{{Column: "size", Value: "3"}}, Sort: []driver.SortKey{{Column: "id", Desc: true}}, Limit: 1, WithCount: true,
	})
	if err != nil || found.Count != 214 || len(found.Items) != 1 || found.Items[0].ID != "v1494" {
		t.Errorf("%v, %d, %v", err, found.Count, found.Items)
	}
	want := []string{"GET /v2/abc123/volumes/detail?limit=1000", "GET /v2/abc123/volumes/detail?limit=1000&marker=v0999"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked %q", s.asked)
	}
}

// A service that does not page by marker is an error: half of a list would look like volumes that are gone.
func TestVolumesThatAreListedAgain(t *testing.T) {
	var items []string
	for i := range MaxPage {
		items = append(items, fmt.Sprintf(`{"id": "v%04d", "size": 1, "status": "available"}`, i))
	}
	page := answer{200, `{"volumes": [` + strings.Join(items, ",") + `]}`}
	s := serve(t, map[string][]answer{"GET /v2/abc123/volumes/detail": {page, page, page}})
	_, err := volumes(t, s, nil).AllVolumes(t.Context(), member)
	if driver.KindOf(err) != driver.Unavailable || !strings.Contains(err.Error(), "lists the same volumes again") {
		t.Errorf("%v", err)
	}
}

const (
	newID      = "aaaaaaaa-2222-4333-8444-555555555555"
	promisedID = "bbbbbbbb-2222-4333-8444-555555555555"
)

// shown returns EVS's answer for a volume.
func shown(id, status string) string {
	return `{"volume": {"id": "` + id + `", "status": "` + status + `"}}`
}

const (
	source = `{"volume": {"id": "` + volumeID + `", "volume_type": "SSD", "availability_zone": "eu-de-01"}}`
	gone   = `{"itemNotFound": {"message": "gone", "code": 404}}`
)

func TestRestoreToANewVolume(t *testing.T) {
	b, _ := backup(t.Context(), member, backupID)
	noZone := b
	noZone.AvailabilityZone = ""
	for _, test := range []struct {
		name           string
		dialect        Dialect
		backup         driver.Backup
		to             driver.RestoreTarget
		source, create answer
		post, sent     string
		want           driver.Restore
	}{
		{"otc", OTC, b, driver.ToNewVolume("n"), answer{200, source}, answer{200, `{"job_id": "j1"}`}, "POST /v2/abc123/cloudvolumes",
			`{"volume":{"availability_zone":"eu-de-02","backup_id":"` + backupID + `","count":1,"description":"auto-created_from_restore_from_backup","metadata":{"src_backup_id":"` + backupID + `"},"name":"n","volume_type":"SSD"}}`,
			driver.Restore{BackupID: backupID, VolumeID: newID, VolumeName: "n"}},
		{"without a name, of a volume that is gone", OTC, b, driver.RestoreTarget{}, answer{404, gone}, answer{202, `{"job_id": "j1"}`}, "POST /v2/abc123/cloudvolumes",
			`{"volume":{"availability_zone":"eu-de-02","backup_id":"` + backupID + `","count":1,"description":"auto-created_from_restore_from_backup","metadata":{"src_backup_id":"` + backupID + `"},"name":"restore_backup_` + backupID + `","volume_type":"SATA"}}`,
			driver.Restore{BackupID: backupID, VolumeID: newID, VolumeName: "restore_backup_" + backupID}},
		{"zone of the source", OTC, noZone, driver.ToNewVolume("n"), answer{200, source}, answer{200, `{"job_id": "j1"}`}, "POST /v2/abc123/cloudvolumes",
			`{"volume":{"availability_zone":"eu-de-01","backup_id":"` + backupID + `","count":1,"description":"auto-created_from_restore_from_backup","metadata":{"src_backup_id":"` + backupID + `"},"name":"n","volume_type":"SSD"}}`,
			driver.Restore{BackupID: backupID, VolumeID: newID, VolumeName: "n"}},
		{"huawei tells at once", Huawei, b, driver.ToNewVolume("n"), answer{200, source}, answer{202, `{"job_id": "j1", "volume_ids": ["` + promisedID + `"]}`}, "POST /v2.1/abc123/cloudvolumes",
			`{"volume":{"availability_zone":"eu-de-02","backup_id":"` + backupID + `","count":1,"description":"auto-created_from_restore_from_backup","metadata":{"create_for_volume_id":"true","src_backup_id":"` + backupID + `"},"name":"n","volume_type":"SSD"}}`,
			driver.Restore{BackupID: backupID, VolumeID: promisedID, VolumeName: "n"}},
		{"huawei by its job", Huawei, b, driver.ToNewVolume("n"), answer{200, source}, answer{200, `{"job_id": "j1"}`}, "POST /v2.1/abc123/cloudvolumes",
			`{"volume":{"availability_zone":"eu-de-02","backup_id":"` + backupID + `","count":1,"description":"auto-created_from_restore_from_backup","metadata":{"create_for_volume_id":"true","src_backup_id":"` + backupID + `"},"name":"n","volume_type":"SSD"}}`,
			driver.Restore{BackupID: backupID, VolumeID: newID, VolumeName: "n"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, map[string][]answer{
				"GET /v2/abc123/volumes/" + volumeID: {test.source}, test.post: {test.create},
				"GET /v2/abc123/volumes/" + newID:      {{404, gone}, {200, shown(newID, "creating")}, {200, shown(newID, "available")}},
				"GET /v2/abc123/volumes/" + promisedID: {{404, gone}, {200, shown(promisedID, "restoring-backup")}},
				jobPath:                                {{200, `{"status": "RUNNING", "entities": {}}`}, {200, `{"status": "RUNNING", "entities": {"volume_id": "` + test.want.VolumeID + `"}}`}},
			})
			got, err := volumes(t, s, func(o *Options) { o.Dialect = test.dialect }).RestoreBackup(t.Context(), member, test.backup, test.to, nil)
			if err != nil || got != test.want {
				t.Errorf("%+v, %v", got, err)
			}
			if s.count(test.post+" "+test.sent) != 1 {
				t.Errorf("asked %q", s.asked)
			}
		})
	}
}

func TestRestoreToANewVolumeThatCannotBe(t *testing.T) {
	b, _ := backup(t.Context(), member, backupID)
	noZone := b
	noZone.AvailabilityZone = ""
	for _, test := range []struct {
		name           string
		backup         driver.Backup
		defaultType    string
		source, create answer
		kind           driver.Kind
		message        string
	}{
		{"no type", b, "", answer{404, gone}, answer{}, driver.NotSupported, "no default is configured"},
		{"no zone", noZone, "SATA", answer{404, gone}, answer{}, driver.NotSupported, "its availability zone is not known"},
		{"source cannot be looked at", b, "SATA", answer{503, ``}, answer{}, driver.Unavailable, "status 503"},
		{"quota", b, "", answer{200, source}, answer{400, evsFault("EVS.1034")}, driver.OverLimit, "The vendor's words."},
		{"no job", b, "", answer{200, source}, answer{200, `{}`}, driver.Unavailable, "without naming a job"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answers := map[string][]answer{"GET /v2/abc123/volumes/" + volumeID: {test.source}}
			if test.create.status != 0 {
				answers["POST /v2/abc123/cloudvolumes"] = []answer{test.create}
			}
			v := volumes(t, serve(t, answers), nil)
			v.DefaultType = test.defaultType
			_, err := v.RestoreBackup(t.Context(), member, test.backup, driver.RestoreTarget{}, nil)
			wantError(t, err, test.kind, test.message)
		})
	}
}

func TestWithoutEVS(t *testing.T) {
	v := &Volumes{EVS: open(t, nil).Service(&EVS, None), Backup: backup}
	b, _ := backup(t.Context(), member, backupID)
	_, get := v.GetVolume(t.Context(), member, volumeID)
	_, list := v.ListVolumes(t.Context(), member, driver.Query{})
	_, restore := v.RestoreBackup(t.Context(), member, b, driver.RestoreTarget{}, nil)
	_, quotas := v.Quotas(t.Context(), member, "abc123")
	for what, err := range map[string]error{
		"volumes": get, "volumes ": list, "restoring without volume_id": restore, "quotas": quotas, "anything but backups": v.Forward(nil, nil, member, ""),
	} {
		wantError(t, err, driver.NotSupported, "Backend east does not support "+strings.TrimSpace(what)+": it is configured without EVS.")
	}
}

func TestQuotas(t *testing.T) {
	s := serve(t, map[string][]answer{"GET /v2/abc123/os-quota-sets/abc123": {{200, `{"quota_set": {"id": "abc123",
		"backups": {"reserved": 1, "limit": 100, "in_use": 36}, "backup_gigabytes": {"reserved": 0, "limit": "-1", "in_use": 480},
		"volumes_SSD": {"reserved": 0, "limit": -1, "in_use": 2}, "volumes_odd": 7,
		"snapshots": {"limit": "many", "in_use": 1}, "gigabytes": {"limit": 10}, "volumes": {"reserved": 0, "limit": 50, "in_use": 9}}}`}}})
	got, err := volumes(t, s, nil).Quotas(t.Context(), member, "abc123")
	want := []driver.Quota{
		{Resource: "volumes", Limit: 50, InUse: 9}, {Resource: "backups", Limit: 100, InUse: 36, Reserve: 1}, {Resource: "backup_gigabytes", Limit: -1, InUse: 480},
		{Resource: "volumes_SSD", Limit: -1, InUse: 2},
	}
	if err != nil || !slices.Equal(got, want) || s.asked[0] != "GET /v2/abc123/os-quota-sets/abc123?usage=True" {
		t.Errorf("%+v, %v, %q", got, err, s.asked)
	}
}

func TestCheck(t *testing.T) {
	for status, up := range map[int]bool{200: true, 300: true, 401: true, 404: true, 500: false, 503: false} {
		s := serveAnyone(t, status)
		for name, service := range map[string]*Service{
			"configured": open(t, nil).Service(&EVS, s), "of the catalogue": open(t, func(o *Options) { o.IdentityURL = s }).Service(&EVS, ""),
		} {
			if err := service.Check(t.Context()); (err == nil) != up || err != nil && driver.KindOf(err) != driver.Unavailable {
				t.Errorf("%s with %d: %v", name, status, err)
			}
		}
	}
}
