package otcfake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxPage is the largest page of any list of the clouds.
const maxPage = 1000

// sortable are the sort keys of VBS v2.
var sortable = map[string]func(*Backup) string{
	"name":             func(b *Backup) string { return b.Name },
	"status":           vbsStatus,
	"container_format": func(*Backup) string { return "" },
	"disk_format":      func(*Backup) string { return "" },
	"size":             func(b *Backup) string { return fmt.Sprintf("%08d", b.SizeGiB) },
	"id":               func(b *Backup) string { return b.ID },
	"created_at":       func(b *Backup) string { return nativeTime(b.CreatedAt) },
	"updated_at":       func(b *Backup) string { return nativeTime(b.UpdatedAt) },
}

// nativeList pages by offset and limit. It ignores marker, which is not a parameter. v3
// also ignores sort keys.
func (c *Cloud) nativeList(version string, detail bool) handler {
	return func(k *call) answer {
		limit, limitOK := k.number("limit", 0, maxPage, maxPage)
		offset, offsetOK := k.number("offset", 0, 1<<31, 0)
		key, sorts := sortable[cmp.Or(k.query("sort_key"), "created_at")]
		dir := cmp.Or(k.query("sort_dir"), "desc")
		if !limitOK || !offsetOK || version == "v2" && (!sorts || dir != "asc" && dir != "desc") {
			return native(badRequest, "limit, offset, sort_key or sort_dir is not valid.")
		}
		if version == "v3" {
			key, dir = sortable["created_at"], "desc"
		}
		var all []*Backup
		for _, b := range of(c.backups, k.project) {
			if c.inVBS(b) && b.ParentID == "" && vbsMatches(k, b, version) {
				all = append(all, b)
			}
		}
		sortBy(all, dir == "desc", key)
		page := cut(all, offset, limit)
		views := []object{}
		for _, b := range page {
			if detail {
				views = append(views, c.vbsView(k, b, version))
			} else {
				views = append(views, object{"id": b.ID, "name": orNull(b.Name), "links": internalLinks(k, b.ID)})
			}
		}
		body := object{"backups": views}
		if version == "v3" && k.query("with_count") == "true" && microversion(k) >= 45 {
			body["count"] = len(all)
		}
		if offset+len(page) < len(all) && len(page) > 0 {
			body["backups_links"] = []object{{"rel": "next", "href": fmt.Sprintf("http://192.168.82.231:8776/%s/%s/backups?limit=%d&offset=%d&marker=%s",
				version, k.project, limit, offset+len(page), url.QueryEscape(page[len(page)-1].ID))}}
		}
		return ok(body)
	}
}

// microversion returns the minor microversion of the request, 0 if there is none.
func microversion(k *call) int {
	_, minor, _ := strings.Cut(k.r.Header.Get("OpenStack-API-Version"), "volume 3.")
	n, _ := strconv.Atoi(minor)
	return n
}

// vbsMatches filters exactly, and in v3 from 3.31 also by substring, as with name~.
func vbsMatches(k *call, b *Backup, version string) bool {
	q := k.r.URL.Query()
	for name, value := range map[string]string{"name": b.Name, "status": vbsStatus(b), "volume_id": b.VolumeID} {
		if q.Has(name) && q.Get(name) != value {
			return false
		}
		if version == "v3" && microversion(k) >= 31 && !strings.Contains(value, q.Get(name+"~")) {
			return false
		}
	}
	return true
}

func (c *Cloud) nativeShow(version string) handler {
	return func(k *call) answer {
		b := c.vbsBackup(k.project, k.id())
		if b == nil {
			return native(notFound, "The backup does not exist.")
		}
		return ok(object{"backup": c.vbsView(k, b, version)})
	}
}

// vbsStatus returns the status that VBS shows.
func vbsStatus(b *Backup) string {
	switch b.Status {
	case "waiting_protect", "protecting":
		return "creating"
	case "waiting_restore":
		return "restoring"
	case "waiting_delete":
		return "deleting"
	}
	return b.Status
}

// internalLinks returns links to hosts that clients cannot reach.
func internalLinks(k *call, id string) []object {
	return []object{
		{"rel": "self", "href": "http://192.168.82.231:8776/v2/" + k.project + "/backups/" + id},
		{"rel": "bookmark", "href": "http://192.168.82.231:8776/" + k.project + "/backups/" + id},
	}
}

func (c *Cloud) vbsView(k *call, b *Backup, version string) object {
	v := object{
		"id": b.ID, "name": orNull(b.Name), "description": c.vbsDescription(b), "status": vbsStatus(b), "size": b.SizeGiB,
		"volume_id": b.VolumeID, "snapshot_id": orNull(b.SnapshotID), "container": orNull(b.SnapshotID),
		"availability_zone": b.AZ, "fail_reason": orNull(b.FailReason), "object_count": nil,
		"created_at": nativeTime(b.CreatedAt), "updated_at": nil, "data_timestamp": nativeTime(b.ProtectedAt),
		"links": internalLinks(k, b.ID),
	}
	if !b.UpdatedAt.IsZero() {
		v["updated_at"] = nativeTime(b.UpdatedAt)
	}
	if version == "v3" {
		v["os-backup-project-attr:project_id"] = b.ProjectID
		v["has_dependent_backups"], v["is_incremental"] = false, b.Incremental
		return v
	}
	v["os-bak-tenant-attr:tenant_id"] = b.ProjectID
	v["service_metadata"] = c.serviceMetadata(b)
	return v
}

func (c *Cloud) vbsDescription(b *Backup) any {
	if !c.traps.DescriptionJSON {
		return orNull(b.Description)
	}
	requested := 0
	if b.Incremental {
		requested = 1
	}
	text, _ := json.Marshal(object{"DESC": b.Description, "INC": requested}) // two plain values
	return string(text)
}

func (c *Cloud) serviceMetadata(b *Backup) string {
	m := object{
		"backupurl": b.ID, "snap_id": b.SnapshotID, "bootable": false, "Type": 0, "ST": 0, "VT": "SSD", "CS": b.SizeGiB << 10,
		"AT": 4.5, "BackupSize": b.SizeGiB, "progress": 100,
	}
	if b.Incremental {
		m["Type"] = 1
	}
	if c.traps.MetadataBlank {
		m["progress"] = "0"
	}
	text, _ := json.Marshal(m) // plain values
	if c.traps.MetadataBlank {
		return " " + string(text)
	}
	return string(text)
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// nativeTime formats a time as Cinder does, without a zone.
func nativeTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
