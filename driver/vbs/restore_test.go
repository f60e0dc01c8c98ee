package vbs_test

import (
	"net/http"
	"testing"

	"cindergate/driver"
	"cindergate/driver/vbs"
	"cindergate/internal/otc"
	"cindergate/internal/otcfake"
)

// restorable makes a cloud with an available backup of a volume.
func restorable(t *testing.T, o vbs.Options) (c *cloud, volume, backup string) {
	t.Helper()
	c = open(t, o, otcfake.Options{})
	volume = c.AddVolume(c.project.ID, otcfake.Volume{Name: "source", Description: "the source", SizeGiB: 10, AZ: "eu-de-02", Type: "SAS", Content: "now"})
	backup = c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: volume, SizeGiB: 10, AZ: "eu-de-02", Content: "then"})
	return c, volume, backup
}

func TestRestoreToTheVolumeAndToAnother(t *testing.T) {
	for _, o := range combinations {
		c, volume, backup := restorable(t, o)
		other := c.AddVolume(c.project.ID, otcfake.Volume{Name: "other", SizeGiB: 20})
		for id, name := range map[string]string{volume: "source", other: "other"} {
			c.Forget()
			got, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, driver.ToVolume(id))
			if err != nil || got != (driver.Restore{BackupID: backup, VolumeID: id, VolumeName: name}) {
				t.Errorf("%+v, %v", got, err)
			}
			if sent := c.sent("vbs", "POST"); len(sent) != 1 || sent[0] != "POST /v2/P/cloudbackups/"+backup+`/restore {"restore":{"volume_id":"`+id+`"}}` {
				t.Errorf("sent %q", sent)
			}
			c.Settle()
			if v := c.Volume(id); v.Content != "then" || v.Status != "available" {
				t.Errorf("%+v", v)
			}
		}
	}
}

func TestARestoreThatFails(t *testing.T) {
	c, volume, backup := restorable(t, vbs.Options{})
	c.Trap(func(traps *otcfake.Traps) {
		traps.FailRestore = &otcfake.Failure{Code: "VolumeBackup.0200", Reason: "no way"}
	})
	if _, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, driver.ToVolume(volume)); err != nil {
		t.Fatal(err)
	}
	c.Settle()
	b, err := c.driver.GetBackup(t.Context(), c.caller, backup)
	if err != nil || b.Status != driver.BackupErrorRestore || b.FailReason != "no way" {
		t.Errorf("%+v, %v", b, err)
	}
	if v, err := c.driver.GetVolume(t.Context(), c.caller, volume); err != nil || v.Status != "error_restoring" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := c.driver.DeleteBackup(t.Context(), c.caller, backup); err != nil {
		t.Errorf("it cannot be deleted: %v", err)
	}
}

func TestRestoreToANewVolume(t *testing.T) {
	for _, o := range combinations {
		for name, to := range map[string]driver.RestoreTarget{"by-name": driver.ToNewVolume("by-name"), "": {}} {
			c, source, backup := restorable(t, o)
			if name == "" {
				name = "restore_backup_" + backup
			}
			got, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, to)
			if err != nil || got.BackupID != backup || got.VolumeName != name {
				t.Fatalf("%+v, %v", got, err)
			}
			v := c.Volume(got.VolumeID)
			made, description := name, "auto-created_from_restore_from_backup"
			if made != "by-name" { // the name that Cinder gives at the end
				made, description = "source", "the source"
			}
			if v.Name != made || v.Description != description || v.Metadata["src_backup_id"] != backup || v.AZ != "eu-de-02" || v.Type != "SAS" || v.SizeGiB != 10 {
				t.Errorf("made %+v", v)
			}
			c.Settle()
			if v := c.Volume(got.VolumeID); v.Content != "then" || v.Status != "available" {
				t.Errorf("made %+v", v)
			}
			if v := c.Volume(source); v.Content != "now" {
				t.Errorf("the source is %+v", v)
			}
		}
	}
}

func TestRestoreToANewVolumeThatFails(t *testing.T) {
	failure := &otcfake.Failure{Code: "EVS.2025", Reason: "the restore failed"}
	t.Run("shows it", func(t *testing.T) {
		c, _, backup := restorable(t, vbs.Options{})
		c.Trap(func(traps *otcfake.Traps) { traps.FailVolume = failure })
		got, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, driver.RestoreTarget{})
		if err != nil {
			t.Fatal(err)
		}
		c.Settle()
		if v, err := c.driver.GetVolume(t.Context(), c.caller, got.VolumeID); err != nil || v.Status != "error_restoring" {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("without a volume fails the restore", func(t *testing.T) {
		c := open(t, vbs.Options{}, otcfake.Options{Auto: true})
		backup := c.AddBackup(c.project.ID, otcfake.Backup{Service: "vbs", VolumeID: c.AddVolume(c.project.ID, otcfake.Volume{})})
		c.Trap(func(traps *otcfake.Traps) { traps.FailVolume, traps.NoVolume = failure, true })
		_, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, driver.RestoreTarget{})
		wantError(t, err, driver.InvalidState, "for restoring backup "+backup+". EVS.2025: the restore failed")
	})
}

func TestRestoreThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		name    string
		options vbs.Options
		change  func(c *cloud, volume, backup string) driver.RestoreTarget
		kind    driver.Kind
		message string
	}{
		{"backup not available", vbs.Options{}, func(c *cloud, volume, backup string) driver.RestoreTarget {
			c.ChangeBackup(backup, func(b *otcfake.Backup) { b.Status = "error" })
			return driver.ToVolume(volume)
		}, driver.InvalidState, "Invalid backup: Backup status must be available"},
		{"backup not available for a new volume", vbs.Options{}, func(c *cloud, _, backup string) driver.RestoreTarget {
			c.ChangeBackup(backup, func(b *otcfake.Backup) { b.Status = "error_restoring" })
			return driver.RestoreTarget{}
		}, driver.InvalidState, "Invalid backup: Backup status must be available"},
		{"volume in use", vbs.Options{}, func(c *cloud, volume, _ string) driver.RestoreTarget {
			c.ChangeVolume(volume, func(v *otcfake.Volume) { v.Status = "in-use" })
			return driver.ToVolume(volume)
		}, driver.InvalidState, "Invalid volume: Volume to be restored to must be available"},
		{"volume in use, without EVS", vbs.Options{Options: otc.Options{EVSURL: otc.None}}, func(c *cloud, volume, _ string) driver.RestoreTarget {
			c.ChangeVolume(volume, func(v *otcfake.Volume) { v.Status = "in-use" })
			return driver.ToVolume(volume)
		}, driver.InvalidState, "The disk is not available."},
		{"volume too small", vbs.Options{}, func(c *cloud, _, _ string) driver.RestoreTarget {
			return driver.ToVolume(c.AddVolume(c.project.ID, otcfake.Volume{SizeGiB: 5}))
		}, driver.InvalidState, "Invalid volume: volume size 5 is too small to restore backup of size 10."},
		{"volume too small, without EVS", vbs.Options{Options: otc.Options{EVSURL: otc.None}}, func(c *cloud, _, _ string) driver.RestoreTarget {
			return driver.ToVolume(c.AddVolume(c.project.ID, otcfake.Volume{SizeGiB: 5}))
		}, driver.InvalidState, "The disk is smaller than the backup."},
		{"no such volume", vbs.Options{}, func(*cloud, string, string) driver.RestoreTarget {
			return driver.ToVolume(someID)
		}, driver.NotFound, "Volume " + someID + " could not be found."},
		{"no such volume, without EVS", vbs.Options{Options: otc.Options{EVSURL: otc.None}}, func(*cloud, string, string) driver.RestoreTarget {
			return driver.ToVolume(someID)
		}, driver.NotFound, "The disk or backup for the restore does not exist."},
		{"by name, without EVS", vbs.Options{Options: otc.Options{EVSURL: otc.None}}, func(*cloud, string, string) driver.RestoreTarget {
			return driver.ToNewVolume("n")
		}, driver.NotSupported, "Backend east does not support restoring without volume_id: it is configured without EVS."},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, volume, backup := restorable(t, test.options)
			_, err := c.driver.RestoreBackup(t.Context(), c.caller, backup, test.change(c, volume, backup))
			wantError(t, err, test.kind, test.message)
		})
	}
}

func TestDelete(t *testing.T) {
	for status, deletable := range map[string]bool{
		"available": true, "error": true, "error_restoring": true, "protecting": false, "restoring": false, "deleting": false,
	} {
		for _, o := range combinations {
			c, _, backup := restorable(t, o)
			c.ChangeBackup(backup, func(b *otcfake.Backup) { b.Status = status })
			err := c.driver.DeleteBackup(t.Context(), c.caller, backup)
			if !deletable {
				wantError(t, err, driver.InvalidState, "Invalid backup: Backup status must be available or error")
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", status, err)
			}
			if b, err := c.driver.GetBackup(t.Context(), c.caller, backup); err != nil || b.Status != driver.BackupDeleting {
				t.Errorf("%+v, %v", b, err)
			}
			c.Settle()
			_, err = c.driver.GetBackup(t.Context(), c.caller, backup)
			wantError(t, err, driver.NotFound, "Backup "+backup+" could not be found.")
		}
	}
}

// VolumeBackup.0110 means that the lookup failed; the backup may no longer exist.
func TestDeleteOfWhatGoesMeanwhile(t *testing.T) {
	const body = `{"error": {"code": "VolumeBackup.0110", "message": "Query failed."}}`
	c, _, backup := restorable(t, vbs.Options{})
	c.Inject(otcfake.Fault{Service: "vbs", Method: http.MethodDelete, Status: 500, Body: body})
	c.Inject(otcfake.Fault{Service: "vbs", Method: http.MethodGet, Skip: 1, Status: 404, Body: `{"itemNotFound": {"code": 404, "message": "gone"}}`})
	wantError(t, c.driver.DeleteBackup(t.Context(), c.caller, backup), driver.NotFound, "Backup "+backup+" could not be found.")
	c, _, backup = restorable(t, vbs.Options{})
	c.Inject(otcfake.Fault{Service: "vbs", Method: http.MethodDelete, Status: 500, Body: body})
	wantError(t, c.driver.DeleteBackup(t.Context(), c.caller, backup), driver.Internal, "Query failed.")
}
