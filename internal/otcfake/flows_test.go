package otcfake

import (
	"testing"
)

func TestVBSBackupAndRestore(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		l := newLab(t, Options{Dialect: dialect})
		v := l.AddVolume(l.project.ID, Volume{Name: "data", SizeGiB: 20, Content: "first"})
		job := l.want(200, "POST", "/vbs/v2/%p/cloudbackups", `{"backup":{"volume_id":"`+v+`","name":"b1"}}`).text("job_id")
		d := l.want(200, "GET", "/vbs/v1/%p/jobs/"+job, "")
		l.equal(d, "status", "INIT")
		b := d.text("entities.backup_id")
		l.equal(l.want(200, "GET", "/vbs/v2/%p/backups/"+b, ""), "backup.status", "creating")
		if got := l.Volume(v).Status; got != "backing-up" {
			t.Fatalf("the volume is %s", got)
		}
		l.Step()
		l.equal(l.want(200, "GET", "/vbs/v1/%p/jobs/"+job, ""), "status", "RUNNING")
		l.Settle()
		l.equal(l.want(200, "GET", "/vbs/v1/%p/jobs/"+job, ""), "status", "SUCCESS")
		l.equal(l.want(200, "GET", "/vbs/v2/%p/backups/"+b, ""), "backup.status", "available")

		l.ChangeVolume(v, func(v *Volume) { v.Content, v.SizeGiB = "second", 30 })
		l.want(200, "POST", "/vbs/v2/%p/cloudbackups/"+b+"/restore", `{"restore":{"volume_id":"`+v+`"}}`)
		l.equal(l.want(200, "GET", "/vbs/v2/%p/backups/"+b, ""), "backup.status", "restoring")
		l.Settle()
		if got := l.Volume(v); got.Content != "first" || got.SizeGiB != 20 || got.Status != "available" {
			t.Fatalf("restored: %+v", got)
		}
		l.want(202, "DELETE", "/vbs/v2/%p/backups/"+b, "")
		l.equal(l.want(200, "GET", "/vbs/v2/%p/backups/"+b, ""), "backup.status", "deleting")
		l.Settle()
		l.equal(l.want(404, "GET", "/vbs/v2/%p/backups/"+b, ""), "itemNotFound.code", 404.0)
	})
}

func TestCBRBackupAndRestore(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		l := newLab(t, Options{Dialect: dialect})
		v := l.AddVolume(l.project.ID, Volume{Name: "data", SizeGiB: 20, Content: "first"})
		vault := l.AddVault(l.project.ID, Vault{VolumeIDs: []string{v}})
		l.equal(l.want(200, "GET", "/cbr/v3/%p/vaults?resource_ids="+v, ""), "vaults.0.id", vault)
		d := l.want(200, "POST", "/cbr/v3/%p/checkpoints", `{"checkpoint":{"vault_id":"`+vault+`","parameters":{"name":"b1","resources":["`+v+`"],"incremental":false}}}`)
		l.equal(d, "checkpoint.status", "protecting")
		point := d.text("checkpoint.id")
		d = l.want(200, "GET", "/cbr/v3/%p/backups?checkpoint_id="+point+"&resource_id="+v, "")
		l.equal(d, "backups.0.status", "waiting_protect")
		b := d.text("backups.0.id")
		l.Step()
		l.equal(l.want(200, "GET", "/cbr/v3/%p/backups/"+b, ""), "backup.status", "protecting")
		l.Settle()
		l.equal(l.want(200, "GET", "/cbr/v3/%p/backups/"+b, ""), "backup.status", "available")
		l.equal(l.want(200, "GET", "/cbr/v3/%p/checkpoints/"+point, ""), "checkpoint.status", "available")

		l.ChangeVolume(v, func(v *Volume) { v.Content = "second" })
		d = l.want(202, "POST", "/cbr/v3/%p/backups/"+b+"/restore", `{"restore":{"volume_id":"`+v+`"}}`)
		if (d.text("job_id") != "") != (dialect == Huawei) {
			t.Fatalf("the restore answers %v", d)
		}
		l.Settle()
		if got := l.Volume(v); got.Content != "first" || got.Status != "available" {
			t.Fatalf("restored: %+v", got)
		}
		l.want(204, "DELETE", "/cbr/v3/%p/backups/"+b, "")
		l.equal(l.want(200, "GET", "/cbr/v3/%p/backups/"+b, ""), "backup.status", "waiting_delete")
		l.Settle()
		l.equal(l.want(404, "GET", "/cbr/v3/%p/backups/"+b, ""), "error_code", "BackupService.6200")
	})
}

func TestNewVolumeFromABackup(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		l := newLab(t, Options{Dialect: dialect})
		b := l.AddBackup(l.project.ID, Backup{Service: "cbr", SizeGiB: 12, Content: "kept"})
		path, metadata, status := "/evs/v2/%p/cloudvolumes", "", 200
		if dialect == Huawei {
			status = 202
			path, metadata = "/evs/v2.1/%p/cloudvolumes", `,"metadata":{"create_for_volume_id":"true"}`
		}
		made := l.want(status, "POST", path,
			`{"volume":{"backup_id":"`+b+`","availability_zone":"eu-de-01","volume_type":"SSD","name":"n","count":1`+metadata+`}}`)
		job := l.want(200, "GET", "/evs/v1/%p/jobs/"+made.text("job_id"), "")
		v := job.text("entities.volume_id")
		if dialect == Huawei {
			l.equal(made, "volume_ids.0", v)
		}
		l.want(404, "GET", "/evs/v2/%p/volumes/"+v, "") // the id is only promised
		l.Step()
		for _, status := range []string{"creating", "available", "restoring-backup", "available"} {
			l.equal(l.want(200, "GET", "/evs/v2/%p/volumes/"+v, ""), "volume.status", status)
			l.Step()
		}
		if got := l.Volume(v); got.Content != "kept" || got.SizeGiB != 12 || got.Name != "n" {
			t.Fatalf("made %+v", got)
		}
		l.equal(l.want(200, "GET", "/evs/v1/%p/jobs/"+made.text("job_id"), ""), "status", "SUCCESS")
	})
}
