package otcfake

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

var chineseNameForm = regexp.MustCompile(`^[0-9A-Za-z_\p{Han}-]+$`)

func (c *Cloud) validBackupName(name string) bool {
	form := nameForm
	if c.o.Dialect == Huawei {
		form = chineseNameForm
	}
	return form.MatchString(name) && utf8.RuneCountInString(name) <= 64
}

const cbrDescription = 255

// createCheckpoint is CBR's create. Its answer lacks the backup's id.
func (c *Cloud) createCheckpoint(k *call) answer {
	var body struct {
		Checkpoint *struct {
			VaultID    string `json:"vault_id"`
			Parameters struct {
				Name        *string         `json:"name"`
				Description string          `json:"description"`
				Incremental *bool           `json:"incremental"`
				AutoTrigger bool            `json:"auto_trigger"`
				Resources   []string        `json:"resources"`
				Details     []vaultResource `json:"resource_details"`
				PolicyID    *string         `json:"policy_id"`
			} `json:"parameters"`
		} `json:"checkpoint"`
	}
	if !k.read(&body) || body.Checkpoint == nil {
		return refuse("BackupService.9900")
	}
	given := body.Checkpoint.Parameters
	if given.Name != nil && !c.validBackupName(*given.Name) || !c.description(given.Description, cbrDescription) ||
		given.PolicyID != nil && c.o.Dialect != Huawei || !wellFormed(body.Checkpoint.VaultID) {
		return refuse("BackupService.9900")
	}
	vault := own(c.vaults, k.project, body.Checkpoint.VaultID)
	if vault == nil {
		return refuse("BackupService.6105")
	}
	if vault.Status != "available" {
		return refuse("BackupService.6112")
	}
	ids := slices.Clone(given.Resources)
	for _, r := range given.Details {
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		ids = slices.Clone(vault.VolumeIDs) // the whole vault
	}
	if problem := c.protectable(k.project, vault, ids); problem != "" {
		return refuse(problem)
	}
	name := "manualbk"
	if given.Name != nil {
		name = *given.Name
	}
	p := &checkpoint{
		id: c.newID(), projectID: k.project, vaultID: vault.ID, name: name, description: given.Description, status: "protecting",
		createdAt: c.now(),
	}
	c.checkpoints = append(c.checkpoints, p)
	if skip := spend(&c.traps.Skip); skip != nil {
		for _, id := range ids {
			p.skipped = append(p.skipped, skipped{id, *skip})
		}
		p.status = "available"
		return ok(object{"checkpoint": c.checkpointView(p)})
	}
	p.volumes = ids
	for i, id := range ids {
		of := name
		if len(ids) > 1 {
			of = name + "-000" + decimal(i+1)
		}
		c.protect(p, find(c.volumes, id), of, given.Incremental == nil || *given.Incremental)
	}
	return ok(object{"checkpoint": c.checkpointView(p)})
}

// protectable returns the code for volumes that cannot be backed up into a vault now, "" if
// they can.
func (c *Cloud) protectable(projectID string, vault *Vault, ids []string) string {
	if len(ids) == 0 {
		return "BackupService.0001"
	}
	size := 0
	for _, id := range ids {
		v := own(c.volumes, projectID, id)
		switch {
		case v == nil:
			return "BackupService.7000"
		case !slices.Contains(vault.VolumeIDs, id):
			return "BackupService.6135"
		case v.Status == "backing-up":
			return "BackupService.6125"
		case v.Status == "restoring-backup":
			return "BackupService.2010"
		case v.Status != "available" && v.Status != "in-use":
			return "BackupService.7003"
		}
		if problem := c.backupQuota(projectID, v); problem != "" {
			return "BackupService.6114"
		}
		size += v.SizeGiB
	}
	if c.used(vault)+size > vault.SizeGiB {
		return "BackupService.6114"
	}
	return ""
}

// protect backs up one volume of a checkpoint.
func (c *Cloud) protect(p *checkpoint, v *Volume, name string, incremental bool) {
	b := c.addBackup(p.projectID, Backup{
		Name: name, Description: p.description, Service: "cbr", VaultID: p.vaultID, CheckpointID: p.id, VolumeID: v.ID,
		SnapshotID: c.newID(), Incremental: incremental, Wished: incremental,
	})
	b.hidden = spend(&c.traps.RecordAfter)
	o := c.log("backup", b, v)
	o.incremental = incremental
	c.backUp(v, b, nil, func(failure *Failure) {
		if p.status = "available"; failure != nil {
			p.status = "error"
		}
		c.endLog(o, failure)
	})
}

// showCheckpoint omits extra_info on OTC.
func (c *Cloud) showCheckpoint(k *call) answer {
	p := own(c.checkpoints, k.project, k.id())
	if !wellFormed(k.id()) {
		f := Malformed("cbr")
		return answer{status: f.Status, body: object{"unauthorized": object{"code": "401", "message": "Malformed request url"}}}
	}
	if p == nil {
		return refuse("BackupService.6217")
	}
	view := c.checkpointView(p)
	if c.o.Dialect == OTC {
		delete(view, "extra_info")
	}
	return ok(object{"checkpoint": view})
}

func (c *Cloud) checkpointView(p *checkpoint) object {
	resources, passedOver := []object{}, []object{}
	vault := find(c.vaults, p.vaultID)
	for _, id := range p.volumes {
		if v := find(c.volumes, id); v != nil && vault != nil {
			r := c.resourceView(vault, v)
			delete(r, "size")
			r["resource_size"] = c.number(v.SizeGiB, true)
			if c.o.Dialect == Huawei { // recorded as strings
				r["backup_size"], r["extra_info"] = "0", "{}"
			}
			resources = append(resources, r)
		}
	}
	for _, s := range p.skipped {
		name := ""
		if v := find(c.volumes, s.volumeID); v != nil {
			name = v.Name
		}
		passedOver = append(passedOver, object{"id": s.volumeID, "type": volumeResource, "name": name, "code": s.Code, "reason": s.Reason})
	}
	view := object{
		"id": p.id, "project_id": p.projectID, "created_at": c.cbrTime(p.createdAt), "status": p.status,
		"extra_info": object{"name": p.name, "description": p.description, "retention_duration": -1},
	}
	if vault != nil {
		view["vault"] = object{"id": vault.ID, "name": vault.Name, "resources": resources, "skipped_resources": passedOver}
	}
	return view
}
