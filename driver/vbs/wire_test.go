package vbs_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

const (
	someID   = "11111111-2222-4333-8444-555555555555"
	volumeID = "66666666-2222-4333-8444-555555555555"
)

// shown returns a backup of the service as the driver shows it.
func shown(t *testing.T, native, body string) (driver.Backup, string) {
	t.Helper()
	c := open(t, vbs.Options{Native: native}, otcfake.Options{})
	c.Inject(otcfake.Fault{Service: "vbs", Status: http.StatusOK, Body: `{"backup": ` + body + `}`})
	b, err := c.driver.GetBackup(t.Context(), c.caller, someID)
	if err != nil {
		t.Fatal(err)
	}
	return b, c.project.ID
}

func TestABackupInCindersWords(t *testing.T) {
	created := time.Date(2013, 6, 27, 8, 48, 3, 0, time.UTC)
	got, _ := shown(t, "v2", `{"id": "`+someID+`", "volume_id": "`+volumeID+`", "snapshot_id": "snap", "container": "snap", "name": "n",
		"description": "{\"DESC\":\"of many\",\"INC\":1}", "status": "error", "fail_reason": "why", "size": 40, "object_count": 7,
		"availability_zone": "eu-de-01", "created_at": "2013-06-27T08:48:03.000000", "updated_at": "2013-06-28T08:48:03.000000",
		"data_timestamp": "2013-06-26T08:48:03.000000", "has_dependent_backups": true, "os-bak-tenant-attr:tenant_id": "theirs",
		"service_metadata": " {\"Type\": 1, \"CMKID\": \"key\", \"progress\": \"0\", \"AT\": 4.5, \"bootable\": false}",
		"links": [{"href": "http://192.168.0.1:8776/v2/x", "rel": "self"}]}`)
	want := driver.Backup{
		ID: someID, ProjectID: "theirs", VolumeID: volumeID, SnapshotID: "snap", Container: "snap", Name: ptr("n"), Description: ptr("of many"),
		Status: driver.BackupError, FailReason: "why", Size: 40, ObjectCount: 7, AvailabilityZone: "eu-de-01", IsIncremental: true,
		HasDependents: true, EncryptionKeyID: "key", CreatedAt: created, UpdatedAt: created.AddDate(0, 0, 1), DataTimestamp: created.AddDate(0, 0, -1),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// Members that the service omits or sends as null.
func TestABareBackup(t *testing.T) {
	for _, body := range []string{
		`{"id": "` + someID + `", "status": "available", "size": "1", "created_at": "2013-06-27T08:48:03.000000"}`,
		`{"id": "` + someID + `", "status": "AVAILABLE", "size": 1, "created_at": "2013-06-27T08:48:03.000000", "name": null, "description": null,
			"volume_id": null, "snapshot_id": null, "container": null, "availability_zone": null, "fail_reason": null, "object_count": null,
			"updated_at": null, "data_timestamp": null, "has_dependent_backups": null, "is_incremental": null, "service_metadata": null,
			"os-bak-tenant-attr:tenant_id": null}`,
		`{"id": "` + someID + `", "status": "available", "size": 1, "created_at": "2013-06-27T08:48:03.000000", "service_metadata": "{not JSON"}`,
		`{"id": "` + someID + `", "status": "available", "size": 1, "created_at": "2013-06-27T08:48:03.000000", "description": "{\"DESC\":\"\",\"INC\":0}"}`,
	} {
		got, project := shown(t, "v2", body)
		created := time.Date(2013, 6, 27, 8, 48, 3, 0, time.UTC)
		want := driver.Backup{ID: someID, ProjectID: project, Status: driver.BackupAvailable, Size: 1, CreatedAt: created, DataTimestamp: created}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n%+v\nwant %+v", body, got, want)
		}
	}
}

func TestFieldsInTheirDifferentForms(t *testing.T) {
	read := map[string]func(driver.Backup) any{
		"project":     func(b driver.Backup) any { return b.ProjectID },
		"incremental": func(b driver.Backup) any { return b.IsIncremental },
		"description": func(b driver.Backup) any { return *b.Description },
		"status":      func(b driver.Backup) any { return b.Status },
	}
	for _, test := range []struct {
		native, member, field string
		want                  any
	}{
		{"v2", `"os-bak-tenant-attr:tenant_id": "p"`, "project", "p"},
		{"v3", `"os-backup-project-attr:project_id": "p"`, "project", "p"},
		{"v3", `"os-backup-project-attr:tenant_id": "p"`, "project", "p"},
		{"v3", `"is_incremental": true`, "incremental", true},
		{"v3", `"is_incremental": "true"`, "incremental", true},
		{"v2", `"is_incremental": false, "service_metadata": "{\"Type\":1}", "description": "{\"DESC\":\"\",\"INC\":1}"`, "incremental", false},
		{"v2", `"service_metadata": "{\"Type\":1}", "description": "{\"DESC\":\"\",\"INC\":0}"`, "incremental", true},
		{"v2", `"service_metadata": "{\"Type\":0}", "description": "{\"DESC\":\"\",\"INC\":1}"`, "incremental", false},
		{"v2", `"description": "{\"DESC\":\"\",\"INC\":1}"`, "incremental", true},
		{"v2", `"description": "plain"`, "description", "plain"},
		{"v2", `"description": "{\"other\": 1}"`, "description", `{"other": 1}`},
		{"v2", `"description": "{\"DESC\": 7}"`, "description", `{"DESC": 7}`},
		{"v2", `"description": "17"`, "description", "17"},
		{"v2", `"status": "available"`, "status", driver.BackupAvailable},
		{"v2", `"status": "creating"`, "status", driver.BackupCreating},
		{"v2", `"status": "deleting"`, "status", driver.BackupDeleting},
		{"v2", `"status": "error"`, "status", driver.BackupError},
		{"v2", `"status": "restoring"`, "status", driver.BackupRestoring},
		{"v2", `"status": "error_restoring"`, "status", driver.BackupErrorRestore},
		{"v2", `"status": "New_One"`, "status", driver.BackupStatus("new_one")},
	} {
		got, _ := shown(t, test.native, `{"id": "`+someID+`", `+test.member+`}`)
		if value := read[test.field](got); value != test.want {
			t.Errorf("%s: %s is %v, want %v", test.member, test.field, value, test.want)
		}
	}
}

// The forms that the service itself uses, from the fake cloud.
func TestTraps(t *testing.T) {
	for _, o := range combinations {
		t.Run(name(o), func(t *testing.T) {
			c := open(t, o, otcfake.Options{})
			c.Trap(func(traps *otcfake.Traps) { traps.DescriptionJSON, traps.MetadataBlank = true, true })
			volume := c.AddVolume(c.project.ID, otcfake.Volume{})
			c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume})
			b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume, Description: ptr("of many"), Incremental: true})
			if err != nil {
				t.Fatal(err)
			}
			c.Settle()
			got, err := c.driver.GetBackup(t.Context(), c.caller, b.ID)
			if err != nil || got.Description == nil || *got.Description != "of many" || !got.IsIncremental || got.ProjectID != c.project.ID {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestWhatIsNoIDIsNotAskedFor(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	for _, id := range []string{"abc", "..", "detail", someID + "/restore", "{" + someID + "}", strings.ReplaceAll(someID, "-", "")} {
		_, get := c.driver.GetBackup(t.Context(), c.caller, id)
		_, restore := c.driver.RestoreBackup(t.Context(), c.caller, id, driver.ToVolume(volumeID))
		for _, err := range []error{get, restore, c.driver.DeleteBackup(t.Context(), c.caller, id)} {
			wantError(t, err, driver.NotFound, "Backup "+id+" could not be found.")
		}
	}
	if asked := c.Requests(); len(asked) != 0 {
		t.Errorf("asked %v", asked)
	}
}

// 401 "Malformed request url" concerns the id, 404 APIGW.0101 the region.
func TestGatewayAnswersThatMeanSomethingElse(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	c.Inject(otcfake.Fault{Service: "vbs", Status: 401, Times: 2, Body: `{"unauthorized":{"code":"401","message":"Malformed request url"}}`})
	_, err := c.driver.GetBackup(t.Context(), c.caller, someID)
	wantError(t, err, driver.NotFound, "Backup "+someID+" could not be found.")
	wantError(t, c.driver.DeleteBackup(t.Context(), c.caller, someID), driver.NotFound, "Backup "+someID+" could not be found.")
	if n := len(c.sent("vbs", "GET")); n != 2 {
		t.Errorf("asked %d times", n)
	}
	elsewhere := open(t, vbs.Options{Options: otc.Options{URL: "fake"}}, otcfake.Options{Without: []string{"vbs"}})
	_, err = elsewhere.driver.GetBackup(t.Context(), elsewhere.caller, someID)
	wantError(t, err, driver.NotSupported, "Backend east has no VBS, or not this function of it.")
	_, err = elsewhere.driver.ListBackups(t.Context(), elsewhere.caller, driver.Query{Limit: -1})
	wantError(t, err, driver.NotSupported, "Backend east has no VBS, or not this function of it.")
}
