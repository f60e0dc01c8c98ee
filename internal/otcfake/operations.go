package otcfake

import (
	"slices"
	"time"
)

// log begins an operation log. Its resource is the volume, for a restore the target.
func (c *Cloud) log(kind string, b *Backup, v *Volume) *operation {
	o := &operation{
		id: c.newID(), projectID: b.ProjectID, kind: kind, status: "running", checkpointID: b.CheckpointID, vaultID: b.VaultID,
		backupID: b.ID, backupName: b.Name, volumeID: b.VolumeID, volumeName: b.VolumeName, startedAt: c.now(),
	}
	if v != nil {
		o.volumeID, o.volumeName = v.ID, v.Name
	}
	c.operations = append(c.operations, o)
	return o
}

func (c *Cloud) endLog(o *operation, failure *Failure) {
	o.status, o.endedAt = "success", c.now()
	if failure != nil {
		o.status, o.failure = "failed", *failure
	}
}

// EndOperations gives all operation logs of a backup and kind another status, such as
// skipped or timeout.
func (c *Cloud) EndOperations(backupID, kind, status string, failure Failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.operations {
		if o.backupID == backupID && o.kind == kind {
			o.status, o.failure = status, failure
		}
	}
}

// listOperations lists the newest first, and refuses offset=0.
func (c *Cloud) listOperations(k *call) answer {
	limit, limitOK := k.number("limit", 1, maxPage, maxPage)
	offset, offsetOK := k.number("offset", 1, 1<<31, 0)
	if !limitOK || !offsetOK {
		return refuse("BackupService.9900")
	}
	kinds := []string{"backup", "delete", "restore", "vault_delete", "remove_resource", "sync"}
	if c.o.Dialect == Huawei {
		kinds = append(kinds, "copy", "replication")
	}
	if kind := k.query("operation_type"); kind != "" && !slices.Contains(kinds, kind) {
		return refuse("BackupService.9900")
	}
	var all []*operation
	for _, o := range slices.Backward(of(c.operations, k.project)) {
		if operationMatches(k, o) {
			all = append(all, o)
		}
	}
	views := []object{}
	for _, o := range cut(all, offset, min(limit, c.o.PageCap)) {
		views = append(views, c.operationView(o))
	}
	return ok(object{"operation_logs": views, "count": len(all), "limit": limit, "offset": offset})
}

func operationMatches(k *call, o *operation) bool {
	for name, value := range map[string]string{
		"operation_type": o.kind, "status": o.status, "resource_id": o.volumeID, "resource_name": o.volumeName, "vault_id": o.vaultID,
	} {
		if wanted := k.query(name); wanted != "" && wanted != value {
			return false
		}
	}
	return within(k.query("start_time"), k.query("end_time"), o.startedAt)
}

func (c *Cloud) showOperation(k *call) answer {
	o := own(c.operations, k.project, k.id())
	if o == nil {
		return refuse("BackupService.6500")
	}
	return ok(object{"operation_log": c.operationView(o)})
}

func (c *Cloud) operationView(o *operation) object {
	progress := 100
	if o.endedAt.IsZero() {
		progress = 50
	}
	extra := object{
		"common":   object{"progress": progress, "request_id": "", "task_id": ""},
		"resource": object{"id": o.volumeID, "name": o.volumeName, "type": volumeResource},
	}
	switch o.kind {
	case "backup":
		incremental := "false"
		if o.incremental {
			incremental = "true"
		}
		extra["backup"] = object{"backup_id": o.backupID, "backup_name": o.backupName, "incremental": incremental}
	case "restore":
		extra["restore"] = object{
			"backup_id": o.backupID, "backup_name": o.backupName, "target_resource_id": o.volumeID, "target_resource_name": o.volumeName,
		}
	case "delete":
		extra["delete"] = object{"backup_id": o.backupID, "backup_name": o.backupName}
	}
	name := ""
	if vault := find(c.vaults, o.vaultID); vault != nil {
		name = vault.Name
	}
	return object{
		"id": o.id, "checkpoint_id": o.checkpointID, "created_at": c.cbrTime(o.startedAt), "started_at": c.cbrTime(o.startedAt),
		"ended_at": c.cbrTime(o.endedAt), "updated_at": c.cbrTime(latest(o.startedAt, o.endedAt)), "operation_type": o.kind, "policy_id": "",
		"project_id": o.projectID, "provider_id": volumeProvider, "vault_id": o.vaultID, "vault_name": name,
		"status": o.status, "error_info": object{"code": o.failure.Code, "message": o.failure.Reason}, "extra_info": extra,
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
