package verify

import (
	"fmt"
	"net/http"
	"slices"
)

func foreign(name, rule string, run func(*X)) Case {
	return Case{Name: "other-" + name, Capability: "tenancy", Level: Tenant, Needs: []Who{Second}, Risk: true, Rule: rule,
		Source: "cinder/db/sqlalchemy/api.py:model_query (project_only), cinder/backup/api.py:API.get", Run: run}
}

// tenancyCases are about a login in another project, which must not even learn that something
// exists: it is 404, never 403.
var tenancyCases = []Case{
	foreign("show", "A backup of another project is 404.", func(x *X) {
		id := x.full()
		x.get("/backups/"+id, by(Second)).fault(http.StatusNotFound, id)
	}),
	foreign("list", "A list has no backup of another project.", func(x *X) {
		id := x.full()
		a := x.get("/backups?name="+x.name("full"), by(Second)).is(http.StatusOK)
		x.expect(!slices.Contains(a.ids("backups"), id), a, "a list without "+id, show(a.ids("backups")))
	}),
	foreign("all-tenants", "all_tenants of a member lists no backup of another project.", func(x *X) {
		id := x.full()
		a := x.get("/backups/detail?all_tenants=1&name="+x.name("full"), by(Second)).is(http.StatusOK)
		x.expect(!slices.Contains(a.ids("backups"), id), a, "a list without "+id, show(a.ids("backups")))
	}),
	foreign("update", "A backup of another project cannot be renamed: it is 404.", func(x *X) {
		a := x.put("/backups/"+x.full(), `{"backup": {"description": "a full one"}}`, by(Second))
		if a.e.Status == http.StatusNotImplemented {
			x.notOffered("PUT of a backup was answered with %s%s", statusText(a.e.Status), a.said())
		}
		a.is(http.StatusNotFound)
	}),
	foreign("delete", "A backup of another project cannot be deleted: it is 404.", func(x *X) {
		x.incremental() // protects it where the endpoint does not
		x.delete("/backups/"+x.full(), by(Second)).fault(http.StatusNotFound, x.full())
	}),
	foreign("restore", "A backup of another project cannot be restored: it is 404.", func(x *X) {
		a := x.post("/backups/"+x.full()+"/restore", restoreTo(fmt.Sprintf(`"name": %q`, x.name("stolen"))), by(Second))
		if a.e.Status == http.StatusAccepted {
			x.keep("volumes", a.str("restore.volume_id"), Second)
		}
		a.fault(http.StatusNotFound, x.full())
	}),
	foreign("backup", "A volume of another project cannot be backed up: it is 404.", func(x *X) {
		a := x.post("/backups", fmt.Sprintf(`{"backup": {"name": %q, "volume_id": %q}}`, x.name("stolen"), x.volume()), by(Second))
		if a.e.Status == http.StatusAccepted {
			x.keep("backups", a.str("backup.id"), Second)
		}
		a.fault(http.StatusNotFound, x.volume())
	}),
	foreign("volume", "A volume of another project is 404.", func(x *X) {
		x.get("/volumes/"+x.volume(), by(Second)).fault(http.StatusNotFound, x.volume())
	}),
	foreign("snapshot", "A snapshot of another project is 404.", func(x *X) {
		id := x.snapshot()
		x.get("/snapshots/"+id, by(Second)).fault(http.StatusNotFound, id)
	}),
}

// v2 is the option of requests to the second version of the API.
func (x *X) v2() option { return from(x.r.o.URL + "/v2/" + x.project()) }

func old(name, capability string, level Level, rule string, run func(*X)) Case {
	return Case{Name: "v2-" + name, Capability: capability, Level: level, To: "3.0", Rule: rule, Source: "cinder/api/v2 and cinder/api/contrib/backups.py of Cinder 18 (Wallaby)", Run: run}
}

const v2Restore = "restore of v2"

var v2Cases = []Case{
	old("list", "v2", ReadOnly, "v2 lists backups.", func(x *X) {
		x.get("/backups?limit=1", x.v2(), at("")).is(http.StatusOK).keys("", []string{"backups"}, "backups_links")
	}),
	old("document", "v2", ReadOnly, "The version document has v2.0 without microversions.", func(x *X) {
		a := x.document()
		i := slices.Index(a.column("versions", "id"), `"v2.0"`)
		x.expect(i >= 0, a, "an entry v2.0", show(a.column("versions", "id")))
		a.equal("versions."+string(rune('0'+i%10))+".version", "")
	}),
	old("no-microversion", "v2", ReadOnly, "An answer of v2 names no microversion.", func(x *X) {
		x.get("/backups?limit=1", x.v2(), at("")).is(http.StatusOK).has(versionHeader, "")
	}),
	old("unknown", "v2", ReadOnly, "A backup that does not exist is 404 itemNotFound.", func(x *X) {
		x.get(somewhere, x.v2(), at("")).fault(http.StatusNotFound, nowhere)
	}),
	old("show", "v2", Tenant, "v2 shows the fields of 3.0, and on Open Telekom Cloud two more.", func(x *X) {
		x.get("/backups/"+x.full(), x.v2(), at("")).is(http.StatusOK).keys("backup", baseFields, "os-bak-tenant-attr:tenant_id", "service_metadata")
	}),
	old("restore-unknown", v2Restore, Tenant, "A backup that does not exist cannot be restored: it is 404.", func(x *X) {
		x.post(somewhere+"/restore", restoreTo(`"volume_id": "`+nowhere+`"`), x.v2(), at("")).fault(http.StatusNotFound)
	}),
	old("restore-volume-unknown", v2Restore, Tenant, "A restore to a volume that does not exist is 404.", func(x *X) {
		x.post("/backups/"+x.full()+"/restore", restoreTo(`"volume_id": "`+nowhere+`"`), x.v2(), at("")).fault(http.StatusNotFound, nowhere)
	}),
	{
		Name: "v2-restore", Capability: v2Restore, Level: Tenant, To: "3.0",
		Rule:   "The native restore, which Huawei's Volume Backup Service documents: 202 with backup_id, volume_id and volume_name.",
		Source: "OpenStack's reference of v2, \"Restore backup\"; VBS API reference, \"Restoring a Disk Using a VBS Backup (Native OpenStack API)\"",
		Run: func(x *X) {
			x.settled("backups", x.full(), at(x.r.highest()))
			a := x.post("/backups/"+x.full()+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q`, x.target())), x.v2(), at("")).is(http.StatusAccepted)
			x.settled("volumes", x.target())
			x.settled("backups", x.full())
			a.keys("restore", []string{"backup_id", "volume_id", "volume_name"})
			a.equal("restore.backup_id", x.full()).equal("restore.volume_id", x.target()).equal("restore.volume_name", x.name("target"))
		},
	},
	{
		Name: "v2-restore-priority", Capability: v2Restore, Level: Tenant, To: "3.0",
		Rule:   "If volume_id and name are both given, volume_id has priority.",
		Source: "OpenStack's reference of v2, \"Restore backup\": the UUID takes priority",
		Run: func(x *X) {
			x.settled("backups", x.full(), at(x.r.highest()))
			a := x.post("/backups/"+x.full()+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q, "name": %q`, x.target(), x.name("v2"))), x.v2(), at("")).is(http.StatusAccepted)
			if a.value("restore.volume_id") != x.target() {
				x.keep("volumes", a.str("restore.volume_id"))
			}
			x.settled("volumes", x.target())
			x.settled("backups", x.full())
			a.equal("restore.volume_id", x.target())
		},
	},
}
