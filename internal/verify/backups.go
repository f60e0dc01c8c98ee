package verify

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// rejects is a case of a body that the schema of new backups refuses. %s stands for the id of a
// volume that does not exist, so that a broken endpoint makes nothing.
func rejects(name, from, to, rule, body string, words ...string) Case {
	return Case{Name: "create-" + name, Capability: "create a backup", Level: Tenant, From: from, To: to, Rule: rule,
		Source: "cinder/api/schemas/backups.py:create", Run: func(x *X) {
			x.post("/backups", strings.ReplaceAll(body, "%s", nowhere)).fault(http.StatusBadRequest, words...)
		}}
}

var long = strings.Repeat("x", 256)

var createCases = []Case{
	rejects("without-backup", "", "", "A body without backup is 400.", `{}`, "backup"),
	rejects("without-volume", "", "", "A backup without volume_id is 400.", `{"backup": {"name": "x"}}`, "volume_id"),
	rejects("volume-no-uuid", "", "", "A volume_id that is no UUID is 400.", `{"backup": {"volume_id": "no-uuid"}}`, "volume_id"),
	rejects("volume-number", "", "", "A volume_id that is a number is 400.", `{"backup": {"volume_id": 7}}`, "volume_id"),
	rejects("snapshot-no-uuid", "", "", "A snapshot_id that is no UUID is 400.", `{"backup": {"volume_id": "%s", "snapshot_id": "no-uuid"}}`, "snapshot_id"),
	rejects("name-long", "", "", "A name of more than 255 characters is 400.", `{"backup": {"volume_id": "%s", "name": "`+long+`"}}`, "name"),
	rejects("name-number", "", "", "A name that is a number is 400.", `{"backup": {"volume_id": "%s", "name": 7}}`, "name"),
	rejects("description-long", "", "", "A description of more than 255 characters is 400.", `{"backup": {"volume_id": "%s", "description": "`+long+`"}}`, "description"),
	rejects("description-lines", "", "", "A description with a newline is 400.", `{"backup": {"volume_id": "%s", "description": "a\nb"}}`, "description"),
	rejects("container-long", "", "", "A container of more than 255 characters is 400.", `{"backup": {"volume_id": "%s", "container": "`+long+`"}}`, "container"),
	rejects("incremental-text", "", "", "An incremental that is no boolean is 400.", `{"backup": {"volume_id": "%s", "incremental": "maybe"}}`, "incremental"),
	rejects("incremental-null", "", "", "An incremental of null is 400.", `{"backup": {"volume_id": "%s", "incremental": null}}`, "incremental"),
	rejects("force-number", "", "", "A force of 2 is 400.", `{"backup": {"volume_id": "%s", "force": 2}}`, "force"),
	rejects("property-unknown", "", "", "A property that does not exist is 400, and the message names it.", `{"backup": {"volume_id": "%s", "no_such_property": 1}}`, "no_such_property"),
	rejects("metadata-before", "", "3.42", "Before 3.43 metadata is no property: it is 400.", `{"backup": {"volume_id": "%s", "metadata": {"a": "b"}}}`, "metadata"),
	rejects("metadata-number", "3.43", "", "Metadata with a number as value is 400.", `{"backup": {"volume_id": "%s", "metadata": {"a": 1}}}`),
	rejects("metadata-key-long", "3.43", "", "Metadata with a key of more than 255 characters is 400.", `{"backup": {"volume_id": "%s", "metadata": {"`+long+`": "b"}}}`),
	rejects("metadata-key-empty", "3.43", "", "Metadata with an empty key is 400.", `{"backup": {"volume_id": "%s", "metadata": {"": "b"}}}`),
	rejects("metadata-list", "3.43", "", "Metadata that is a list is 400.", `{"backup": {"volume_id": "%s", "metadata": []}}`, "metadata"),
	rejects("zone-before", "", "3.50", "Before 3.51 availability_zone is no property: it is 400.", `{"backup": {"volume_id": "%s", "availability_zone": "nova"}}`, "availability_zone"),
	rejects("zone-number", "3.51", "", "An availability_zone that is a number is 400.", `{"backup": {"volume_id": "%s", "availability_zone": 7}}`, "availability_zone"),
	{
		Name: "create-volume-unknown", Capability: "create a backup", Level: Tenant,
		Rule:   "A backup of a volume that does not exist is 404, and the message names the volume.",
		Source: "cinder/backup/api.py:API.create (volume_api.get), cinder/exception.py:VolumeNotFound",
		Run:    refuses(http.MethodPost, "/backups", `{"backup": {"volume_id": "`+nowhere+`"}}`, http.StatusNotFound, nowhere),
	},
	{
		Name: "create-snapshot-unknown", Capability: "backup of a snapshot", Level: Tenant,
		Rule:   "A backup of a snapshot that does not exist is 404, and the message names the snapshot.",
		Source: "cinder/backup/api.py:API.create (get_snapshot), cinder/exception.py:SnapshotNotFound",
		Run: func(x *X) {
			x.post("/backups", fmt.Sprintf(`{"backup": {"volume_id": %q, "snapshot_id": %q}}`, x.volume(), nowhere)).fault(http.StatusNotFound, nowhere)
		},
	},
	{
		Name: "create-snapshot-of-other-volume", Capability: "backup of a snapshot", Level: Tenant,
		Rule:   "A snapshot of another volume than volume_id is 400.",
		Source: "cinder/backup/api.py:API.create (snapshot.volume_id != volume_id)",
		Run: func(x *X) {
			x.post("/backups", fmt.Sprintf(`{"backup": {"volume_id": %q, "snapshot_id": %q}}`, x.target(), x.snapshot())).fault(http.StatusBadRequest)
		},
	},
	{
		Name: "create-incremental-without-full", Capability: "incremental backup", Level: Tenant, Risk: true,
		Rule:   "An incremental backup of a volume that has no backup is 400.",
		Source: "cinder/backup/api.py:API.create (No backups available to do an incremental backup)",
		Run: func(x *X) {
			volume := x.newVolume(x.name("never-backed-up"), small, "")
			a := x.post("/backups", fmt.Sprintf(`{"backup": {"name": %q, "volume_id": %q, "incremental": true}}`, x.name("orphan"), volume))
			if a.e.Status == http.StatusAccepted {
				x.keep("backups", a.str("backup.id"))
			}
			a.fault(http.StatusBadRequest)
		},
	},
	{
		Name: "create-answer", Capability: "create a backup", Level: Tenant,
		Rule:   "A new backup is answered with 202 and just its id, its name and links.",
		Source: "cinder/api/contrib/backups.py:BackupsController.create, cinder/api/views/backups.py:ViewBuilder.summary",
		Run: func(x *X) {
			x.changed()
			a := x.post("/backups", x.quickBody(x.name("answer"), ""))
			x.overQuota(a)
			a.is(http.StatusAccepted)
			x.keep("backups", a.id("backup.id"))
			a.keys("", []string{"backup"}).keys("backup", []string{"id", "name", "links"})
			a.equal("backup.name", x.name("answer"))
			x.settled("backups", a.str("backup.id"))
		},
	},
	{
		Name: "create-words", Capability: "create a backup", Level: Tenant,
		Rule:   "Flags may be words such as on and 0; null stands for no container, description and snapshot; blanks around a name go.",
		Source: "cinder/api/validation/parameter_types.py:boolean, cinder/api/contrib/backups.py:BackupsController.create (clean_name_and_description)",
		Run: func(x *X) {
			x.changed()
			a := x.post("/backups", fmt.Sprintf(`{"backup": {"name": "  %s ", "volume_id": %q, "incremental": "on", "force": "0", "container": null, "description": null, "snapshot_id": null}}`,
				x.name("words"), x.target()))
			x.overQuota(a)
			a.is(http.StatusAccepted)
			x.keep("backups", a.str("backup.id"))
			a.equal("backup.name", x.name("words"))
			x.settled("backups", a.str("backup.id"))
		},
	},
	{
		Name: "create-metadata", Capability: "metadata of backups", Level: Tenant, From: "3.43",
		Rule:   "From 3.43 on, a backup keeps the metadata that it is created with.",
		Source: "cinder/api/schemas/backups.py:create_backup_v343",
		Run: func(x *X) {
			id := x.quick(x.name("metadata"), `, "metadata": {"a key": "a value"}`)
			x.get("/backups/"+id).is(http.StatusOK).equal("backup.metadata", map[string]any{"a key": "a value"})
		},
	},
	{
		Name: "create-zone", Capability: "availability zone of backups", Level: Tenant, From: "3.51",
		Rule:   "From 3.51 on, a backup takes the availability zone of a backup service.",
		Source: "cinder/api/schemas/backups.py:create_backup_v351",
		Run: func(x *X) {
			zone := x.get("/os-availability-zone").is(http.StatusOK).str("availabilityZoneInfo.0.zoneName")
			x.quick(x.name("zone"), fmt.Sprintf(`, "availability_zone": %q`, zone))
		},
	},
	{
		Name: "create-volume-returns", Capability: "create a backup", Level: Tenant,
		Rule:   "A volume that was backed up is available again.",
		Source: "cinder/backup/manager.py:BackupManager._finish_backup (previous_status)",
		Run: func(x *X) {
			x.full()
			x.settled("volumes", x.volume())
		},
	},
}

func shown(name, capability, from, rule string, of func(*X) string, check func(*X, *answer)) Case {
	return Case{Name: "show-" + name, Capability: capability, Level: Tenant, From: from, Rule: rule, Source: showSource,
		Run: func(x *X) {
			id := of(x)
			check(x, x.get("/backups/"+id).is(http.StatusOK))
		}}
}

const showSource = "cinder/api/views/backups.py:ViewBuilder.detail"

// baseFields are those of a backup at 3.0.
var baseFields = []string{"id", "status", "size", "object_count", "availability_zone", "container", "created_at", "updated_at", "name", "description",
	"fail_reason", "volume_id", "links", "is_incremental", "has_dependent_backups", "snapshot_id", "data_timestamp"}

// laterFields may be there or not, by microversion and role.
var laterFields = []string{"metadata", "os-backup-project-attr:project_id", "user_id", "encryption_key_id"}

const shows = "show a backup"

var showCases = []Case{
	shown("fields", shows, "", "A backup has Cinder's fields and no other: Tempest refuses others.", (*X).full, func(_ *X, a *answer) {
		a.keys("", []string{"backup"}).keys("backup", baseFields, laterFields...)
	}),
	shown("id", shows, "", "A backup shows its own id.", (*X).full, func(x *X, a *answer) { a.equal("backup.id", x.full()) }),
	shown("name", shows, "", "A backup shows its name.", (*X).full, func(x *X, a *answer) { a.equal("backup.name", x.name("full")) }),
	shown("description", shows, "", "A backup shows its description.", (*X).full, func(_ *X, a *answer) { a.equal("backup.description", "a full one") }),
	shown("no-description", shows, "", "A description that was not given is null.", (*X).incremental, func(_ *X, a *answer) { a.equal("backup.description", nil) }),
	shown("volume", shows, "", "A backup names its volume.", (*X).full, func(x *X, a *answer) { a.equal("backup.volume_id", x.volume()) }),
	shown("size", shows, "", "The size of a backup is that of its volume, in GiB.", (*X).full, func(_ *X, a *answer) { a.equal("backup.size", small) }),
	shown("status", shows, "", "A backup that is complete is available.", (*X).full, func(_ *X, a *answer) { a.equal("backup.status", "available") }),
	shown("fail-reason", shows, "", "A backup that did not fail has no fail_reason.", (*X).full, func(x *X, a *answer) {
		r := a.value("backup.fail_reason")
		x.expect(r == nil || r == "", a, "backup.fail_reason: null", "backup.fail_reason: "+show(r))
	}),
	shown("times", shows, "", "Times have microseconds and no zone: gophercloud refuses a Z.", (*X).full, func(_ *X, a *answer) {
		for _, k := range []string{"created_at", "updated_at", "data_timestamp"} {
			a.matches("backup."+k, timePattern, "a time such as 2026-11-21T17:13:07.000000")
		}
	}),
	shown("data-timestamp", shows, "", "data_timestamp of a backup of a volume is created_at.", (*X).full, func(_ *X, a *answer) {
		a.equal("backup.data_timestamp", a.value("backup.created_at"))
	}),
	shown("container", shows, "", "A backup that is complete names its container.", (*X).full, func(_ *X, a *answer) { a.str("backup.container") }),
	shown("object-count", shows, "", "object_count is a number.", (*X).full, func(_ *X, a *answer) { a.number("backup.object_count") }),
	shown("full", shows, "", "is_incremental of a full backup is false.", (*X).full, func(_ *X, a *answer) { a.equal("backup.is_incremental", false) }),
	shown("incremental", "incremental backup", "", "is_incremental of an incremental backup is true.", (*X).incremental, func(_ *X, a *answer) { a.equal("backup.is_incremental", true) }),
	{
		Name: "show-dependents", Capability: "incremental backup", Level: Tenant, Risk: true, Source: showSource,
		Rule: "has_dependent_backups of a backup with an incremental one on top is true.",
		Run: func(x *X) {
			x.incremental()
			x.get("/backups/"+x.full()).is(http.StatusOK).equal("backup.has_dependent_backups", true)
		},
	},
	shown("no-dependents", "incremental backup", "", "has_dependent_backups of the last backup is false.", (*X).incremental, func(_ *X, a *answer) {
		a.equal("backup.has_dependent_backups", false)
	}),
	shown("no-snapshot", shows, "", "snapshot_id of a backup of a volume is null.", (*X).full, func(_ *X, a *answer) { a.equal("backup.snapshot_id", nil) }),
	shown("snapshot", "backup of a snapshot", "", "A backup of a snapshot names it.", (*X).ofSnapshot, func(x *X, a *answer) { a.equal("backup.snapshot_id", x.snapshot()) }),
	shown("snapshot-volume", "backup of a snapshot", "", "A backup of a snapshot names the snapshot's volume.", (*X).ofSnapshot, func(x *X, a *answer) { a.equal("backup.volume_id", x.volume()) }),
	shown("snapshot-data-timestamp", "backup of a snapshot", "", "data_timestamp of a backup of a snapshot is the snapshot's created_at.", (*X).ofSnapshot, func(x *X, a *answer) {
		a.equal("backup.data_timestamp", x.get("/snapshots/"+x.snapshot()).is(http.StatusOK).value("snapshot.created_at"))
	}),
	shown("links", shows, "", "A backup has the links self and bookmark; both end with its id, and bookmark has no version.", (*X).full, func(x *X, a *answer) {
		a.equal("backup.links.0.rel", "self").equal("backup.links.1.rel", "bookmark")
		a.matches("backup.links.0.href", `/v3/.*backups/`+x.full()+`$`, "a URL of v3 that ends with the id")
		a.matches("backup.links.1.href", `/backups/`+x.full()+`$`, "a URL that ends with the id")
		x.expect(!strings.Contains(a.str("backup.links.1.href"), "/v3/"), a, "no version in the link bookmark", a.str("backup.links.1.href"))
	}),
	shown("metadata", "metadata of backups", "3.43", "From 3.43 on, a backup without metadata shows an empty object.", (*X).full, func(_ *X, a *answer) {
		a.equal("backup.metadata", map[string]any{})
	}),
	{
		Name: "show-no-metadata-before", Capability: shows, Level: Tenant, To: "3.42", Source: "cinder/api/views/backups.py:ViewBuilder.detail (BACKUP_METADATA)",
		Rule: "Before 3.43 a backup shows no metadata.",
		Run: func(x *X) {
			x.get("/backups/"+x.full()).is(http.StatusOK).absent("backup", "metadata")
		},
	},
	{
		Name: "show-no-project", Capability: shows, Level: Tenant, Member: true, Source: "cinder/api/v3/backups.py:BackupsController._add_backup_project_attribute",
		Rule: "A member does not see the project of a backup.",
		Run: func(x *X) {
			x.get("/backups/"+x.full()).is(http.StatusOK).absent("backup", "os-backup-project-attr:project_id")
		},
	},
	{
		Name: "show-no-user", Capability: shows, Level: Tenant, Member: true, Source: "cinder/api/v3/backups.py:BackupsController._add_backup_user_attribute",
		Rule: "A member does not see the user of a backup.",
		Run: func(x *X) {
			x.get("/backups/"+x.full()).is(http.StatusOK).absent("backup", "user_id")
		},
	},
}

const updates = "update a backup"

func updateCase(name, from, to, rule string, run func(*X)) Case {
	return Case{Name: "update-" + name, Capability: updates, Level: Tenant, From: from, To: to, Rule: rule, Source: "cinder/api/v3/backups.py:BackupsController.update, cinder/api/schemas/backups.py:update", Run: run}
}

// changed is a backup that cases rename.
func (x *X) changed() string {
	volume := x.target()
	id := x.thing("backups", "backup to change", func(x *X) string { return x.newBackup(x.name("changed"), volume, "") })
	x.settled("volumes", volume) // another case may have begun a backup of it
	return id
}

// fresh is a word that was not there before.
func fresh() string { return strings.ToLower(rand.Text()[:8]) }

var updateCases = []Case{
	updateCase("answer", "3.9", "", "An update is answered with 200 and just id, name and links.", func(x *X) {
		a := x.put("/backups/"+x.changed(), fmt.Sprintf(`{"backup": {"name": %q}}`, x.name("renamed"))).is(http.StatusOK)
		a.keys("backup", []string{"id", "name", "links"}).equal("backup.name", x.name("renamed"))
	}),
	updateCase("name", "3.9", "", "A new name is shown.", func(x *X) {
		name := x.name("named-" + fresh())
		x.put("/backups/"+x.changed(), fmt.Sprintf(`{"backup": {"name": %q}}`, name)).is(http.StatusOK)
		x.get("/backups/"+x.changed()).is(http.StatusOK).equal("backup.name", name)
	}),
	updateCase("description", "3.9", "", "A new description is shown, and the name stays.", func(x *X) {
		name := x.get("/backups/" + x.changed()).is(http.StatusOK).str("backup.name")
		description := "described " + fresh()
		x.put("/backups/"+x.changed(), fmt.Sprintf(`{"backup": {"description": %q}}`, description)).is(http.StatusOK)
		x.get("/backups/"+x.changed()).is(http.StatusOK).equal("backup.description", description).equal("backup.name", name)
	}),
	updateCase("metadata", "3.43", "", "New metadata replaces all that was there.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"metadata": {"a": "1", "b": "2"}}}`).is(http.StatusOK)
		value := fresh()
		x.put("/backups/"+x.changed(), fmt.Sprintf(`{"backup": {"metadata": {"c": %q}}}`, value)).is(http.StatusOK)
		x.get("/backups/"+x.changed()).is(http.StatusOK).equal("backup.metadata", map[string]any{"c": value})
	}),
	updateCase("nothing", "3.9", "", "An update of nothing is 200.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {}}`).is(http.StatusOK)
	}),
	updateCase("before", "", "3.8", "Before 3.9 there is no update: it is 404.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"name": "x"}}`).is(http.StatusNotFound)
	}),
	updateCase("metadata-before", "3.9", "3.42", "Before 3.43 metadata cannot be updated: it is 400.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"metadata": {"a": "b"}}}`).fault(http.StatusBadRequest, "metadata")
	}),
	updateCase("without-backup", "3.9", "", "An update without backup is 400, as old gophercloud sends it.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"name": "x"}`).fault(http.StatusBadRequest, "backup")
	}),
	updateCase("property-unknown", "3.9", "", "A property that cannot be updated is 400.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"status": "error"}}`).fault(http.StatusBadRequest, "status")
	}),
	updateCase("name-long", "3.9", "", "A name of more than 255 characters is 400.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"name": "`+long+`"}}`).fault(http.StatusBadRequest, "name")
	}),
	updateCase("metadata-null", "3.43", "", "Metadata of null is 400.", func(x *X) {
		x.put("/backups/"+x.changed(), `{"backup": {"metadata": null}}`).fault(http.StatusBadRequest, "metadata")
	}),
	updateCase("unknown", "3.9", "", "An update of a backup that does not exist is 404.", refuses(http.MethodPut, somewhere, `{"backup": {"name": "x"}}`, http.StatusNotFound, nowhere)),
}

var deleteCases = []Case{
	{
		Name: "delete-unknown", Capability: "delete a backup", Level: Tenant,
		Rule:   "A backup that does not exist cannot be deleted: it is 404.",
		Source: "cinder/api/contrib/backups.py:BackupsController.delete",
		Run:    refuses(http.MethodDelete, somewhere, nil, http.StatusNotFound, nowhere),
	},
	{
		Name: "delete-with-dependents", Capability: "delete a backup", Level: Tenant, Risk: true,
		Rule:   "A backup with an incremental one on top cannot be deleted: it is 400.",
		Source: "cinder/backup/api.py:API.delete (Incremental backups exist for this backup)",
		Run: func(x *X) {
			// Backups of its own: what is shared must survive an endpoint that deletes it.
			below := x.quick(x.name("below"), "")
			x.newBackup(x.name("on-top"), x.target(), `, "incremental": true`)
			x.delete("/backups/"+below).fault(http.StatusBadRequest, "incremental")
		},
	},
	{
		Name: "delete", Capability: "delete a backup", Level: Tenant,
		Rule:   "A deletion is answered with 202 and no body.",
		Source: "cinder/api/contrib/backups.py:BackupsController.delete",
		Run: func(x *X) {
			id := x.quick(x.name("deleted"), "")
			x.delete("/backups/" + id).is(http.StatusAccepted).empty()
		},
	},
	{
		Name: "delete-gone", Capability: "delete a backup", Level: Tenant,
		Rule:   "A backup that was deleted becomes 404, and no list has it.",
		Source: "cinder/backup/manager.py:BackupManager.delete_backup",
		Run: func(x *X) {
			id := x.quick(x.name("going"), "")
			x.delete("/backups/" + id).is(http.StatusAccepted)
			x.gone("backups", id)
			a := x.get("/backups?volume_id=" + x.target()).is(http.StatusOK)
			x.expect(!slices.Contains(a.ids("backups"), id), a, "a list without "+id, show(a.ids("backups")))
		},
	},
}
