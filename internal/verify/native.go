package verify

import (
	"fmt"
	"net/http"
	"time"
)

const vbs = "Volume Backup Service"

func nativeCase(name string, level Level, rule, source string, run func(*X)) Case {
	return Case{Name: "vbs-" + name, Capability: vbs, Level: level, To: "3.0", Rule: rule, Source: "VBS API reference, \"" + source + "\"", Run: run}
}

func (x *X) cloudBackups() string { return "/v2/" + x.project() + "/cloudbackups" }

// job waits for the end of a job of the Volume Backup Service.
func (x *X) job(a *answer) *answer {
	id := a.is(http.StatusOK).str("job_id")
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, x.r.o.Poll) {
		j := x.get("/v1/"+x.project()+"/jobs/"+id, native(x), at("")).is(http.StatusOK)
		if s := j.str("status"); s != "INIT" && s != "RUNNING" {
			return j
		}
		x.pause(wait)
	}
}

// nativeError wants an error of the service: {"error": {"code": "VolumeBackup.…", "message": …}}.
func (a *answer) nativeError() {
	if a.e.Status < 400 || a.e.Status > 499 {
		a.fail("a status from 400 to 499", "%s", statusText(a.e.Status))
	}
	a.matches("error.code", `^[A-Za-z]+\.\d{4}$`, "a code such as VolumeBackup.0002")
	a.str("error.message")
}

// nativeCases are the API of Huawei Cloud's and Open Telekom Cloud's Volume Backup Service.
var nativeCases = []Case{
	nativeCase("quota", ReadOnly, "The quota of backups has the resources volume_backup_capacity and volume_backup.", "Querying the VBS Quota", func(x *X) {
		a := x.get(x.cloudBackups()+"/quota", native(x), at("")).is(http.StatusOK)
		a.list("quotas.resources")
		a.number("quotas.resources.0.quota")
		a.number("quotas.resources.0.used")
		a.str("quotas.resources.0.type")
	}),
	nativeCase("job-unknown", ReadOnly, "A job that does not exist is an error in the service's form.", "Querying the Job Status", func(x *X) {
		x.get("/v1/"+x.project()+"/jobs/"+nowhere, native(x), at("")).nativeError()
	}),
	nativeCase("create-malformed", Tenant, "A body without backup is an error in the service's form.", "Creating VBS Backups", func(x *X) {
		x.post(x.cloudBackups(), `{}`, native(x), at("")).nativeError()
	}),
	nativeCase("create", Tenant, "A new backup is answered with 200 and a job, which ends with SUCCESS and names the backup.", "Creating VBS Backups", func(x *X) {
		a := x.post(x.cloudBackups(), fmt.Sprintf(`{"backup": {"volume_id": %q, "name": %q}}`, x.target(), x.name("vbs")), native(x), at(""))
		j := x.job(a)
		if id, ok := j.value("entities.backup_id").(string); ok {
			x.keep("backups", id)
		}
		j.equal("status", "SUCCESS").equal("job_type", "bksCreateBackup")
		j.id("entities.backup_id")
	}),
	{
		Name: "vbs-restore-unknown", Capability: "restore of the Volume Backup Service", Level: Tenant, To: "3.0",
		Rule: "A restore of a backup that does not exist is an error in the service's form.", Source: `VBS API reference, "Restoring a Disk Using a VBS Backup"`,
		Run: func(x *X) {
			x.post(x.cloudBackups()+"/"+nowhere+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q`, x.target())), native(x), at("")).nativeError()
		},
	},
	{
		Name: "vbs-restore", Capability: "restore of the Volume Backup Service", Level: Tenant, To: "3.0",
		Rule: "A restore is answered with 200 and a job, which ends with SUCCESS and names the volume.", Source: `VBS API reference, "Restoring a Disk Using a VBS Backup"`,
		Run: func(x *X) {
			x.settled("backups", x.full())
			j := x.job(x.post(x.cloudBackups()+"/"+x.full()+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q`, x.target())), native(x), at("")))
			x.settled("volumes", x.target())
			x.settled("backups", x.full())
			j.equal("status", "SUCCESS").equal("job_type", "bksRestoreBackup").equal("entities.volume_id", x.target())
		},
	},
}
