package verify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const actionSource = "cinder/api/contrib/admin_actions.py:BackupAdminController"

func memberMayNot(name, rule, source, method, path string, body any) Case {
	return Case{Name: name, Capability: "actions", Level: Tenant, Member: true, Rule: rule, Source: source, Run: func(x *X) {
		x.call(method, "/backups/"+x.full()+path, body).fault(http.StatusForbidden, "policy")
	}}
}

func adminCase(name, capability, rule, source string, run func(*X)) Case {
	return Case{Name: name, Capability: capability, Level: Admin, Needs: []Who{Boss}, Rule: rule, Source: source, Run: run}
}

// act sends an action as an admin.
func (x *X) act(backup, body string) *answer {
	return x.post("/backups/"+backup+"/action", body, by(Boss))
}

func (x *X) reset(backup, status string) {
	x.act(backup, fmt.Sprintf(`{"os-reset_status": {"status": %q}}`, status)).is(http.StatusAccepted)
}

// resetTime bounds how long a reset takes: cinder-backup does it, after the answer.
const resetTime = 15 * time.Second

// becomes waits until a reset has set a status.
func (x *X) becomes(id, status string) {
	until := time.Now().Add(min(resetTime, x.r.o.CaseTimeout/10))
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, x.r.o.Poll) {
		a := x.get("/backups/" + id).is(http.StatusOK)
		if a.str("backup.status") == status {
			return
		}
		x.expect(time.Now().Before(until), a, "backup "+id+" becomes "+status, "status "+a.str("backup.status"))
		x.pause(wait)
	}
}

// spare is a backup whose status cases change. It is available when a case begins and ends.
func (x *X) spare() string {
	x.changed()
	return x.thing("backups", "spare backup", func(x *X) string { return x.quick(x.name("spare"), "") })
}

var actionCases = []Case{
	memberMayNot("reset-of-members", "A member may not reset the status of a backup: it is 403.", "cinder/policies/backup_actions.py:BASE_POLICY_NAME", http.MethodPost, "/action", `{"os-reset_status": {"status": "error"}}`),
	memberMayNot("force-delete-of-members", "A member may not force the deletion of a backup: it is 403.", "cinder/policies/backup_actions.py:BASE_POLICY_NAME", http.MethodPost, "/action", `{"os-force_delete": {}}`),
	memberMayNot("export-of-members", "A member may not export a record: it is 403.", "cinder/policies/backups.py:EXPORT_POLICY", http.MethodGet, "/export_record", nil),
	{
		Name: "import-of-members", Capability: "actions", Level: Tenant, Member: true,
		Rule: "A member may not import a record: it is 403.", Source: "cinder/policies/backups.py:IMPORT_POLICY",
		Run: func(x *X) {
			x.post("/backups/import_record", `{"backup-record": {"backup_service": "cinder.backup.drivers.posix", "backup_url": "e30="}}`).fault(http.StatusForbidden, "policy")
		},
	},
	{
		Name: "action-unknown", Capability: "actions", Level: Tenant,
		Rule: "An unknown action is 400, and the message names it.", Source: "cinder/api/openstack/wsgi.py:Resource.get_method",
		Run: func(x *X) {
			x.post("/backups/"+x.full()+"/action", `{"os-no-such-action": {}}`).fault(http.StatusBadRequest, "os-no-such-action")
		},
	},
	{
		Name: "action-none", Capability: "actions", Level: Tenant,
		Rule: "An empty object as action is 400.", Source: "cinder/api/openstack/wsgi.py:action_peek_json",
		Run: func(x *X) { x.post("/backups/"+x.full()+"/action", `{}`).fault(http.StatusBadRequest) },
	},
	{
		Name: "action-two", Capability: "actions", Level: Tenant,
		Rule: "Two actions at once are 400.", Source: "cinder/api/openstack/wsgi.py:action_peek_json",
		Run: func(x *X) {
			x.post("/backups/"+x.full()+"/action", `{"os-reset_status": {"status": "error"}, "os-no-such-action": {}}`).fault(http.StatusBadRequest)
		},
	},
	adminCase("reset-error", "reset the status", "An admin resets a backup to error: 202 without a body.", actionSource+", cinder/backup/api.py:API.reset_status", func(x *X) {
		id := x.spare()
		defer x.revive(id)
		x.act(id, `{"os-reset_status": {"status": "error"}}`).is(http.StatusAccepted).empty()
		x.becomes(id, "error")
	}),
	adminCase("reset-available", "reset the status", "An admin resets a backup to available.", actionSource, func(x *X) {
		id := x.spare()
		x.reset(id, "error")
		x.becomes(id, "error")
		x.reset(id, "available")
		x.becomes(id, "available")
	}),
	adminCase("reset-unknown-status", "reset the status", "Another status than available and error is 400.", "cinder/api/contrib/admin_actions.py:BackupAdminController.valid_status", func(x *X) {
		x.act(x.spare(), `{"os-reset_status": {"status": "no-such-status"}}`).fault(http.StatusBadRequest)
	}),
	adminCase("reset-without-status", "reset the status", "A reset without a status is 400.", "cinder/api/schemas/admin_actions.py:reset_status_backup", func(x *X) {
		x.act(x.spare(), `{"os-reset_status": {}}`).fault(http.StatusBadRequest, "status")
	}),
	adminCase("reset-unknown", "reset the status", "A backup that does not exist cannot be reset: it is 404.", actionSource, func(x *X) {
		x.act(nowhere, `{"os-reset_status": {"status": "error"}}`).fault(http.StatusNotFound, nowhere)
	}),
	adminCase("error-not-restored", "reset the status", "A backup in error cannot be restored: it is 400.", restoreSource+" (Backup status must be available)", func(x *X) {
		id := x.spare()
		defer x.revive(id)
		x.reset(id, "error")
		x.becomes(id, "error")
		a := x.post("/backups/"+id+"/restore", restoreTo(fmt.Sprintf(`"name": %q`, x.name("from-error"))))
		if a.e.Status == http.StatusAccepted {
			x.keep("volumes", a.str("restore.volume_id"))
		}
		a.fault(http.StatusBadRequest, "available")
	}),
	adminCase("error-not-exported", "export a record", "A backup in error cannot be exported: it is 400.", "cinder/backup/api.py:API.export_record", func(x *X) {
		id := x.spare()
		defer x.revive(id)
		x.reset(id, "error")
		x.becomes(id, "error")
		x.get("/backups/"+id+"/export_record", by(Boss)).fault(http.StatusBadRequest, "available")
	}),
	adminCase("error-deleted", "reset the status", "A backup in error can be deleted.", "cinder/backup/api.py:API.delete", func(x *X) {
		id := x.quick(x.name("broken"), "")
		x.reset(id, "error")
		x.becomes(id, "error")
		x.delete("/backups/" + id).is(http.StatusAccepted)
		x.gone("backups", id)
	}),
	adminCase("force-delete", "force the deletion", "An admin forces the deletion of a backup: 202, and it becomes 404.", actionSource, func(x *X) {
		id := x.quick(x.name("forced"), "")
		x.act(id, `{"os-force_delete": {}}`).is(http.StatusAccepted).empty()
		x.gone("backups", id)
	}),
	adminCase("force-delete-unknown", "force the deletion", "The deletion of a backup that does not exist cannot be forced: it is 404.", actionSource, func(x *X) {
		x.act(nowhere, `{"os-force_delete": {}}`).fault(http.StatusNotFound, nowhere)
	}),
}

// revive makes a backup available again at the end of a case.
func (x *X) revive(id string) {
	own := &X{ctx: x.ctx, r: x.r, version: x.version}
	_, _ = own.try(func() *answer { own.reset(id, "available"); own.becomes(id, "available"); return nil })
	x.r.record(own.exchanges)
}

const recordSource = "cinder/backup/api.py:API._get_import_backup"

// importRecord sends a record as an admin.
func (x *X) importRecord(service, url string) *answer {
	return x.post("/backups/import_record", map[string]any{"backup-record": map[string]string{"backup_service": service, "backup_url": url}}, by(Boss))
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func refusedRecord(name, rule, url string, words ...string) Case {
	return adminCase("import-"+name, "import a record", rule, recordSource, func(x *X) {
		x.importRecord("cinder.backup.drivers.posix", url).fault(http.StatusBadRequest, words...)
	})
}

var recordCases = []Case{
	adminCase("export", "export a record", "An export is answered with backup_service and backup_url, and no more.", "cinder/api/views/backups.py:ViewBuilder.export_summary", func(x *X) {
		a := x.get("/backups/"+x.full()+"/export_record", by(Boss)).is(http.StatusOK)
		a.keys("", []string{"backup-record"}).keys("backup-record", []string{"backup_service", "backup_url"})
	}),
	adminCase("export-service", "export a record", "backup_service names a backup driver of Cinder.", "cinder/backup/api.py:API.export_record", func(x *X) {
		x.get("/backups/"+x.full()+"/export_record", by(Boss)).is(http.StatusOK).matches("backup-record.backup_service", `^cinder\.backup\.drivers\.`, "cinder.backup.drivers.…")
	}),
	adminCase("export-content", "export a record", "backup_url is base64 of JSON with the id and the size of the backup.", "cinder/objects/backup.py:Backup.encode_record", func(x *X) {
		a := x.get("/backups/"+x.full()+"/export_record", by(Boss)).is(http.StatusOK)
		record := a.record()
		x.expect(record["id"] == x.full() && record["size"] == float64(small), a, fmt.Sprintf("id %s and size %d", x.full(), small), fmt.Sprintf("id %v and size %v", record["id"], record["size"]))
		for _, k := range []string{"display_name", "display_description", "container", "service_metadata", "object_count", "volume_id", "parent_id"} {
			if _, ok := record[k]; !ok {
				a.fail("a record with "+k, "there is none")
			}
		}
	}),
	adminCase("export-unknown", "export a record", "A backup that does not exist cannot be exported: it is 404.", "cinder/api/contrib/backups.py:BackupsController.export_record", func(x *X) {
		x.get(somewhere+"/export_record", by(Boss)).fault(http.StatusNotFound, nowhere)
	}),
	refusedRecord("garbage", "A record that is no base64 is 400.", "!!!", "record"),
	refusedRecord("no-json", "A record that is no JSON is 400.", encoded("no json"), "record"),
	refusedRecord("without-id", "A record without an id is 400.", encoded(`{"size": 1}`), "id"),
	refusedRecord("without-size", "A record without a size is 400.", encoded(`{"id": "`+nowhere+`"}`), "size"),
	adminCase("import-without-url", "import a record", "An import without backup_url is 400.", "cinder/api/schemas/backups.py:import_record", func(x *X) {
		x.post("/backups/import_record", `{"backup-record": {"backup_service": "x"}}`, by(Boss)).fault(http.StatusBadRequest, "backup_url")
	}),
	adminCase("import-without-record", "import a record", "An import without backup-record is 400.", "cinder/api/schemas/backups.py:import_record", func(x *X) {
		x.post("/backups/import_record", `{}`, by(Boss)).fault(http.StatusBadRequest, "backup-record")
	}),
	adminCase("import-existing", "import a record", "The record of a backup that exists is 400.", recordSource+" (Backup already exists in database)", func(x *X) {
		a := x.get("/backups/"+x.full()+"/export_record", by(Boss)).is(http.StatusOK)
		x.importRecord(a.str("backup-record.backup_service"), a.str("backup-record.backup_url")).fault(http.StatusBadRequest, "exists")
	}),
	adminCase("import", "import a record", "A record with a new id is answered with 201, keeps that id, and becomes available.", "cinder/api/contrib/backups.py:BackupsController.import_record, cinder/backup/manager.py:BackupManager.import_record", func(x *X) {
		own := x.quick(x.name("exported"), "")
		a := x.get("/backups/"+own+"/export_record", by(Boss)).is(http.StatusOK)
		record := a.record()
		id := own[:len(own)-12] + "00000000feed"
		record["id"] = id
		text, err := json.Marshal(record)
		x.expect(err == nil, a, "a record", fmt.Sprint(err))
		made := x.importRecord(a.str("backup-record.backup_service"), encoded(string(text)))
		if made.e.Status < http.StatusBadRequest {
			x.keep("backups", id, Boss)
		}
		made.is(http.StatusCreated).keys("backup", []string{"id", "name", "links"})
		made.equal("backup.id", id)
		x.settled("backups", id, by(Boss))
	}),
}

// record is what an export holds.
func (a *answer) record() map[string]any {
	text, err := base64.StdEncoding.DecodeString(a.str("backup-record.backup_url"))
	var record map[string]any
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil || record == nil {
		a.fail("backup_url: base64 of JSON", "%q", a.str("backup-record.backup_url"))
	}
	return record
}

var adminCases = []Case{
	{
		Name: "admin-project", Capability: "show a backup", Level: Admin, From: "3.18", Needs: []Who{Boss},
		Rule: "From 3.18 on, an admin sees the project of a backup.", Source: "cinder/api/v3/backups.py:BackupsController._add_backup_project_attribute",
		Run: func(x *X) {
			a := x.get("/backups/"+x.full(), by(Boss)).is(http.StatusOK)
			if project := x.r.o.Tester.ProjectID; project != "" {
				a.equal("backup.os-backup-project-attr:project_id", project)
			} else {
				a.str("backup.os-backup-project-attr:project_id")
			}
		},
	},
	{
		Name: "admin-user", Capability: "show a backup", Level: Admin, From: "3.56", Needs: []Who{Boss},
		Rule: "From 3.56 on, an admin sees the user of a backup.", Source: "cinder/api/v3/backups.py:BackupsController._add_backup_user_attribute",
		Run: func(x *X) { x.get("/backups/"+x.full(), by(Boss)).is(http.StatusOK).str("backup.user_id") },
	},
	{
		Name: "admin-no-user-before", Capability: "show a backup", Level: Admin, From: "3.18", To: "3.55", Needs: []Who{Boss},
		Rule: "Before 3.56 an admin does not see the user of a backup.", Source: "cinder/api/v3/backups.py:BackupsController.show (BACKUP_PROJECT_USER_ID)",
		Run: func(x *X) { x.get("/backups/"+x.full(), by(Boss)).is(http.StatusOK).absent("backup", "user_id") },
	},
	{
		Name: "admin-all-tenants", Capability: "all projects", Level: Admin, Needs: []Who{Boss},
		Rule: "all_tenants=1 of an admin lists the backups of all projects.", Source: "cinder/backup/api.py:API.get_all",
		Run: func(x *X) {
			id := x.full()
			a := x.get("/backups?all_tenants=1&name="+x.name("full"), by(Boss)).is(http.StatusOK)
			x.expect(slices.Contains(a.ids("backups"), id), a, "backup "+id, show(a.ids("backups")))
		},
	},
	{
		Name: "admin-all-tenants-malformed", Capability: "all projects", Level: Admin, Needs: []Who{Boss},
		Rule: "An all_tenants of an admin that is no boolean is 400.", Source: "cinder/utils.py:get_bool_param",
		Run: func(x *X) { x.get("/backups?all_tenants=maybe", by(Boss)).fault(http.StatusBadRequest, "all_tenants") },
	},
	{
		Name: "admin-filter-unknown", Capability: "filters of admins", Level: Admin, Needs: []Who{Boss},
		Rule: "A filter of an admin that is no column lists nothing, and is no error.", Source: "cinder/db/sqlalchemy/api.py:_process_backups_filters",
		Run: func(x *X) {
			x.full()
			x.get("/backups?all_tenants=1&no_such_column=1", by(Boss)).is(http.StatusOK).wantIDs("backups")
		},
	},
	{
		Name: "admin-filter-column", Capability: "filters of admins", Level: Admin, Needs: []Who{Boss},
		Rule: "An admin filters by any column, such as the volume's size.", Source: "cinder/db/sqlalchemy/api.py:_process_backups_filters",
		Run: func(x *X) {
			id := x.full()
			x.get("/backups?all_tenants=1&size=1&name="+x.name("full"), by(Boss)).is(http.StatusOK).wantIDs("backups", id)
			x.get("/backups?all_tenants=1&size=77&name="+x.name("full"), by(Boss)).is(http.StatusOK).wantIDs("backups")
		},
	},
	{
		Name: "admin-shows-any", Capability: "all projects", Level: Admin, Needs: []Who{Boss},
		Rule: "An admin sees a backup of any project at the URL of the admin's own project.", Source: "cinder/db/sqlalchemy/api.py:model_query",
		Run: func(x *X) {
			if strings.TrimSpace(x.r.login(Boss).ProjectID) == x.r.o.Tester.ProjectID {
				x.notTested("the admin's project is the tester's")
			}
			x.get("/backups/"+x.full(), by(Boss)).is(http.StatusOK).equal("backup.id", x.full())
		},
	},
}
