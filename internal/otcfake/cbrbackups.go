package otcfake

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// cbrSortable are the sort keys of CBR.
var cbrSortable = map[string]func(*Backup) string{
	"created_at":   func(b *Backup) string { return sortTime(b.CreatedAt) },
	"updated_at":   func(b *Backup) string { return sortTime(b.UpdatedAt) },
	"name":         func(b *Backup) string { return b.Name },
	"status":       cbrStatus,
	"protected_at": func(b *Backup) string { return sortTime(b.ProtectedAt) },
	"id":           func(b *Backup) string { return b.ID },
}

// sortTime returns a time in a form that sorts as text. The zero time comes first.
func sortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return nativeTime(t)
}

// maxSort is the longest sort parameter, in bytes.
const maxSort = 255

// listBackups pages by offset or by marker. A name matches by substring.
func (c *Cloud) listBackups(k *call) answer {
	limit, limitOK := k.number("limit", 1, maxPage, maxPage)
	offset, offsetOK := k.number("offset", 0, 1<<31, 0)
	sort := k.query("sort")
	if !limitOK || !offsetOK || len(sort) > maxSort {
		return refuse("BackupService.9900")
	}
	var all []*Backup
	for _, b := range of(c.backups, k.project) {
		if b.Service == "cbr" || c.o.VBSInVault {
			if c.cbrMatches(k, b) {
				all = append(all, b)
			}
		}
	}
	if k.query("checkpoint_id") != "" {
		all = slices.DeleteFunc(all, func(b *Backup) bool {
			b.hidden--
			return b.hidden >= 0
		})
	}
	sortBy(all, true, cbrSortable["created_at"])
	for _, part := range slices.Backward(strings.FieldsFunc(sort, func(r rune) bool { return r == ',' })) {
		key, dir, _ := strings.Cut(part, ":")
		field, known := cbrSortable[key]
		if !known || dir != "" && dir != "asc" && dir != "desc" {
			return refuse("BackupService.9900")
		}
		sortBy(all, dir != "asc", field)
	}
	rest := all
	if marker := k.query("marker"); marker != "" {
		at := slices.IndexFunc(all, func(b *Backup) bool { return b.ID == marker })
		if at < 0 {
			return refuse("BackupService.6200")
		}
		rest = all[at+1:]
	}
	views := []object{}
	for _, b := range cut(rest, offset, min(limit, c.o.PageCap)) {
		views = append(views, c.cbrView(b))
	}
	return ok(object{"backups": views, "count": len(all), "offset": offset, "limit": limit})
}

func (c *Cloud) cbrMatches(k *call, b *Backup) bool {
	q := k.r.URL.Query()
	kind := volumeResource
	if b.Server {
		kind = serverResource
	}
	child := b.ParentID != ""
	if child && !c.traps.ListChildren {
		return false
	}
	if wanted := q.Get("resource_type"); wanted != "" && wanted != kind {
		return false
	}
	if states := q["status"]; len(states) > 0 && !slices.Contains(states, cbrStatus(b)) {
		return false
	}
	if own := q.Get("own_type"); own != "" && own != "private" && own != "all_granted" {
		return false
	}
	for name, value := range map[string]string{
		"checkpoint_id": b.CheckpointID, "parent_id": b.ParentID, "resource_az": b.AZ, "resource_id": b.VolumeID,
		"resource_name": b.VolumeName, "vault_id": b.VaultID, "image_type": "backup",
	} {
		if wanted := q.Get(name); wanted != "" && wanted != value {
			return false
		}
	}
	return strings.Contains(b.Name, q.Get("name")) && within(q.Get("start_time"), q.Get("end_time"), b.CreatedAt)
}

// within reports whether t is between start and end. Either may be open.
func within(start, end string, t time.Time) bool {
	if from, err := time.Parse(time.RFC3339, start); err == nil && t.Before(from) {
		return false
	}
	if to, err := time.Parse(time.RFC3339, end); err == nil && t.After(to) {
		return false
	}
	return true
}

// cbrStatus returns the status that CBR shows. A failed restore does not show.
func cbrStatus(b *Backup) string {
	if b.Status == "error_restoring" {
		return "available"
	}
	return b.Status
}

func (c *Cloud) cbrView(b *Backup) object {
	kind, provider := volumeResource, volumeProvider
	if b.Server {
		kind, provider = serverResource, serverProvider
	}
	children := []object{}
	for _, child := range c.backups {
		if child.ParentID == b.ID && b.Server {
			children = append(children, c.cbrView(child))
		}
	}
	info := object{
		"auto_trigger": false, "bootable": false, "snapshot_id": b.SnapshotID, "support_lld": true, "supported_restore_mode": nil,
		"os_images_data": []object{}, "contain_system_disk": false, "encrypted": false, "system_disk": false,
	}
	v := object{
		"id": b.ID, "name": b.Name, "description": b.Description, "status": cbrStatus(b), "project_id": b.ProjectID,
		"vault_id": b.VaultID, "checkpoint_id": b.CheckpointID, "parent_id": b.ParentID, "provider_id": provider, "image_type": "backup",
		"resource_id": b.VolumeID, "resource_name": b.VolumeName, "resource_type": kind, "resource_size": c.number(b.SizeGiB, false),
		"resource_az": b.AZ, "created_at": c.cbrTime(b.CreatedAt), "updated_at": c.cbrTime(b.UpdatedAt), "protected_at": c.cbrTime(b.ProtectedAt),
		"expired_at": "", "extend_info": info, "enterprise_project_id": c.enterpriseProject(), "replication_records": []object{},
		"children": children,
	}
	if c.o.Dialect == OTC {
		info["incremental"] = b.Incremental
	} else {
		v["incremental"], v["version"], v["parent_id"] = b.Wished, 3, orNull(b.ParentID)
	}
	return v
}

// cbrBackup returns the backup of the path, or the refusal if there is none.
func (c *Cloud) cbrBackup(k *call) (*Backup, *answer) {
	var refused answer
	if !wellFormed(k.id()) {
		refused = refuse("BackupService.9900")
		return nil, &refused
	}
	b := own(c.backups, k.project, k.id())
	if b == nil || b.Service != "cbr" && !c.o.VBSInVault {
		refused = refuse("BackupService.6200")
		return nil, &refused
	}
	return b, nil
}

func (c *Cloud) showBackup(k *call) answer {
	b, refused := c.cbrBackup(k)
	if refused != nil {
		return *refused
	}
	return ok(object{"backup": c.cbrView(b)})
}

func (c *Cloud) renameBackup(k *call) answer {
	b, refused := c.cbrBackup(k)
	if refused != nil {
		return *refused
	}
	var body struct {
		Backup struct {
			Name string `json:"name"`
		} `json:"backup"`
	}
	if !k.read(&body) || !c.validBackupName(body.Backup.Name) {
		return refuse("BackupService.9900")
	}
	if b.Status != "available" {
		return refuse("BackupService.6206")
	}
	b.Name, b.UpdatedAt = body.Backup.Name, c.now()
	return ok(object{"backup": c.cbrView(b)})
}

func (c *Cloud) deleteBackup(k *call) answer {
	b, refused := c.cbrBackup(k)
	if refused != nil {
		return *refused
	}
	v := find(c.volumes, b.VolumeID)
	switch {
	case v != nil && v.Status == "backing-up":
		return refuse("BackupService.6203")
	case cbrStatus(b) != "available" && b.Status != "error":
		return refuse("BackupService.6201")
	}
	o := c.log("delete", b, v)
	c.erase(b, nil, func() { c.endLog(o, nil) })
	if c.traps.DeleteAnswers {
		return ok(object{})
	}
	return answer{status: http.StatusNoContent}
}

// restoreBackup answers without a body on OTC, and with the operation log's id on Huawei.
// OTC restores to the original volume only.
func (c *Cloud) restoreBackup(k *call) answer {
	b, refused := c.cbrBackup(k)
	if refused != nil {
		return *refused
	}
	var body struct {
		Restore *struct {
			VolumeID string `json:"volume_id"`
		} `json:"restore"`
	}
	if !k.read(&body) || body.Restore == nil || !wellFormed(body.Restore.VolumeID) || b.Server {
		return refuse("BackupService.9900")
	}
	v := own(c.volumes, k.project, body.Restore.VolumeID)
	if v == nil {
		return refuse("BackupService.7000")
	}
	if problem := c.unrestorable(b, v); problem != "" {
		return refuse(problem)
	}
	o := c.log("restore", b, v)
	c.writeBack(b, v, nil, func(failure *Failure) { c.endLog(o, failure) })
	if c.o.Dialect == Huawei {
		return accepted(object{"job_id": o.id})
	}
	return accepted(nil)
}

// unrestorable returns the code for a backup that cannot be restored to a volume now, "" if
// it can.
func (c *Cloud) unrestorable(b *Backup, v *Volume) string {
	vault := find(c.vaults, b.VaultID)
	switch {
	case vault != nil && vault.Status != "available" && vault.Status != "lock":
		return "BackupService.6202"
	case cbrStatus(b) != "available":
		return "BackupService.2005"
	case v.Status == "backing-up":
		return "BackupService.2002"
	case v.Status == "restoring-backup":
		return "BackupService.2010"
	case v.Status != "available":
		return "BackupService.2011"
	case v.SizeGiB < b.SizeGiB:
		return "BackupService.2001"
	case c.o.Dialect == OTC && v.ID != b.VolumeID:
		return "BackupService.2012"
	}
	for _, other := range c.backups {
		if other.VaultID == b.VaultID && (other.Status == "waiting_restore" || other.Status == "restoring") {
			return "BackupService.2010"
		}
	}
	return ""
}
