package volumes

import (
	"maps"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

func reserveVolume(v *meta.Volume) error {
	if v.Status == core.Available || (v.Multiattach && v.Status == core.InUse) {
		v.Status = core.Attaching
		return nil
	}
	expected := core.Available
	if v.Multiattach {
		expected = "available or in-use"
	}
	return driver.InvalidVolume("Volume status must be %s to reserve, but the status is %s.", expected, v.Status)
}

func (vs *Volumes) attach(tx *meta.Tx, v *meta.Volume, a driver.AttachVolume) error {
	mode := a.Mode
	if mode == "" {
		mode = "rw"
	}
	if v.Status == core.Maintenance {
		return driver.InvalidVolume("The volume cannot be attached in maintenance mode.")
	}
	if !slices.Contains([]string{core.Available, core.Attaching, core.Reserved, core.InUse}, v.Status) {
		// Cinder relies on Nova, which reserves the volume first. Nobody may attach a
		// volume that a job works on or that is in error.
		return driver.InvalidVolume("Volume status must be available to attach, but the status is %s.", v.Status)
	}
	if v.AdminMetadata["readonly"] == "True" && mode != "ro" {
		return driver.Errorf(driver.InvalidState, "Invalid attaching mode '%s' for volume %s.", mode, v.ID)
	}
	if was := v.AdminMetadata["attached_mode"]; v.Status == core.Attaching && was != "" && was != mode {
		return driver.InvalidVolume("being attached by different mode")
	}
	for _, old := range v.Attachments {
		if (a.ServerID != "" && old.ServerID == a.ServerID) || (a.ServerID == "" && old.HostName == a.HostName) {
			v.Status = core.InUse
			return nil
		}
	}
	if v.Status == core.InUse && !v.Multiattach && v.MigrationStatus == "" {
		return driver.InvalidVolume("volume is already attached and multiple attachments are not enabled")
	}
	v.AdminMetadata = maps.Clone(v.AdminMetadata)
	if v.AdminMetadata == nil {
		v.AdminMetadata = map[string]string{}
	}
	if v.AdminMetadata["readonly"] == "" {
		v.AdminMetadata["readonly"] = "False"
	}
	v.AdminMetadata["attached_mode"] = mode
	v.Attachments = append(v.Attachments, driver.Attachment{ID: vs.core.NewID(), VolumeID: v.ID, ServerID: a.ServerID,
		HostName: a.HostName, Device: a.Device, Mode: mode, Status: core.Attached, AttachedAt: tx.Now})
	v.Status, v.AttachStatus = core.InUse, core.Attached
	return nil
}

func detach(v *meta.Volume, attachmentID string) error {
	if v.Status == core.Maintenance {
		return driver.InvalidVolume("The volume cannot be detached in maintenance mode.")
	}
	if slices.Contains([]string{core.Creating, core.Deleting, core.RestoringBack, core.Reverting, core.AwaitingTransfer, core.Downloading}, v.Status) {
		return driver.InvalidVolume("Volume status must be in-use to detach, but the status is %s.", v.Status)
	}
	if attachmentID == "" && len(v.Attachments) > 1 {
		return driver.InvalidVolume("Detach volume failed: More than one attachment, but no attachment_id provided.")
	}
	v.Attachments = slices.DeleteFunc(v.Attachments, func(a driver.Attachment) bool {
		return attachmentID == "" || a.ID == attachmentID
	})
	v.AdminMetadata = core.Without(v.AdminMetadata, "attached_mode")
	SetAttached(v)
	return nil
}

// RefuseAttached refuses a job that gives a volume another file while somebody has the
// present one open. An admin can make an attached volume available with os-reset_status.
func RefuseAttached(v *meta.Volume) error {
	if len(v.Attachments) > 0 {
		return driver.InvalidVolume("Volume %s must not be attached, but it has %d attachments.", v.ID, len(v.Attachments))
	}
	return nil
}

// SetAttached sets a volume's status according to its attachments
// (cinder/db/sqlalchemy/api.py _get_statuses_from_attachments). A volume that is being
// backed up gets that status when the backup ends. Any other status belongs to a job or is
// an error, and stays; Cinder would make such a volume available.
func SetAttached(v *meta.Volume) {
	v.AttachStatus = core.Detached
	for _, status := range []string{core.Reserved, core.Detaching, core.Attaching, core.Attached} {
		if slices.ContainsFunc(v.Attachments, func(a driver.Attachment) bool { return a.Status == status }) {
			v.AttachStatus = status
		}
	}
	status := v.AttachStatus
	switch status {
	case core.Detached:
		status = core.Available
	case core.Attached:
		status = core.InUse
	}
	switch v.Status {
	case core.BackingUp:
		v.PreviousStatus = status
	case core.Available, core.InUse, core.Attaching, core.Detaching, core.Reserved:
		v.Status = status
	}
}
