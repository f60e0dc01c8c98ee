package vbs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// A job names the id too late, or never. The driver finds the backup in the list, so that a
// client does not retry and get a second one.
func TestABackupWhoseIDComesLate(t *testing.T) {
	for name, trap := range map[string]func(*otcfake.Traps){
		"late":  func(traps *otcfake.Traps) { traps.IDAtEnd = true },
		"never": func(traps *otcfake.Traps) { traps.NoEntity = true },
	} {
		for _, o := range combinations {
			t.Run(name+" "+string(o.Dialect)+" "+o.Native, func(t *testing.T) {
				o.IDTimeout = 20 * time.Millisecond
				c := open(t, o, otcfake.Options{})
				volume := c.AddVolume(c.project.ID, otcfake.Volume{})
				// Others with the same name but old, of another volume, and with another
				// name.
				c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume, Name: "n", CreatedAt: time.Now().Add(-time.Hour)})
				c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: someID, Name: "n", Status: "protecting"})
				c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume, Name: "nn"})
				// The job does not proceed while it is polled.
				if name == "late" {
					c.Inject(otcfake.Fault{Service: "vbs", Path: "/jobs/", Times: -1, Status: 200, Body: `{"status": "RUNNING", "entities": {"backup_id": null}}`})
				}
				c.Trap(trap)
				b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume, Name: ptr("n")})
				if err != nil {
					t.Fatal(err)
				}
				if made := c.Backup(b.ID); made.Name != "n" || made.VolumeID != volume || time.Since(made.CreatedAt) > time.Minute {
					t.Errorf("found %+v", made)
				}
				if n := len(c.sent("vbs", "POST")); n != 1 {
					t.Errorf("sent %d times", n)
				}
			})
		}
	}
}

// Of two matching backups, find takes the one still in progress.
func TestTheBackupThatIsBeingMadeIsMeant(t *testing.T) {
	c := open(t, vbs.Options{Options: otc.Options{IDTimeout: 20 * time.Millisecond}}, otcfake.Options{})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{})
	at := time.Now().UTC().Add(time.Second)
	var listed []string
	for i, status := range []string{"available", "creating", "available"} {
		listed = append(listed, fmt.Sprintf(`{"id": "%d", "volume_id": "%s", "name": "n", "status": "%s", "created_at": "%s"}`,
			i, volume, status, at.Format("2006-01-02T15:04:05.000000")))
		at = at.Add(time.Second)
	}
	c.Trap(func(traps *otcfake.Traps) { traps.IDAfter = 1 << 30 })
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/backups/detail", Status: 200, Body: `{"backups": [` + strings.Join(listed, ",") + `]}`})
	if b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume, Name: ptr("n")}); err != nil || b.ID != "1" {
		t.Errorf("%+v, %v", b, err)
	}
}

// A failed job may name a backup that does not exist.
func TestAFailedJobWithAnID(t *testing.T) {
	const failed = `{"status": "FAIL", "error_code": "VolumeBackup.0064", "fail_reason": "no", "entities": {"backup_id": "%s"}}`
	c := open(t, vbs.Options{}, otcfake.Options{})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{})
	there := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume, Status: "error"})
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/jobs/", Status: 200, Body: fmt.Sprintf(failed, there)})
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/jobs/", Status: 200, Body: fmt.Sprintf(failed, someID)})
	if b, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume}); err != nil || b.ID != there {
		t.Errorf("%+v, %v", b, err)
	}
	c.Settle()
	_, err := c.driver.CreateBackup(t.Context(), c.caller, driver.BackupSpec{VolumeID: volume})
	wantError(t, err, driver.Unavailable, "failed: VolumeBackup.0064: no")
}

// The driver passes on tags of a client of VBS's own API, but not Cinder's metadata.
func TestTags(t *testing.T) {
	c := open(t, vbs.Options{Options: otc.Options{Dialect: otc.Huawei}}, otcfake.Options{})
	volume := c.AddVolume(c.project.ID, otcfake.Volume{})
	spec := driver.BackupSpec{VolumeID: volume, Name: ptr("n"), Metadata: map[string]string{"b": "2", "a": ""}}
	_, err := c.driver.CreateBackup(t.Context(), c.caller, spec)
	wantError(t, err, driver.NotSupported, "does not support metadata of backups")
	spec.MetadataAsTags = true
	b, err := c.driver.CreateBackup(t.Context(), c.caller, spec)
	if err != nil {
		t.Fatal(err)
	}
	if sent := c.sent("vbs", "POST"); len(sent) != 1 || !strings.Contains(sent[0], `"tags":[{"key":"a","value":""},{"key":"b","value":"2"}]`) {
		t.Errorf("sent %q", sent)
	}
	if tags := c.Backup(b.ID).Tags; len(tags) != 2 || tags["b"] != "2" {
		t.Errorf("kept %v", tags)
	}
}

// An unexpected member keeps its zero value. An answer without a list is an error.
func TestOddAnswers(t *testing.T) {
	c := open(t, vbs.Options{}, otcfake.Options{})
	id := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", Name: "first"})
	const odd = `{"id": "%s", "name": "n", "status": "available", "size": "many", "created_at": "2020-02-23", "updated_at": "yesterday", "data_timestamp": 7,
		"service_metadata": {"Type": 1}, "object_count": {}, "is_incremental": "perhaps", "description": ["d"], "volume_id": "` + someID + `"}`
	one := fmt.Sprintf(odd, someID)
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/backups/detail", Status: 200, Body: `{"backups": [` + one + `, "odd", null, {"id": "` + id + `", "name": "first"}]}`})
	page, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%+v, %v", page.Items, err)
	}
	c.Inject(otcfake.Fault{Service: "vbs", Path: "/backups/" + id, Status: 200, Body: `{"backup": ` + one + `}`})
	b, err := c.driver.GetBackup(t.Context(), c.caller, id)
	if err != nil || *b.Name != "n" || b.VolumeID != someID || b.Size != 0 || b.CreatedAt.Day() != 23 || !b.UpdatedAt.IsZero() || *b.Description != "" {
		t.Errorf("%+v, %v", b, err)
	}
	for _, body := range []string{`{}`, `[]`, `null`, `"x"`, `{"backups": {}}`, `{"backups": "none"}`} {
		c.Inject(otcfake.Fault{Service: "vbs", Path: "/backups/detail", Status: 200, Body: body})
		_, err := c.driver.ListBackups(t.Context(), c.caller, driver.Query{Limit: -1})
		wantError(t, err, driver.Unavailable, "VBS of backend east gave an answer that cannot be read: it has no backups.")
		c.Inject(otcfake.Fault{Service: "vbs", Path: "/backups/" + id, Status: 200, Body: body})
		_, err = c.driver.GetBackup(t.Context(), c.caller, id)
		wantError(t, err, driver.Unavailable, "it has no backup.")
	}
}
