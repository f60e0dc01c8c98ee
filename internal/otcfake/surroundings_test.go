package otcfake

import (
	"testing"
)

// Operations around backups: on vaults, snapshots and volumes.

func TestVaults(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		l := newLab(t, Options{Dialect: dialect})
		v := l.AddVolume(l.project.ID, Volume{SizeGiB: 7})
		d := l.want(200, "POST", "/cbr/v3/%p/vaults", `{"vault":{"name":"w","resources":[],"billing":{"consistent_level":"crash_consistent",`+
			`"object_type":"disk","protect_type":"backup","size":50,"charging_mode":"post_paid"}}}`)
		id := d.text("vault.id")
		l.equal(d, "vault.billing.size", 50.0)
		d = l.want(200, "POST", "/cbr/v3/%p/vaults/"+id+"/addresources", `{"resources":[{"id":"`+v+`","type":"OS::Cinder::Volume"}]}`)
		l.equal(d, "add_resource_ids.0", v)
		l.AddBackup(l.project.ID, Backup{Service: "cbr", VaultID: id, VolumeID: v, SizeGiB: 7})
		d = l.want(200, "GET", "/cbr/v3/%p/vaults?name=w&object_type=disk&protect_type=backup", "")
		l.equal(d, "vaults.0.billing.allocated", 7.0)
		l.equal(d, "vaults.0.billing.used", 7.0*1024)
		l.equal(d, "vaults.0.resources.0.backup_count", 1.0)
		l.equal(l.want(200, "GET", "/cbr/v3/%p/vaults?name=x", ""), "count", 0.0)
		l.equal(l.want(200, "PUT", "/cbr/v3/%p/vaults/"+id, `{"vault":{"name":"renamed"}}`), "vault.name", "renamed")
		l.equal(l.want(200, "POST", "/cbr/v3/%p/vaults/"+id+"/removeresources", `{"resource_ids":["`+v+`"]}`), "remove_resource_ids.0", v)
		if got := l.Vault(id); got.Name != "renamed" || len(got.VolumeIDs) != 0 {
			t.Fatalf("the vault is %+v", got)
		}
		l.want(204, "DELETE", "/cbr/v3/%p/vaults/"+id, "")
		l.want(404, "GET", "/cbr/v3/%p/vaults/"+id, "")
	})
}

func TestNativeBackupOfASnapshot(t *testing.T) {
	l := newLab(t, Options{})
	v := l.AddVolume(l.project.ID, Volume{SizeGiB: 7, Status: "in-use", ServerID: "s", Content: "early"})
	d := l.want(202, "POST", "/evs/v2/%p/snapshots", `{"snapshot":{"volume_id":"`+v+`","name":"s","force":true}}`)
	s := d.text("snapshot.id")
	l.Settle()
	l.ChangeVolume(v, func(v *Volume) { v.Content = "late" })
	body := `{"backup":{"volume_id":"` + v + `","snapshot_id":"` + s + `","name":"b"`
	l.want(400, "POST", "/vbs/v3/%p/backups", body+`}}`) // in use, no force
	b := l.want(202, "POST", "/vbs/v3/%p/backups", body+`,"force":true}}`).text("backup.id")
	l.equal(l.want(200, "GET", "/evs/v2/%p/snapshots/"+s, ""), "snapshot.status", "backing-up")
	l.want(400, "DELETE", "/evs/v2/%p/snapshots/"+s, "")
	l.Settle()
	l.equal(l.want(200, "GET", "/vbs/v3/%p/backups/"+b, ""), "backup.snapshot_id", s)
	if got := l.Backup(b).Content; got != "early" {
		t.Fatalf("the backup has %q", got)
	}
	if got := l.Volume(v).Status; got != "in-use" {
		t.Fatalf("the volume is %s", got)
	}
	l.equal(l.want(200, "PUT", "/evs/v2/%p/snapshots/"+s, `{"snapshot":{"name":"renamed"}}`), "snapshot.name", "renamed")
	l.equal(l.want(200, "GET", "/evs/v2/%p/snapshots/detail?name=renamed", ""), "snapshots.0.id", s)
	l.want(202, "DELETE", "/evs/v2/%p/snapshots/"+s, "")
	l.Settle()
	if left := l.Snapshots(l.project.ID); len(left) != 0 {
		t.Fatalf("left: %+v", left)
	}
}

func TestVolumes(t *testing.T) {
	l := newLab(t, Options{Quotas: map[string]int{"volumes": 5, "backups": 9}})
	d := l.want(202, "POST", "/evs/v2/%p/volumes", `{"volume":{"size":3,"name":"v","metadata":{"a":"b"}}}`)
	l.equal(d, "volume.status", "creating")
	id := d.text("volume.id")
	l.Settle()
	l.want(202, "POST", "/evs/v2/%p/volumes/"+id+"/action", `{"os-extend":{"new_size":4}}`)
	l.Settle()
	l.want(200, "PUT", "/evs/v2/%p/volumes/"+id, `{"volume":{"name":"w"}}`)
	d = l.want(200, "GET", "/evs/v2/%p/volumes/detail?name=w&status=available&limit=1", "")
	l.equal(d, "volumes.0.size", 4.0)
	l.equal(d, "volumes.0.metadata.a", "b")
	l.equal(l.want(200, "GET", "/evs/v2/%p/volumes?marker="+id, ""), "volumes.0", nil)
	l.equal(l.want(200, "GET", "/evs/v2/%p/os-vendor-volumes/"+id, ""), "volume.id", id)
	d = l.want(200, "GET", "/evs/v2/%p/os-quota-sets/%p?usage=True", "")
	l.equal(d, "quota_set.volumes.in_use", 1.0)
	l.equal(d, "quota_set.backups.limit", 9.0)
	l.equal(l.want(200, "GET", "/evs/v2/%p/limits", ""), "limits.absolute.totalGigabytesUsed", 4.0)
	kind := l.want(200, "GET", "/evs/v2/%p/types", "").text("volume_types.0.id")
	l.equal(l.want(200, "GET", "/evs/v2/%p/types/"+kind, ""), "volume_type.name", "SSD")
	l.equal(l.want(200, "GET", "/evs/v2/%p/os-availability-zone", ""), "availabilityZoneInfo.0.zoneName", "eu-de-01")
	l.equal(l.want(300, "GET", "/evs/", ""), "versions.2.version", "3.50")
	l.equal(l.want(300, "GET", "/cbr/", ""), "versions.0.id", "v3")
	l.equal(l.want(300, "GET", "/iam/", ""), "versions.values.0.id", "v3.6")
	l.want(200, "POST", "/evs/v2/%p/cloudvolumes", `{"volume":{"size":1,"availability_zone":"eu-de-02","volume_type":"SAS","name":"batch","count":2}}`)
	l.Settle()
	l.equal(l.want(200, "GET", "/evs/v2/%p/volumes/detail?name=batch-0002", ""), "volumes.0.availability_zone", "eu-de-02")
	l.want(202, "DELETE", "/evs/v2/%p/volumes/"+id, "")
	l.Settle()
	l.want(404, "GET", "/evs/v2/%p/volumes/"+id, "")
}

// New users of VBS find its backups in a vault of CBR.
func TestVBSInAVault(t *testing.T) {
	l := newLab(t, Options{VBSInVault: true, Quotas: map[string]int{"backups": 7}})
	v := l.AddVolume(l.project.ID, Volume{})
	l.want(200, "POST", "/vbs/v2/%p/cloudbackups", `{"backup":{"volume_id":"`+v+`","name":"b"}}`)
	l.Settle()
	d := l.want(200, "GET", "/cbr/v3/%p/backups", "")
	l.equal(d, "backups.0.name", "b")
	if l.Vault(d.text("backups.0.vault_id")).VolumeIDs[0] != v {
		t.Fatal("the volume is not in the vault")
	}
	own := l.AddBackup(l.project.ID, Backup{Service: "cbr", Name: "c"})
	l.equal(l.want(200, "GET", "/vbs/v2/%p/backups/"+own, ""), "backup.name", "c")
	l.want(400, "DELETE", "/vbs/v2/%p/backups/"+own, "")
	l.want(200, "POST", "/vbs/v2/%p/cloudbackups/"+d.text("backups.0.id"), "")
	l.Settle()
	d = l.want(200, "GET", "/vbs/v2/%p/cloudbackups/quota", "")
	l.equal(d, "quotas.resources.0.used", 1.0)
	l.equal(d, "quotas.resources.0.quota", 7.0)
	l.equal(d, "quotas.resources.1.type", "backup_ gigabytes")
}

func TestRenamingAVolume(t *testing.T) {
	l := newLab(t, Options{})
	v := l.AddVolume(l.project.ID, Volume{Name: "first"})
	for body, want := range map[string]string{
		`{"volume":{"name":"a","description":"d"}}`: "a d", `{"volume":{"display_name":"b","display_description":"e"}}`: "b e",
	} {
		l.want(200, "PUT", "/evs/v2/%p/volumes/"+v, body)
		if got := l.Volume(v); got.Name+" "+got.Description != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
}
