package otcfake

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

func (c *Cloud) routeVolumes() {
	for _, version := range []string{"v2", "v3"} {
		root := "/evs/" + version + "/{project}/volumes"
		c.serve("POST "+root, c.createVolume)
		c.serve("GET "+root, c.listVolumes(false))
		c.serve("GET "+root+"/detail", c.listVolumes(true))
		c.serve("GET "+root+"/{id}", c.onVolume(func(k *call, v *Volume) answer { return ok(object{"volume": c.volumeView(k, v)}) }))
		c.serve("PUT "+root+"/{id}", c.onVolume(c.updateVolume))
		c.serve("DELETE "+root+"/{id}", c.onVolume(c.deleteVolume))
		c.serve("POST "+root+"/{id}/action", c.onVolume(c.actOnVolume))
		c.serve("GET "+root+"/{id}/metadata", c.onVolume(func(_ *call, v *Volume) answer { return ok(object{"metadata": v.clone().Metadata}) }))
	}
}

// onVolume returns a handler for the volume in the path.
func (c *Cloud) onVolume(h func(*call, *Volume) answer) handler {
	return func(k *call) answer {
		v := own(c.volumes, k.project, k.id())
		if v == nil {
			return native(notFound, "Volume "+k.id()+" could not be found.")
		}
		return h(k, v)
	}
}

// createVolume is the native create, which does not accept backups.
func (c *Cloud) createVolume(k *call) answer {
	var body struct {
		Volume *struct {
			cloudVolume
			SourceID string `json:"source_volid"`
		} `json:"volume"`
	}
	if !k.readSome(&body) || body.Volume == nil {
		return native(badRequest, "The request body is not valid.")
	}
	given := body.Volume
	setDefault(&given.AZ, c.o.Zones[0])
	setDefault(&given.Type, "SSD")
	content := ""
	var from *Snapshot
	size := 0
	if given.SnapshotID != "" {
		if from = own(c.snapshots, k.project, given.SnapshotID); from == nil {
			return native(notFound, "Snapshot "+given.SnapshotID+" could not be found.")
		}
		size, content = from.SizeGiB, from.Content
	}
	if given.SourceID != "" {
		source := own(c.volumes, k.project, given.SourceID)
		if source == nil {
			return native(notFound, "Volume "+given.SourceID+" could not be found.")
		}
		size, content = source.SizeGiB, source.Content
	}
	if given.ImageRef != "" {
		i := own(c.images, k.project, given.ImageRef)
		if i == nil || i.status != "active" {
			return native(badRequest, "Invalid image identifier or unable to access requested image.")
		}
		if given.Size == nil || *given.Size < i.minDisk {
			return native(badRequest, fmt.Sprintf("Volume size must be at least %dGB, the image's min_disk.", i.minDisk))
		}
		content = i.content
	}
	if given.Size != nil {
		size = max(size, *given.Size)
	}
	if problem := c.evsProblem(k.project, &given.cloudVolume, size); problem != "" {
		return native(nativeStatus(problem), code(problem).Text)
	}
	v := c.addVolume(k.project, Volume{
		Name: given.Name, Description: given.Description, AZ: given.AZ, Type: given.Type, SizeGiB: size, Status: "creating", Content: content,
		UserID: k.token.user.id, Multiattach: given.Multiattach, Metadata: given.Metadata, SnapshotID: given.SnapshotID,
	})
	c.later(func() { v.Status = "available" })
	return accepted(object{"volume": c.volumeView(k, v)})
}

// nativeStatus returns the status of native calls for a code. For quotas it is Cinder's.
func nativeStatus(problem string) int {
	if problem == "EVS.1034" || problem == "EVS.1042" {
		return tooMuch
	}
	return code(problem).Status
}

// volumeSortable are the sort keys of EVS.
var volumeSortable = map[string]func(*Volume) string{
	"id":         func(v *Volume) string { return v.ID },
	"status":     func(v *Volume) string { return v.Status },
	"size":       func(v *Volume) string { return fmt.Sprintf("%08d", v.SizeGiB) },
	"created_at": func(v *Volume) string { return nativeTime(v.CreatedAt) },
}

func (c *Cloud) listVolumes(detail bool) handler {
	return func(k *call) answer {
		limit, limitOK := k.number("limit", 1, maxPage, maxPage)
		offset, offsetOK := k.number("offset", 0, 1<<31, 0)
		key, sorts := volumeSortable[cmp.Or(k.query("sort_key"), "created_at")]
		if !limitOK || !offsetOK || !sorts {
			return native(badRequest, "limit, offset or sort_key is not valid.")
		}
		var all []*Volume
		for _, v := range of(c.volumes, k.project) {
			if matchesText(k, "name", v.Name) && matchesText(k, "status", v.Status) {
				all = append(all, v)
			}
		}
		sortBy(all, k.query("sort_dir") != "asc", key)
		if marker := k.query("marker"); marker != "" {
			at := slices.IndexFunc(all, func(v *Volume) bool { return v.ID == marker })
			if at < 0 {
				return native(notFound, "marker "+marker+" could not be found.")
			}
			all = all[at+1:]
		}
		page := cut(all, offset, limit)
		views := []object{}
		for _, v := range page {
			if detail {
				views = append(views, c.volumeView(k, v))
			} else {
				views = append(views, object{"id": v.ID, "name": v.Name, "links": volumeLinks(k, v.ID)})
			}
		}
		body := object{"volumes": views}
		if offset+len(page) < len(all) && len(page) > 0 {
			body["volumes_links"] = []object{{"rel": "next", "href": fmt.Sprintf("%s%s?limit=%d&marker=%s",
				k.base(), k.r.URL.Path, limit, page[len(page)-1].ID)}}
		}
		return ok(body)
	}
}

func matchesText(k *call, name, value string) bool {
	return !k.r.URL.Query().Has(name) || k.query(name) == value
}

func volumeLinks(k *call, id string) []object {
	return []object{
		{"rel": "self", "href": k.base() + "/evs/v2/" + k.project + "/volumes/" + id},
		{"rel": "bookmark", "href": k.base() + "/evs/" + k.project + "/volumes/" + id},
	}
}

// volumeView returns a volume in the form of Cinder's v2.
func (c *Cloud) volumeView(k *call, v *Volume) object {
	attachments := []object{}
	if v.Status == "in-use" {
		attachments = append(attachments, object{
			"server_id": v.ServerID, "attachment_id": v.ID, "volume_id": v.ID, "id": v.ID, "device": "/dev/vdb", "host_name": nil,
			"attached_at": nativeTime(v.CreatedAt),
		})
	}
	var updated any
	if !v.UpdatedAt.IsZero() {
		updated = nativeTime(v.UpdatedAt)
	}
	return object{
		"id": v.ID, "name": v.Name, "description": v.Description, "size": v.SizeGiB, "status": v.Status, "availability_zone": v.AZ,
		"volume_type": v.Type, "attachments": attachments, "metadata": v.clone().Metadata, "bootable": fmt.Sprint(v.Bootable),
		"encrypted": false, "multiattach": v.Multiattach, "shareable": v.Multiattach, "created_at": nativeTime(v.CreatedAt),
		"updated_at": updated, "links": volumeLinks(k, v.ID), "os-vol-tenant-attr:tenant_id": v.ProjectID, "user_id": v.UserID,
		"os-vol-host-attr:host": "pod04.xen#SSD", "snapshot_id": orNull(v.SnapshotID), "source_volid": nil, "replication_status": "disabled",
		"consistencygroup_id": nil, "os-volume-replication:extended_status": nil,
	}
}

func (c *Cloud) updateVolume(k *call, v *Volume) answer {
	// The display_ members are Cinder's older names, which it still accepts and openstack
	// still sends (cinder/api/schemas/volumes.py update).
	var body struct {
		Volume struct {
			Name, Description  *string
			DisplayName        *string `json:"display_name"`
			DisplayDescription *string `json:"display_description"`
			Metadata           map[string]string
		} `json:"volume"`
	}
	if !k.readSome(&body) {
		return native(badRequest, "The request body is not valid.")
	}
	for _, name := range []*string{body.Volume.DisplayName, body.Volume.Name} {
		if name != nil {
			v.Name = *name
		}
	}
	for _, description := range []*string{body.Volume.DisplayDescription, body.Volume.Description} {
		if description != nil {
			v.Description = *description
		}
	}
	if body.Volume.Metadata != nil {
		v.Metadata = body.Volume.Metadata
	}
	v.UpdatedAt = c.now()
	return ok(object{"volume": c.volumeView(k, v)})
}

func (c *Cloud) deleteVolume(k *call, v *Volume) answer {
	snapshots := slices.DeleteFunc(of(c.snapshots, k.project), func(s *Snapshot) bool { return s.VolumeID != v.ID })
	switch {
	case v.Status == "backing-up":
		return refuse("EVS.2130")
	case v.Status != "available" && !strings.HasPrefix(v.Status, "error"):
		return native(badRequest, "Invalid volume: the status does not allow a delete.")
	case len(snapshots) > 0 && k.query("cascade") != "true":
		return native(badRequest, "Invalid volume: it has snapshots.")
	}
	v.Status = "deleting"
	c.later(func() {
		remove(&c.volumes, v.ID)
		for _, s := range snapshots {
			remove(&c.snapshots, s.ID)
		}
		for _, vault := range c.vaults {
			vault.VolumeIDs = slices.DeleteFunc(vault.VolumeIDs, func(id string) bool { return id == v.ID })
		}
	})
	return accepted(nil)
}

// actOnVolume extends a volume, makes an image of it, or sets its bootable flag.
func (c *Cloud) actOnVolume(k *call, v *Volume) answer {
	var body struct {
		Extend *struct {
			NewSize int `json:"new_size"`
		} `json:"os-extend"`
		Bootable *struct{ Bootable bool } `json:"os-set_bootable"`
		Image    *struct {
			Name   string `json:"image_name"`
			Format string `json:"disk_format"`
			Force  bool
		} `json:"os-volume_upload_image"`
	}
	if !k.readSome(&body) {
		return native(badRequest, "The request body is not valid.")
	}
	switch {
	case body.Extend != nil && v.Status != "available" && v.Status != "in-use":
		return native(badRequest, "Invalid volume: the status does not allow to extend.")
	case body.Extend != nil && (body.Extend.NewSize <= v.SizeGiB || body.Extend.NewSize > largestVolume):
		return native(badRequest, "Invalid input: the new size must be more than the current one.")
	case body.Extend != nil:
		if problem := c.roomFor(k.project, 0, body.Extend.NewSize-v.SizeGiB); problem != "" {
			return native(nativeStatus(problem), code(problem).Text)
		}
		found := v.Status
		v.Status = "extending"
		c.later(func() { v.Status, v.SizeGiB = found, body.Extend.NewSize })
		return accepted(nil)
	case body.Image != nil:
		return c.uploadImage(k, v, body.Image.Name, body.Image.Format, body.Image.Force)
	case body.Bootable != nil:
		v.Bootable = body.Bootable.Bootable
		return answer{status: http.StatusOK}
	}
	return native(badRequest, "There is no such action.")
}
