package otcfake

import "slices"

func (c *Cloud) routeSnapshots() {
	for _, version := range []string{"v2", "v3"} {
		root := "/evs/" + version + "/{project}/snapshots"
		c.serve("POST "+root, c.createSnapshot)
		c.serve("GET "+root, c.listSnapshots)
		c.serve("GET "+root+"/detail", c.listSnapshots)
		c.serve("GET "+root+"/{id}", c.onSnapshot(func(_ *call, s *Snapshot) answer { return ok(object{"snapshot": snapshotView(s)}) }))
		c.serve("PUT "+root+"/{id}", c.onSnapshot(c.updateSnapshot))
		c.serve("DELETE "+root+"/{id}", c.onSnapshot(c.deleteSnapshot))
	}
}

// onSnapshot returns a handler for the snapshot in the path.
func (c *Cloud) onSnapshot(h func(*call, *Snapshot) answer) handler {
	return func(k *call) answer {
		s := own(c.snapshots, k.project, k.id())
		if s == nil {
			return native(notFound, "Snapshot "+k.id()+" could not be found.")
		}
		return h(k, s)
	}
}

type snapshotBody struct {
	Snapshot *struct {
		VolumeID    string `json:"volume_id"`
		Name        *string
		Description *string
		Force       bool
		Metadata    map[string]string
	}
}

func (c *Cloud) createSnapshot(k *call) answer {
	var body snapshotBody
	if !k.readSome(&body) || body.Snapshot == nil {
		return native(badRequest, "The request body is not valid.")
	}
	given := body.Snapshot
	v := own(c.volumes, k.project, given.VolumeID)
	switch {
	case v == nil:
		return native(notFound, "Volume "+given.VolumeID+" could not be found.")
	case v.Status != "available" && (v.Status != "in-use" || !given.Force):
		return native(badRequest, "Invalid volume: the status does not allow a snapshot.")
	}
	if limit := c.o.limit("snapshots"); limit >= 0 && c.use(k.project)["snapshots"]+1 > limit {
		return native(tooMuch, "The quota of snapshots is used up.")
	}
	s := &Snapshot{
		ID: c.newID(), ProjectID: k.project, VolumeID: v.ID, Status: "creating", SizeGiB: v.SizeGiB, Content: v.Content,
		Metadata: given.Metadata, CreatedAt: c.now(),
	}
	if given.Name != nil {
		s.Name = *given.Name
	}
	if given.Description != nil {
		s.Description = *given.Description
	}
	c.snapshots = append(c.snapshots, s)
	c.later(func() { s.Status = "available" })
	return accepted(object{"snapshot": snapshotView(s)})
}

func (c *Cloud) listSnapshots(k *call) answer {
	limit, limitOK := k.number("limit", 0, maxPage, maxPage)
	offset, offsetOK := k.number("offset", 0, 1<<31, 0)
	if !limitOK || !offsetOK {
		return native(badRequest, "limit or offset is not valid.")
	}
	views := []object{}
	for _, s := range slices.Backward(of(c.snapshots, k.project)) {
		if matchesText(k, "name", s.Name) && matchesText(k, "status", s.Status) && matchesText(k, "volume_id", s.VolumeID) {
			views = append(views, snapshotView(s))
		}
	}
	return ok(object{"snapshots": cut(views, offset, limit)})
}

func (c *Cloud) updateSnapshot(k *call, s *Snapshot) answer {
	var body snapshotBody
	if !k.readSome(&body) || body.Snapshot == nil {
		return native(badRequest, "The request body is not valid.")
	}
	if body.Snapshot.Name != nil {
		s.Name = *body.Snapshot.Name
	}
	if body.Snapshot.Description != nil {
		s.Description = *body.Snapshot.Description
	}
	s.UpdatedAt = c.now()
	return ok(object{"snapshot": snapshotView(s)})
}

func (c *Cloud) deleteSnapshot(_ *call, s *Snapshot) answer {
	if s.Status != "available" && s.Status != "error" {
		return native(badRequest, "Invalid snapshot: the status does not allow a delete.")
	}
	s.Status = "deleting"
	c.later(func() { remove(&c.snapshots, s.ID) })
	return accepted(nil)
}

func snapshotView(s *Snapshot) object {
	metadata := s.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	var updated any
	if !s.UpdatedAt.IsZero() {
		updated = nativeTime(s.UpdatedAt)
	}
	return object{
		"id": s.ID, "volume_id": s.VolumeID, "name": s.Name, "description": s.Description, "status": s.Status, "size": s.SizeGiB,
		"metadata": metadata, "created_at": nativeTime(s.CreatedAt), "updated_at": updated,
		"os-extended-snapshot-attributes:project_id": s.ProjectID, "os-extended-snapshot-attributes:progress": "100%",
	}
}
