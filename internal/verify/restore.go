package verify

import (
	"fmt"
	"net/http"
)

const (
	restoreNew      = "restore to a new volume"
	restoreExisting = "restore to a volume"
	restoreSource   = "cinder/backup/api.py:API.restore"
)

// restoreTo names the target of a restore, as JSON.
func restoreTo(members string) string { return `{"restore": {` + members + `}}` }

func restoreRefused(name, capability, rule, source, body string, status int, words ...string) Case {
	return Case{Name: "restore-" + name, Capability: capability, Level: Tenant, Rule: rule, Source: source, Run: func(x *X) {
		x.post("/backups/"+x.full()+"/restore", body).fault(status, words...)
	}}
}

// restored restores the full backup and waits for it. It returns the answer to the restore and
// the volume afterwards. Cases that ask for the same restore look at the same one.
func (x *X) restored(members string) (a, volume *answer) {
	full := x.full()
	if m := x.r.restores[members]; m != nil {
		x.exchanges = append(x.exchanges, m.answer.e, m.volume.e)
		return m.answer.of(x), m.volume.of(x)
	}
	a, volume = x.restoredFrom(full, members)
	x.r.restores[members] = &restore{a, volume}
	return a, volume
}

// restore is a restore that several cases look at.
type restore struct{ answer, volume *answer }

// of is the answer for another case.
func (a *answer) of(x *X) *answer { return &answer{x: x, e: a.e, content: a.content} }

func (x *X) restoredFrom(backup, members string) (a, volume *answer) {
	x.settled("backups", backup)
	a = x.post("/backups/"+backup+"/restore", restoreTo(members))
	x.overQuota(a)
	a.is(http.StatusAccepted)
	id := a.id("restore.volume_id")
	if id != x.r.things.of("target volume").id && id != x.r.things.of("volume of 2 GiB").id && id != x.r.things.of("volume").id {
		x.keep("volumes", id)
	}
	volume = x.settled("volumes", id)
	x.settled("backups", backup)
	return a, volume
}

var restoreCases = []Case{
	{
		Name: "restore-unknown", Capability: restoreNew, Level: Tenant,
		Rule: "A backup that does not exist cannot be restored: it is 404.", Source: restoreSource,
		Run: refuses(http.MethodPost, somewhere+"/restore", restoreTo(""), http.StatusNotFound, nowhere),
	},
	restoreRefused("volume-unknown", restoreExisting, "A restore to a volume that does not exist is 404, and the message names the volume.", restoreSource, restoreTo(`"volume_id": "`+nowhere+`"`), http.StatusNotFound, nowhere),
	restoreRefused("volume-unknown-with-name", restoreExisting, "A name does not help where the volume does not exist: volume_id has priority.", restoreSource, restoreTo(`"volume_id": "`+nowhere+`", "name": "x"`), http.StatusNotFound, nowhere),
	restoreRefused("volume-no-uuid", restoreExisting, "A volume_id that is no UUID is 400.", "cinder/api/schemas/backups.py:restore", restoreTo(`"volume_id": "no-uuid"`), http.StatusBadRequest, "volume_id"),
	restoreRefused("volume-empty", restoreExisting, "An empty volume_id is 400.", "cinder/api/schemas/backups.py:restore", restoreTo(`"volume_id": ""`), http.StatusBadRequest, "volume_id"),
	restoreRefused("name-long", restoreNew, "A name of more than 255 characters is 400.", "cinder/api/schemas/backups.py:restore", restoreTo(`"name": "`+long+`"`), http.StatusBadRequest, "name"),
	restoreRefused("name-number", restoreNew, "A name that is a number is 400.", "cinder/api/schemas/backups.py:restore", restoreTo(`"name": 7`), http.StatusBadRequest, "name"),
	restoreRefused("property-unknown", restoreNew, "A property that does not exist is 400.", "cinder/api/schemas/backups.py:restore", restoreTo(`"no_such_property": 1`), http.StatusBadRequest, "no_such_property"),
	restoreRefused("without-restore", restoreNew, "A body without restore is 400.", "cinder/api/schemas/backups.py:restore", `{}`, http.StatusBadRequest, "restore"),
	restoreRefused("text", restoreNew, "A restore that is no object is 400.", "cinder/api/schemas/backups.py:restore", `{"restore": "x"}`, http.StatusBadRequest, "restore"),
	{
		Name: "restore-too-small", Capability: restoreExisting, Level: Tenant, Risk: true,
		Rule:   "A volume that is smaller than the backup is 400, and the message says so.",
		Source: restoreSource + " (volume size … is too small)",
		Run: func(x *X) {
			x.post("/backups/"+x.wideBackup()+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q`, x.target()))).fault(http.StatusBadRequest, "too small")
		},
	},
	{
		Name: "restore-too-small-with-name", Capability: restoreExisting, Level: Tenant, Risk: true,
		Rule:   "A volume that is too small is 400 although a name is given.",
		Source: restoreSource,
		Run: func(x *X) {
			x.post("/backups/"+x.wideBackup()+"/restore", restoreTo(fmt.Sprintf(`"volume_id": %q, "name": %q`, x.target(), x.name("no")))).fault(http.StatusBadRequest, "too small")
		},
	},
	{
		Name: "restore-to-volume", Capability: restoreExisting, Level: Tenant,
		Rule:   "A restore to a volume is answered with 202 and just backup_id, volume_id and volume_name.",
		Source: "cinder/api/contrib/backups.py:BackupsController.restore, cinder/api/views/backups.py:ViewBuilder.restore_summary",
		Run: func(x *X) {
			a, _ := x.restored(fmt.Sprintf(`"volume_id": %q`, x.target()))
			a.keys("", []string{"restore"}).keys("restore", []string{"backup_id", "volume_id", "volume_name"})
			a.equal("restore.backup_id", x.full()).equal("restore.volume_id", x.target()).equal("restore.volume_name", x.name("target"))
		},
	},
	{
		Name: "restore-to-volume-keeps-name", Capability: restoreExisting, Level: Tenant,
		Rule:   "A volume that a backup is restored to keeps its name and size.",
		Source: "cinder/backup/manager.py:BackupManager._run_restore, cinder/backup/driver.py:BackupMetadataAPI._restore_vol_base_meta",
		Run: func(x *X) {
			_, volume := x.restored(fmt.Sprintf(`"volume_id": %q`, x.target()))
			volume.equal("volume.name", x.name("target")).equal("volume.size", small)
		},
	},
	{
		Name: "restore-to-larger-volume", Capability: restoreExisting, Level: Tenant,
		Rule:   "A volume may be larger than the backup, and keeps its size.",
		Source: restoreSource,
		Run: func(x *X) {
			_, volume := x.restored(fmt.Sprintf(`"volume_id": %q`, x.wide()))
			volume.equal("volume.size", large).equal("volume.id", x.wide())
		},
	},
	{
		Name: "restore-volume-has-priority", Capability: restoreExisting, Level: Tenant,
		Rule:   "If volume_id and name are both given, volume_id has priority: the volume is filled, and keeps its name.",
		Source: restoreSource + "; OpenStack's reference of v2: the UUID takes priority",
		Run: func(x *X) {
			a, volume := x.restored(fmt.Sprintf(`"volume_id": %q, "name": %q`, x.target(), x.name("ignored")))
			a.equal("restore.volume_id", x.target()).equal("restore.volume_name", x.name("target"))
			volume.equal("volume.name", x.name("target"))
		},
	},
	{
		Name: "restore-null-name", Capability: restoreExisting, Level: Tenant,
		Rule:   "A name of null beside a volume_id does not matter: cinderclient sends it.",
		Source: "cinder/api/schemas/backups.py:restore",
		Run: func(x *X) {
			a, _ := x.restored(fmt.Sprintf(`"volume_id": %q, "name": null`, x.target()))
			a.equal("restore.volume_id", x.target())
		},
	},
	{
		Name: "restore-busy", Capability: restoreExisting, Level: Tenant, Risk: true,
		Rule:   "A volume that is being restored to, or is not available for another reason, is not restored to a second time: it is 400.",
		Source: restoreSource + " (Volume to be restored to must be available)",
		Run: func(x *X) {
			full, other, target := x.full(), x.wideBackup(), x.wide()
			to := restoreTo(fmt.Sprintf(`"volume_id": %q`, target))
			x.post("/backups/"+full+"/restore", to).is(http.StatusAccepted)
			second := x.post("/backups/"+other+"/restore", to)
			first := x.get("/backups/" + full).is(http.StatusOK).str("backup.status")
			x.settled("volumes", target)
			x.settled("backups", full)
			x.settled("backups", other)
			if second.e.Status == http.StatusAccepted && first == "available" {
				x.notTested("the first restore may have ended before the second one began")
			}
			second.fault(http.StatusBadRequest)
		},
	},
	{
		Name: "restore-by-name", Capability: restoreNew, Level: Tenant,
		Rule:   "A name without a volume_id makes a new volume of that name, as large as the backup.",
		Source: restoreSource,
		Run: func(x *X) {
			a, volume := x.restored(fmt.Sprintf(`"name": %q`, x.name("by-name")))
			a.equal("restore.volume_name", x.name("by-name")).equal("restore.backup_id", x.full())
			volume.equal("volume.name", x.name("by-name")).equal("volume.size", small)
		},
	},
	{
		Name: "restore-name-of-volume", Capability: restoreNew, Level: Tenant, Risk: true,
		Rule:   "The name of a volume that exists makes another volume of that name: the one that exists is not overwritten.",
		Source: restoreSource,
		Run: func(x *X) {
			a, _ := x.restored(fmt.Sprintf(`"name": %q`, x.name("target")))
			x.target()
			x.expect(a.str("restore.volume_id") != x.r.things.of("target volume").id, a, "a new volume", "the one that exists")
		},
	},
	{
		Name: "restore-without-target", Capability: restoreNew, Level: Tenant,
		Rule:   "Without volume_id and name a new volume is made, whose name is that of the backup's volume in the end.",
		Source: restoreSource + ", cinder/backup/driver.py:BackupMetadataAPI._restore_vol_base_meta",
		Run: func(x *X) {
			a, volume := x.restored("")
			x.expect(a.str("restore.volume_name") != "", a, "a volume_name", `""`)
			volume.equal("volume.name", x.name("volume")).equal("volume.size", small)
		},
	},
	{
		Name: "restore-answer-name", Capability: restoreNew, Level: Tenant,
		Rule:   "The new volume is called restore_backup_ID at first if no name is given.",
		Source: restoreSource,
		Run: func(x *X) {
			a, _ := x.restored("")
			a.equal("restore.volume_name", "restore_backup_"+x.full())
		},
	},
	{
		Name: "restore-nulls", Capability: restoreNew, Level: Tenant,
		Rule:   "null for both is as if neither were given: openstack and Heat send it.",
		Source: "cinder/api/schemas/backups.py:restore",
		Run: func(x *X) {
			a, _ := x.restored(`"volume_id": null, "name": null`)
			a.equal("restore.volume_name", "restore_backup_"+x.full())
		},
	},
	{
		Name: "restore-null-volume", Capability: restoreNew, Level: Tenant,
		Rule:   "A volume_id of null beside a name makes a new volume of that name.",
		Source: "cinder/api/schemas/backups.py:restore",
		Run: func(x *X) {
			_, volume := x.restored(fmt.Sprintf(`"volume_id": null, "name": %q`, x.name("null-volume")))
			volume.equal("volume.name", x.name("null-volume"))
		},
	},
	{
		Name: "restore-metadata", Capability: restoreNew, Level: Tenant,
		Rule:   "The metadata of the backup's volume come back, and src_backup_id names the backup.",
		Source: "cinder/backup/driver.py:BackupMetadataAPI._restore_vol_meta, cinder/backup/manager.py:BackupManager.restore_backup (src_backup_id)",
		Run: func(x *X) {
			_, volume := x.restored(fmt.Sprintf(`"name": %q`, x.name("by-name")))
			volume.equal("volume.metadata.verify", "source").equal("volume.metadata.src_backup_id", x.full())
		},
	},
	{
		Name: "restore-description", Capability: restoreNew, Level: Tenant,
		Rule:   "A volume that got no name gets the description of the backup's volume, too.",
		Source: "cinder/backup/driver.py:BackupMetadataAPI._restore_vol_base_meta",
		Run: func(x *X) {
			_, volume := x.restored("")
			volume.equal("volume.description", "the source")
		},
	},
	{
		Name: "restore-incremental", Capability: restoreNew, Level: Tenant,
		Rule:   "An incremental backup is restored to a new volume just so.",
		Source: restoreSource,
		Run: func(x *X) {
			_, volume := x.restoredFrom(x.incremental(), fmt.Sprintf(`"name": %q`, x.name("from-incremental")))
			volume.equal("volume.size", small).equal("volume.metadata.src_backup_id", x.incremental())
		},
	},
	{
		Name: "restore-of-snapshot", Capability: restoreNew, Level: Tenant,
		Rule:   "A backup of a snapshot is restored to a new volume just so.",
		Source: restoreSource,
		Run: func(x *X) {
			_, volume := x.restoredFrom(x.ofSnapshot(), fmt.Sprintf(`"name": %q`, x.name("from-of-snapshot")))
			volume.equal("volume.size", small)
		},
	},
}

const fromBackup = "volume from a backup"

var volumeFromBackupCases = []Case{
	{
		Name: "volume-from-backup", Capability: fromBackup, Level: Tenant, From: "3.47",
		Rule:   "From 3.47 on, a volume can be made from a backup; its size is the backup's if none is given.",
		Source: "cinder/api/v3/volumes.py:VolumeController.create (backup_id), cinder/volume/flows/api/create_volume.py",
		Run: func(x *X) {
			a := x.post("/volumes", fmt.Sprintf(`{"volume": {"name": %q, "backup_id": %q}}`, x.name("from-backup"), x.full()))
			x.overQuota(a)
			id := x.keep("volumes", a.is(http.StatusAccepted).str("volume.id"))
			x.settled("volumes", id).equal("volume.size", small).equal("volume.name", x.name("from-backup"))
		},
	},
	{
		Name: "volume-from-backup-unknown", Capability: fromBackup, Level: Tenant, From: "3.47",
		Rule:   "A volume from a backup that does not exist is 404.",
		Source: "cinder/api/v3/volumes.py:VolumeController.create (backup_api.get)",
		Run:    refuses(http.MethodPost, "/volumes", `{"volume": {"name": "x", "backup_id": "`+nowhere+`"}}`, http.StatusNotFound, nowhere),
	},
	{
		Name: "volume-from-backup-no-uuid", Capability: fromBackup, Level: Tenant, From: "3.47",
		Rule:   "A backup_id that is no UUID is 400.",
		Source: "cinder/api/schemas/volumes.py:create",
		Run:    refuses(http.MethodPost, "/volumes", `{"volume": {"name": "x", "backup_id": "no-uuid"}}`, http.StatusBadRequest),
	},
	{
		Name: "volume-from-two-sources", Capability: fromBackup, Level: Tenant, From: "3.47",
		Rule:   "A volume has one source: a backup together with a snapshot is 400.",
		Source: "cinder/volume/api.py:API.create (May specify only one of)",
		Run: func(x *X) {
			a := x.post("/volumes", fmt.Sprintf(`{"volume": {"name": %q, "size": 1, "backup_id": %q, "snapshot_id": %q}}`, x.name("two"), x.full(), x.snapshot()))
			if a.e.Status == http.StatusAccepted {
				x.keep("volumes", a.str("volume.id"))
			}
			a.fault(http.StatusBadRequest)
		},
	},
	{
		Name: "volume-from-backup-too-small", Capability: fromBackup, Level: Tenant, From: "3.47", Risk: true,
		Rule:   "A volume that would be smaller than the backup is 400.",
		Source: "cinder/volume/flows/api/create_volume.py:ExtractVolumeRequestTask._extract_size",
		Run: func(x *X) {
			a := x.post("/volumes", fmt.Sprintf(`{"volume": {"name": %q, "size": 1, "backup_id": %q}}`, x.name("small"), x.wideBackup()))
			if a.e.Status == http.StatusAccepted {
				x.keep("volumes", a.str("volume.id"))
			}
			a.fault(http.StatusBadRequest)
		},
	},
}
