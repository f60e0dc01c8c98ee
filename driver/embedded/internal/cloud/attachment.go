package cloud

import (
	"context"
	"maps"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// GetAttachment returns one attachment.
func (c *Cloud) GetAttachment(ctx context.Context, who driver.Caller, attachmentID string) (driver.Attachment, error) {
	visible, err := core.Visible(ctx, who, driver.Query{AllProjects: true}, c.core.DB.Volumes, c.core.DB.AllVolumes)
	if err != nil {
		return driver.Attachment{}, err
	}
	for v := range visible.All() {
		if at := attachmentAt(v.Attachments, attachmentID); at >= 0 {
			return connected(v, v.Attachments[at]), nil
		}
	}
	return driver.Attachment{}, driver.AttachmentNotFound(attachmentID)
}

func attachmentAt(all []driver.Attachment, id string) int {
	return slices.IndexFunc(all, func(a driver.Attachment) bool { return strings.EqualFold(a.ID, id) })
}

// connected adds the data that the connector's host needs. The volume is a file on this
// machine; its path stays private.
func connected(v *driver.Volume, a driver.Attachment) driver.Attachment {
	a.VolumeID, a.Connection = v.ID, map[string]any{}
	if a.Connector == nil {
		return a
	}
	mode := "rw"
	if v.AdminMetadata["readonly"] == "True" || a.Mode == "ro" {
		mode = "ro"
	}
	a.Connection = map[string]any{"driver_volume_type": "local", "volume_id": v.ID, "access_mode": mode,
		"encrypted": false, "qos_specs": nil, "cacheable": false, "attachment_id": a.ID}
	return a
}

// ListAttachments returns one page of the attachments of volumes that the caller may see.
func (c *Cloud) ListAttachments(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Attachment], error) {
	visible, err := core.Visible(ctx, who, q, c.core.DB.Volumes, c.core.DB.AllVolumes)
	if err != nil {
		return driver.Page[driver.Attachment]{}, err
	}
	var all []driver.Attachment
	projects := map[string]string{} // of volumes, by the volume's id
	for v := range visible.All() {
		for _, a := range v.Attachments {
			all = append(all, connected(v, a))
			projects[v.ID] = v.ProjectID
		}
	}
	columns := maps.Clone(driver.AttachmentColumns)
	columns["project_id"] = func(a *driver.Attachment) any { return projects[a.VolumeID] }
	return driver.Paginate(all, columns, q, driver.AttachmentNotFound)
}

// CreateAttachment reserves a volume (cinder/volume/api.py attachment_create). As in
// Cinder, the answer shows the attachment in the state reserved.
func (c *Cloud) CreateAttachment(ctx context.Context, who driver.Caller, spec driver.AttachmentSpec) (driver.Attachment, error) {
	var answer driver.Attachment
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, spec.VolumeID)
		if err != nil {
			return err
		}
		if strings.Contains(v.Status, "error") {
			return driver.InvalidVolume("Volume attachments can not be created if the volume is in an error state. "+
				"The Volume %s currently has a status of: %s ", v.ID, v.Status)
		}
		if err := reserveFor(v, spec.ServerID); err != nil {
			return err
		}
		mode := spec.Mode
		switch {
		case v.AdminMetadata["readonly"] == "True":
			mode = "ro"
		case mode == "":
			mode = "null"
		}
		v.Attachments = append(v.Attachments, driver.Attachment{ID: c.core.NewID(), VolumeID: v.ID, ServerID: spec.ServerID,
			Mode: mode, Status: core.Reserved})
		a := &v.Attachments[len(v.Attachments)-1]
		answer = *a
		if len(spec.Connector) > 0 {
			connect(tx, v, a, spec.Connector)
		}
		answer.Connection = connected(&v.Volume, *a).Connection
		return tx.TouchVolume(v)
	})
	return answer, err
}

// reserveFor reserves a volume, unless it is already attached to the server
// (cinder/volume/api.py _attachment_reserve).
func reserveFor(v *meta.Volume, serverID string) error {
	valid := []string{core.Available, core.Downloading}
	if v.Multiattach {
		valid = []string{core.Available, core.InUse, core.Downloading}
	}
	if slices.Contains(valid, v.Status) {
		v.Status = core.Reserved
		return nil
	}
	same := func(a driver.Attachment) bool { return a.ServerID == serverID }
	if serverID != "" && (v.Status == core.InUse || v.Status == core.Reserved) && slices.ContainsFunc(v.Attachments, same) {
		return nil
	}
	return driver.InvalidVolume("Volume %s status must be %s to reserve, but the current status is %s.",
		v.ID, strings.Join(valid, " or "), v.Status)
}

// connect stores the connector and begins to attach (cinder/volume/manager.py
// attachment_update).
func connect(tx *meta.Tx, v *meta.Volume, a *driver.Attachment, connector map[string]any) {
	word := func(key, otherwise string) string {
		if s, ok := connector[key].(string); ok && s != "" {
			return s
		}
		return otherwise
	}
	if a.Mode == "null" {
		a.Mode = word("mode", "rw")
	}
	a.Connector, a.HostName, a.Device = connector, word("host", ""), word("mountpoint", "na")
	a.Status, a.AttachedAt = core.Attaching, tx.Now
	v.Status, v.AttachStatus = core.Attaching, core.Attaching
}

// changeAttachment changes one attachment and its volume in one transaction.
func (c *Cloud) changeAttachment(ctx context.Context, who driver.Caller, id string,
	change func(tx *meta.Tx, v *meta.Volume, at int) error) error {
	a, err := c.GetAttachment(ctx, who, id)
	if err != nil {
		return err
	}
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, a.VolumeID)
		if err != nil {
			return err
		}
		at := attachmentAt(v.Attachments, id)
		if at < 0 {
			return driver.AttachmentNotFound(id)
		}
		if err := change(tx, v, at); err != nil {
			return err
		}
		return tx.TouchVolume(v)
	})
}

// UpdateAttachment begins to attach a reserved volume. As in Cinder, the answer shows the
// attachment before the change, with the connection.
func (c *Cloud) UpdateAttachment(ctx context.Context, who driver.Caller, attachmentID string, connector map[string]any) (driver.Attachment, error) {
	var answer driver.Attachment
	err := c.changeAttachment(ctx, who, attachmentID, func(tx *meta.Tx, v *meta.Volume, at int) error {
		a := &v.Attachments[at]
		answer = *a
		if err := connectable(v); err != nil {
			return err
		}
		connect(tx, v, a, connector)
		answer.Connection = connected(&v.Volume, *a).Connection
		return nil
	})
	return answer, err
}

// connectable checks that the volume can be attached (cinder/volume/api.py
// attachment_update). Cinder also attaches a volume during a backup or restore. Here that
// is refused, because nobody may write to the volume then.
func connectable(v *meta.Volume) error {
	if strings.Contains(v.Status, "error") {
		return driver.InvalidVolume("Volume attachments can not be updated if the volume is in an error state. "+
			"The Volume %s currently has a status of: %s ", v.ID, v.Status)
	}
	if !slices.Contains([]string{core.Available, core.Reserved, core.Attaching, core.InUse, core.Detaching}, v.Status) {
		return driver.InvalidVolume("Volume %s cannot be attached, its status is %s.", v.ID, v.Status)
	}
	connects := func(a driver.Attachment) bool { return a.Connector != nil }
	if len(v.Attachments) > 1 && !v.Multiattach && slices.ContainsFunc(v.Attachments, connects) {
		return driver.InvalidVolume("duplicate connectors detected on volume %s", v.ID)
	}
	return nil
}

// CompleteAttachment sets the volume's status to in-use.
func (c *Cloud) CompleteAttachment(ctx context.Context, who driver.Caller, attachmentID string) error {
	return c.changeAttachment(ctx, who, attachmentID, func(_ *meta.Tx, v *meta.Volume, at int) error {
		if !slices.Contains([]string{core.Available, core.Reserved, core.Attaching, core.InUse, core.Detaching}, v.Status) {
			return driver.InvalidVolume("Volume %s cannot be attached, its status is %s.", v.ID, v.Status)
		}
		v.Attachments[at].Status = core.Attached
		v.Status, v.AttachStatus = core.InUse, core.Attached
		return nil
	})
}

// DeleteAttachment removes an attachment (cinder/volume/api.py attachment_delete).
func (c *Cloud) DeleteAttachment(ctx context.Context, who driver.Caller, attachmentID string) ([]driver.Attachment, error) {
	var left []driver.Attachment
	err := c.changeAttachment(ctx, who, attachmentID, func(_ *meta.Tx, v *meta.Volume, at int) error {
		left = nil
		v.Attachments = slices.Delete(v.Attachments, at, at+1)
		v.AdminMetadata = core.Without(v.AdminMetadata, "attached_mode")
		volumes.SetAttached(v)
		for _, a := range v.Attachments {
			left = append(left, connected(&v.Volume, a))
		}
		return nil
	})
	return left, err
}
