package otcfake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

const vbsCreatePath = "/vbs/v2/%p/cloudbackups"

func (s *scene) post(status int, path, body string) document {
	s.t.Helper()
	return s.want(status, "POST", s.names.Replace(path), s.names.Replace(body))
}

func (s *scene) get(path string) document {
	s.t.Helper()
	return s.want(200, "GET", s.names.Replace(path), "")
}

func TestJobTraps(t *testing.T) {
	s := newScene(t, Options{}, "vbs")
	create := func() document {
		return s.get("/vbs/v1/%p/jobs/" + s.post(200, vbsCreatePath, vbsCreateOf(`"name":"n"`)).text("job_id"))
	}
	s.Trap(func(traps *Traps) { traps.IDAfter = 2 })
	d := create()
	s.equal(d, "entities.backup_id", nil)
	s.equal(s.get("/vbs/v1/%p/jobs/"+d.text("job_id")), "entities.backup_id", nil)
	late := s.get("/vbs/v1/%p/jobs/" + d.text("job_id")).text("entities.backup_id")
	s.equal(s.get("/vbs/v2/%p/backups/"+late), "backup.id", late)
	s.Settle()

	s.Trap(func(traps *Traps) {
		traps.FailBackup, traps.NoRecord = &Failure{"VolumeBackup.0064", "backup status is error"}, true
	})
	d = create()
	s.Settle()
	d = s.get("/vbs/v1/%p/jobs/" + d.text("job_id"))
	s.equal(d, "status", "FAIL")
	s.equal(d, "error_code", "VolumeBackup.0064")
	s.equal(d, "fail_reason", "backup status is error")
	s.equal(d, "entities.backup_id", "")

	s.Trap(func(traps *Traps) { traps.FailBackup = &Failure{"VolumeBackup.0064", "no"} })
	d = create()
	s.Settle()
	d = s.get("/vbs/v2/%p/backups/" + d.text("entities.backup_id"))
	s.equal(d, "backup.status", "error")
	s.equal(d, "backup.fail_reason", "no")

	s.Trap(func(traps *Traps) { traps.NoEntity = true })
	d = create()
	s.Settle()
	d = s.get("/vbs/v1/%p/jobs/" + d.text("job_id"))
	s.equal(d, "status", "SUCCESS")
	s.equal(d, "entities.backup_id", nil)

	s.Trap(func(traps *Traps) { traps.NestedEntities = true })
	d = create()
	s.equal(d, "entities.backup_id", nil)
	if d.text("sub_jobs.0.entities.backup_id") == "" {
		t.Fatalf("no sub-job: %v", d)
	}
}

func TestVBSFormTraps(t *testing.T) {
	s := newScene(t, Options{}, "vbs")
	s.Trap(func(traps *Traps) { traps.DescriptionJSON, traps.MetadataBlank = true, true })
	s.ChangeBackup(s.names.Replace("%b"), func(b *Backup) { b.Description, b.Incremental = "d", true })
	d := s.get("/vbs/v2/%p/backups/%b")
	s.equal(d, "backup.description", `{"DESC":"d","INC":1}`)
	metadata := d.text("backup.service_metadata")
	if !strings.HasPrefix(metadata, " {") || !strings.Contains(metadata, `"progress":"0"`) || !strings.Contains(metadata, `"Type":1`) {
		t.Fatalf("service_metadata is %q", metadata)
	}
	s.equal(d, "backup.os-bak-tenant-attr:tenant_id", s.project.ID)
	d = s.get("/vbs/v3/%p/backups/%b")
	s.equal(d, "backup.os-backup-project-attr:project_id", s.project.ID)
	s.equal(d, "backup.is_incremental", true)
	s.equal(d, "backup.service_metadata", nil)
}

func TestCheckpointTraps(t *testing.T) {
	s := newScene(t, Options{Dialect: Huawei}, "cbr")
	create := func() string {
		return s.post(200, "/cbr/v3/%p/checkpoints", checkpointOf(`"resources":["%v"],"name":"n"`)).text("checkpoint.id")
	}
	s.Trap(func(traps *Traps) { traps.Skip = &Failure{"BackupService.7003", "disk status"} })
	d := s.post(200, "/cbr/v3/%p/checkpoints", checkpointOf(`"resources":["%v"]`))
	s.equal(d, "checkpoint.vault.skipped_resources.0.code", "BackupService.7003")
	s.equal(d, "checkpoint.vault.skipped_resources.0.reason", "disk status")
	s.equal(d, "checkpoint.vault.resources.0", nil)

	s.Trap(func(traps *Traps) { traps.RecordAfter = 2 })
	of := "/cbr/v3/%p/backups?checkpoint_id=" + create()
	s.equal(s.get(of), "count", 0.0)
	s.equal(s.get(of), "count", 0.0)
	s.equal(s.get(of), "count", 1.0)
	s.Settle()

	s.Trap(func(traps *Traps) { traps.FailBackup = &Failure{"BackupService.6209", "full"} })
	point := create()
	s.Settle()
	s.equal(s.get("/cbr/v3/%p/checkpoints/"+point), "checkpoint.status", "error")
	s.equal(s.get("/cbr/v3/%p/backups?checkpoint_id="+point), "backups.0.status", "error")
	d = s.get("/cbr/v3/%p/operation-logs?operation_type=backup&resource_id=%v")
	s.equal(d, "operation_logs.0.status", "failed")
	s.equal(d, "operation_logs.0.error_info.message", "full")
	s.equal(d, "operation_logs.0.extra_info.backup.incremental", "true")

	s.Trap(func(traps *Traps) { traps.FailRestore = &Failure{"BackupService.6210", "lost"} })
	log := s.post(202, "/cbr/v3/%p/backups/%b/restore", `{"restore":{"volume_id":"%v"}}`).text("job_id")
	s.Settle()
	s.equal(s.get("/cbr/v3/%p/backups/%b"), "backup.status", "available")
	s.equal(s.get("/evs/v2/%p/volumes/%v"), "volume.status", "error_restoring")
	d = s.get("/cbr/v3/%p/operation-logs/" + log)
	s.equal(d, "operation_log.status", "failed")
	s.equal(d, "operation_log.extra_info.restore.backup_id", s.names.Replace("%b"))
	// The service restores nothing to a volume in error.
	s.equal(s.post(400, "/cbr/v3/%p/backups/%b/restore", `{"restore":{"volume_id":"%v"}}`), "error_code", "BackupService.2011")
	s.EndOperations(s.names.Replace("%b"), "restore", "timeout", Failure{"BackupService.6211", "slow"})
	s.equal(s.get("/cbr/v3/%p/operation-logs/"+log), "operation_log.status", "timeout")
}

func TestNumbersAndTimes(t *testing.T) {
	s := newScene(t, Options{}, "cbr")
	d := s.get("/cbr/v3/%p/backups/%b")
	s.equal(d, "backup.resource_size", 20.0)
	s.equal(d, "backup.enterprise_project_id", 0.0)
	if at := d.text("backup.created_at"); !strings.HasSuffix(at, "+00:00") {
		t.Fatalf("created_at is %s", at)
	}
	s.Trap(func(traps *Traps) { traps.TextNumbers = true })
	d = s.get("/cbr/v3/%p/backups/%b")
	s.equal(d, "backup.resource_size", "20")
	s.equal(d, "backup.enterprise_project_id", "0")
	d = s.post(200, "/cbr/v3/%p/checkpoints", checkpointOf(`"resources":["%v"]`))
	s.equal(d, "checkpoint.vault.resources.0.resource_size", 20.0)
}

func TestServerBackups(t *testing.T) {
	s := newScene(t, Options{}, "cbr")
	parent, children := s.AddServerBackup(s.project.ID, s.names.Replace("%w"), "server", s.names.Replace("%v"))
	s.equal(s.get("/cbr/v3/%p/backups"), "count", 4.0)
	volumes := "/cbr/v3/%p/backups?resource_type=OS::Cinder::Volume"
	s.equal(s.get(volumes), "count", 3.0)
	s.equal(s.get("/cbr/v3/%p/backups/"+parent), "backup.children.0.id", children[0])
	s.Trap(func(traps *Traps) { traps.ListChildren = true })
	s.equal(s.get(volumes), "count", 4.0)
	s.AddBackup(s.project.ID, Backup{Name: "csbs", Service: "vbs", Server: true})
	d := s.get("/vbs/v2/%p/backups/detail?name=csbs")
	s.equal(d, "backups.0.name", "csbs")
	s.want(400, "DELETE", "/vbs/v2/%p/backups/"+d.text("backups.0.id"), "")
}

func TestRestoreThatFailsShowsInVBS(t *testing.T) {
	s := newScene(t, Options{}, "vbs")
	s.Trap(func(traps *Traps) { traps.FailRestore = &Failure{"VolumeBackup.0200", "lost"} })
	job := s.post(200, "/vbs/v2/%p/cloudbackups/%b/restore", `{"restore":{"volume_id":"%v"}}`).text("job_id")
	s.Settle()
	s.equal(s.get("/vbs/v1/%p/jobs/"+job), "fail_reason", "lost")
	s.equal(s.get("/vbs/v2/%p/backups/%b"), "backup.status", "error_restoring")
	s.ChangeBackup(s.names.Replace("%b"), func(b *Backup) { b.Status = "available" })
	s.equal(s.post(400, "/vbs/v2/%p/cloudbackups/%b/restore", `{"restore":{"volume_id":"%v"}}`), "error.code", "VolumeBackup.0202")
}

func TestNewVolumeThatFails(t *testing.T) {
	s := newScene(t, Options{}, "vbs")
	const body = `{"volume":{"backup_id":"%b","availability_zone":"eu-de-01","volume_type":"SSD"}}`
	s.Trap(func(traps *Traps) { traps.FailVolume = &Failure{"EVS.2025", "lost"} })
	job := s.post(200, "/evs/v2/%p/cloudvolumes", body).text("job_id")
	s.Settle()
	d := s.get("/evs/v1/%p/jobs/" + job)
	s.equal(d, "error_code", "EVS.2025")
	s.equal(s.get("/evs/v2/%p/volumes/"+d.text("entities.volume_id")), "volume.status", "error_restoring")
	s.Trap(func(traps *Traps) { traps.NoVolume = true })
	job = s.post(200, "/evs/v2/%p/cloudvolumes", body).text("job_id")
	s.Settle()
	d = s.get("/evs/v1/%p/jobs/" + job)
	s.equal(d, "status", "FAIL")
	s.equal(d, "entities.volume_id", "")
}

func TestInjectedFaults(t *testing.T) {
	l := newLab(t, Options{})
	l.Inject(Malformed("cbr"))
	l.equal(l.want(401, "GET", "/cbr/v3/%p/vaults", ""), "unauthorized.message", "Malformed request url")
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
	for code, status := range map[string]int{
		"APIGW.0101": 404, "APIGW.0308": 429, "APIGW.0301": 401, "BackupService.9998": 500, "BackupService.0002": 500,
	} {
		l.Inject(Refusal("cbr", code))
		l.equal(l.want(status, "GET", "/cbr/v3/%p/vaults", ""), "error_code", code)
	}
	l.Inject(Fault{Service: "evs", Method: "GET", Path: "/volumes", Skip: 1, Times: 2, Status: 503, Body: `{}`})
	for _, status := range []int{200, 503, 503, 200} {
		l.want(status, "GET", "/evs/v2/%p/volumes", "")
	}
	l.Inject(Fault{Method: "POST", Drop: true, Done: true})
	r, _ := http.NewRequest("POST", l.server.URL+"/evs/v2/"+l.project.ID+"/volumes", strings.NewReader(`{"volume":{"size":1,"name":"lost"}}`))
	r.Header.Set("X-Auth-Token", l.project.Token)
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Fatal("a dropped answer came")
	}
	l.equal(l.want(200, "GET", "/evs/v2/%p/volumes", ""), "volumes.0.name", "lost")
	seen := l.Requests()
	last := seen[len(seen)-2]
	if last.Service != "evs" || last.Method != "POST" || !strings.HasSuffix(last.Path, "/volumes") || !json.Valid(last.Body) {
		t.Fatalf("recorded %+v", last)
	}
}

func TestAFaultThatHangs(t *testing.T) {
	l := newLab(t, Options{})
	l.Inject(Fault{Service: "evs", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", l.server.URL+"/evs/v2/"+l.project.ID+"/volumes", nil)
	r.Header.Set("X-Auth-Token", l.project.Token)
	done := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(r)
		done <- err
	}()
	for len(l.Requests()) == 0 { // it has arrived
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("it was answered: %v", err)
	}
	l.want(200, "GET", "/evs/v2/%p/volumes", "") // other requests are not held up
}

func TestMissingServiceAndRateLimit(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := newLab(t, Options{Without: []string{"vbs"}, RateLimit: 2, Now: func() time.Time { return now }})
	l.equal(l.want(404, "GET", "/vbs/v2/%p/backups", ""), "error_code", "APIGW.0101")
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
	l.equal(l.want(429, "GET", "/cbr/v3/%p/vaults", ""), "error_code", "APIGW.0308")
	now = now.Add(time.Minute)
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
}

func TestTokensEnd(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := newLab(t, Options{Now: func() time.Time { return now }})
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
	now = now.Add(tokenLifetime)
	l.equal(l.want(401, "GET", "/cbr/v3/%p/vaults", ""), "error_code", "APIGW.0301")
	l.project = l.AddProject("other")
	l.want(200, "GET", "/cbr/v3/%p/vaults", "")
	l.ExpireToken(l.project.Token)
	l.want(401, "GET", "/cbr/v3/%p/vaults", "")
}

func TestAuto(t *testing.T) {
	s := newScene(t, Options{Auto: true}, "cbr")
	s.post(202, "/cbr/v3/%p/backups/%b/restore", `{"restore":{"volume_id":"%v"}}`)
	s.equal(s.get("/cbr/v3/%p/backups/%b"), "backup.status", "restoring")
	s.equal(s.get("/cbr/v3/%p/backups/%b"), "backup.status", "available")
}

func TestManyBackups(t *testing.T) {
	l := newLab(t, Options{})
	ids := l.AddBackups(l.project.ID, 1500, Backup{Service: "cbr", Name: "b"})
	d := l.want(200, "GET", "/cbr/v3/%p/backups?sort=created_at:asc", "")
	l.equal(d, "count", 1500.0)
	l.equal(d, "backups.999.id", ids[999])
	d = l.want(200, "GET", "/cbr/v3/%p/backups?sort=created_at:asc&marker="+ids[999], "")
	l.equal(d, "backups.0.id", ids[1000])
	l.equal(d, "backups.499.id", ids[1499])
	l.AddBackups(l.project.ID, 1001, Backup{Service: "vbs", Name: "v"})
	d = l.want(200, "GET", "/vbs/v2/%p/backups/detail", "")
	if !strings.Contains(d.text("backups_links.0.href"), "offset=1000") {
		t.Fatalf("next is %v", d.at("backups_links"))
	}
	// VBS has no parameter marker.
	l.equal(l.want(200, "GET", "/vbs/v2/%p/backups?limit=1&marker="+d.text("backups.5.id"), ""), "backups.0.id", d.text("backups.0.id"))
}

// Recorded answers of Huawei Cloud that differ from its reference.
func TestHuaweiForms(t *testing.T) {
	s := newScene(t, Options{Dialect: Huawei}, "cbr")
	d := s.get("/cbr/v3/%p/backups/%b")
	if at := d.text("backup.created_at"); strings.ContainsAny(at, "+Z") || len(at) != len("2025-03-25T06:32:07.951164") {
		t.Errorf("created_at is %s", at)
	}
	s.equal(d, "backup.enterprise_project_id", "0")
	s.equal(d, "backup.parent_id", nil)
	s.equal(d, "backup.extend_info.supported_restore_mode", nil)
	first := s.AddVolume(s.project.ID, Volume{Name: "first"})
	vault := s.names.Replace("%w")
	s.ChangeVault(vault, func(v *Vault) { v.VolumeIDs = append(v.VolumeIDs, first) })
	d = s.post(200, "/cbr/v3/%p/checkpoints", checkpointOf(`"resources":["`+first+`"],"incremental":true`))
	s.equal(d, "checkpoint.vault.resources.0.resource_size", "10")
	s.equal(d, "checkpoint.vault.resources.0.backup_size", "0")
	s.equal(d, "checkpoint.vault.resources.0.extra_info", "{}")
	d = s.get("/cbr/v3/%p/backups?resource_id=" + first)
	s.equal(d, "backups.0.incremental", true) // the requested value
	if s.Backup(d.text("backups.0.id")).Incremental {
		t.Error("the first backup of a volume is incremental")
	}
	s.Settle()
	s.Trap(func(traps *Traps) { traps.DeleteAnswers = true })
	s.want(200, "DELETE", s.names.Replace("/cbr/v3/%p/backups/%b"), "")
}

func TestVolumeTraps(t *testing.T) {
	both(t, func(t *testing.T, dialect string) {
		s := newScene(t, Options{Dialect: dialect, JobsRun: true}, "cbr")
		path, status := "/evs/v2/%p/cloudvolumes", 200
		if dialect == Huawei {
			path, status = "/evs/v2.1/%p/cloudvolumes", 202
		}
		create := func(trap func(*Traps)) document {
			s.Trap(trap)
			return s.post(status, path, `{"volume":{"backup_id":"%b","availability_zone":"eu-de-01","volume_type":"SSD","name":"n","count":1,
				"metadata":{"create_for_volume_id":"true"}}}`)
		}
		job := func(d document) document { return s.get("/evs/v1/%p/jobs/" + d.text("job_id")) }
		until := func(d document, ended string) document {
			t.Helper()
			for range 5 {
				if v := job(d); v.text("status") == ended {
					return v
				}
			}
			t.Fatalf("not %s: %v", ended, job(d))
			return nil
		}
		made := create(func(traps *Traps) { traps.NoVolume = true })
		ended := until(made, "FAIL")
		s.equal(ended, "entities.volume_id", "")
		s.equal(ended, "error_code", "EVS.2024")
		if dialect == Huawei {
			s.want(404, "GET", s.names.Replace("/evs/v2/%p/volumes/"+made.text("volume_ids.0")), "")
		}
		made = create(func(traps *Traps) { traps.ErrorVolume = true })
		ended = until(made, "FAIL")
		s.equal(s.get("/evs/v2/%p/volumes/"+ended.text("entities.volume_id")), "volume.status", "error")
		made = create(func(traps *Traps) { traps.IDAtEnd, traps.BlankSubJobs = true, true })
		s.equal(job(made), "entities.volume_id", nil)
		s.equal(job(made), "sub_jobs", "")
		if until(made, "SUCCESS").text("entities.volume_id") == "" {
			t.Error("no id at the end")
		}
	})
}

func TestCappedPages(t *testing.T) {
	s := newScene(t, Options{PageCap: 2}, "cbr")
	s.AddBackups(s.project.ID, 5, Backup{Service: "cbr", VolumeID: s.names.Replace("%v")})
	d := s.get("/cbr/v3/%p/backups?limit=1000")
	if n := len(d.at("backups").([]any)); n != 2 || d.at("count").(float64) < 5 {
		t.Errorf("%d of %v", n, d.at("count"))
	}
}
