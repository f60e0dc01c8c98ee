package volumes

import (
	"context"
	"slices"
	"strings"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// ActOnVolume performs one action. The checks and texts are those of cinder/volume/api.py
// and cinder/volume/manager.py.
func (vs *Volumes) ActOnVolume(ctx context.Context, who driver.Caller, volumeID string, action driver.VolumeAction) error {
	if a, ok := action.(driver.ExtendVolume); ok {
		return vs.extend(ctx, who, volumeID, a)
	}
	return vs.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, volumeID)
		if err != nil {
			return err
		}
		if err := vs.act(tx, who, v, action); err != nil {
			return err
		}
		return tx.TouchVolume(v)
	})
}

func (vs *Volumes) act(tx *meta.Tx, who driver.Caller, v *meta.Volume, action driver.VolumeAction) error {
	switch a := action.(type) {
	case driver.SetVolumeBootable:
		v.Bootable = a.Bootable
	case driver.SetVolumeReadonly:
		if v.Status != core.Available {
			return driver.InvalidVolume("Volume %s status must be available to update readonly flag, "+
				"but current status is: %s.", v.ID, v.Status)
		}
		v.AdminMetadata = core.With(v.AdminMetadata, "readonly", core.PythonBool(a.Readonly))
	case driver.ResetVolumeStatus:
		return vs.resetVolume(tx, v, a)
	case driver.ReserveVolume:
		return reserveVolume(v)
	case driver.UnreserveVolume:
		if v.Status == core.Attaching {
			v.Status = core.Available
			if len(v.Attachments) > 0 {
				v.Status = core.InUse
			}
		}
	case driver.BeginDetaching:
		if v.Status != core.InUse || v.AttachStatus != core.Attached || migrating(v) {
			if migrating(v) {
				return nil
			}
			return driver.InvalidVolume("Unable to detach volume. Volume status must be 'in-use' " +
				"and attach_status must be 'attached' to detach.")
		}
		v.Status = core.Detaching
	case driver.RollDetaching:
		if v.Status == core.Detaching {
			v.Status = core.InUse
		}
	case driver.AttachVolume:
		return vs.attach(tx, v, a)
	case driver.DetachVolume:
		return detach(v, a.AttachmentID)
	case driver.RetypeVolume:
		return vs.retype(tx, who, v, a)
	case driver.SetImageMetadata:
		v.ImageMetadata, _ = core.Changed(v.ImageMetadata, driver.MetadataChange{Set: a.Metadata}, nil)
	case driver.UnsetImageMetadata:
		if _, ok := v.ImageMetadata[a.Key]; !ok {
			return driver.Errorf(driver.NotFound, "Glance metadata for volume/snapshot %s cannot be found.", v.ID)
		}
		v.ImageMetadata = core.Without(v.ImageMetadata, a.Key)
	case driver.RevertVolume:
		return vs.revert(tx, who, v, a.SnapshotID)
	default:
		return driver.Errorf(driver.NotSupported, "The embedded driver does not know the action %T.", action)
	}
	return nil
}

// extend grows a volume. The file grows between two transactions. The first one checks the
// request, so that no file grows for a refused request. The second one checks again and
// stores the size. A file that is larger than its row says is harmless. A job extends a volume at
// another gateway.
func (vs *Volumes) extend(ctx context.Context, who driver.Caller, volumeID string, a driver.ExtendVolume) error {
	return vs.extendWith(ctx, who, volumeID, a, func() {})
}

// extendWith is extend. It calls between after the file has grown.
func (vs *Volumes) extendWith(ctx context.Context, who driver.Caller, volumeID string, a driver.ExtendVolume, between func()) error {
	for {
		stale, err := vs.tryExtend(ctx, who, volumeID, a, between)
		if err != nil || !stale {
			return err
		}
	}
}

// tryExtend is one try of extend. stale says that a job has given the volume another file
// between the two transactions: the file that has grown is not the volume's any more.
func (vs *Volumes) tryExtend(ctx context.Context, who driver.Caller, volumeID string, a driver.ExtendVolume, between func()) (stale bool, err error) {
	placed, here, file := false, false, ""
	err = vs.core.Read(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, volumeID)
		if err != nil {
			return err
		}
		file = core.VolumeFile(v)
		here = vs.core.Alone(v.Host)
		placed, err = vs.checkExtend(tx, v, a)
		return err
	})
	if err != nil {
		return false, err
	}
	var refused error // the error of the file system
	if placed && here {
		if refused = vs.core.Files.Grow(vs.core.Files.Path(file), vs.core.Bytes(a.Size)); refused != nil {
			vs.core.Log.Error("the file of a volume cannot be extended", zap.String("volume_id", volumeID), zap.Error(refused))
		}
	}
	between()
	err = vs.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, volumeID)
		if err != nil {
			return err
		}
		if stale = core.VolumeFile(v) != file; stale {
			return nil
		}
		still, err := vs.checkExtend(tx, v, a)
		switch {
		case err != nil:
			return err
		case !placed || !still:
			err = vs.core.AddMessage(tx, who, core.ActionExtend, core.DetailNoBackend, core.VolumeResource, v.ID, "")
		case !here:
			return vs.startExtend(tx, who, v, a.Size)
		case refused != nil:
			// The request was accepted, so the volume's status shows the failure
			// (cinder/volume/manager.py extend_volume).
			v.Status = core.ErrorExtending
			err = vs.core.AddMessage(tx, who, core.ActionExtend, core.DetailExtend, core.VolumeResource, v.ID, core.ReasonOf(refused))
		default:
			v.Size = a.Size
		}
		if err != nil {
			return err
		}
		return tx.TouchVolume(v)
	})
	return stale, err
}

// checkExtend checks a request to extend a volume. placed is false if a required service is
// disabled; the request is then accepted but changes nothing.
func (vs *Volumes) checkExtend(tx *meta.Tx, v *meta.Volume, a driver.ExtendVolume) (placed bool, err error) {
	if a.Size <= v.Size {
		return false, driver.Errorf(driver.InvalidInput, "Invalid input received: New size for extend must be greater than "+
			"current size. (current: %d, extended: %d).", v.Size, a.Size)
	}
	t, err := vs.OwnType(tx, v)
	if err != nil {
		return false, err
	}
	if err := checkTypeSize(t, a.Size); err != nil {
		return false, err
	}
	expected := core.Available
	if a.Attached && v.Status == core.InUse {
		expected = core.InUse
	}
	if v.Status != expected {
		// Cinder's text contains the Python dict that it compares with.
		return false, driver.InvalidVolume("Volume %s status must be '{'status': '%s'}' to extend, currently %s.", v.ID, expected, v.Status)
	}
	if err := vs.checkExtendQuota(tx, v.ProjectID, t, a.Size-v.Size, a.Size); err != nil {
		return false, err
	}
	return vs.takesWork(tx, v.Host)
}

// OwnType returns the type of the volume.
func (vs *Volumes) OwnType(tx *meta.Tx, v *meta.Volume) (*meta.VolumeType, error) {
	t, err := tx.VolumeType(v.VolumeTypeID)
	if err == nil && t == nil {
		t = &meta.VolumeType{VolumeType: driver.VolumeType{ID: v.VolumeTypeID}}
	}
	return t, err
}

// resetVolume performs os-reset_status (cinder/api/contrib/admin_actions.py). Cinder can
// make a volume available while it is being filled, or if it was never created. Here such a
// volume gets no status that allows its use before its job has ended. The end of the job
// sets the final status.
func (vs *Volumes) resetVolume(tx *meta.Tx, v *meta.Volume, a driver.ResetVolumeStatus) error {
	status := strings.ToLower(a.Status)
	if status != "" && status != v.Status && !strings.HasPrefix(status, core.StatusError) && status != core.Maintenance {
		filled, err := isFilled(tx, v.ID)
		if err != nil {
			return err
		}
		if filled {
			return driver.InvalidVolume("Volume %s cannot be reset to %s while a job fills it, its status is %s.", v.ID, status, v.Status)
		}
		if !vs.hasData(v) {
			return driver.InvalidVolume("Volume %s cannot be reset to %s: it has no data, its status is %s.", v.ID, status, v.Status)
		}
	}
	if slices.Contains([]string{core.Deleting, core.ErrorDeleting, core.Detaching}, status) {
		return driver.Errorf(driver.InvalidInput, "Cannot reset-state to %s", status)
	}
	if status == core.InUse && len(v.Attachments) == 0 {
		return driver.Errorf(driver.InvalidInput, "Cannot reset-state to in-use because volume does not have any attachments.")
	}
	if status != "" {
		v.Status = status
	}
	if a.AttachStatus != "" {
		v.AttachStatus = strings.ToLower(a.AttachStatus)
		if v.AttachStatus == core.Detached {
			v.Attachments = nil
			v.AdminMetadata = core.Without(v.AdminMetadata, "attached_mode")
		}
	}
	if a.MigrationStatus != "" {
		v.MigrationStatus = strings.ToLower(a.MigrationStatus)
		if v.MigrationStatus == "none" {
			v.MigrationStatus = ""
		}
	}
	return nil
}

// isFilled reports whether a queued or running job writes to or deletes a volume.
func isFilled(tx *meta.Tx, volumeID string) (bool, error) {
	about, err := tx.JobsOfVolume(volumeID)
	return slices.ContainsFunc(about, func(j *meta.Job) bool {
		cascade, err := cascades(j)
		return slices.Contains([]string{RestoreJob, createVolumeJob, copyVolumeJob, extendVolumeJob, revertJob, deleteVolumeJob}, j.Kind) || err != nil || cascade
	}), err
}

func (vs *Volumes) retype(tx *meta.Tx, who driver.Caller, v *meta.Volume, a driver.RetypeVolume) error {
	t, err := vs.VolumeType(tx, who, a.VolumeType)
	if err != nil {
		return err
	}
	if err := checkTypeSize(t, v.Size); err != nil {
		return err
	}
	if err := RefuseEncrypted(t); err != nil {
		return err
	}
	if (v.Status != core.Available && v.Status != core.InUse) || migrating(v) || v.GroupID != "" || v.VolumeTypeID == t.ID {
		return driver.InvalidVolume("Retype needs volume to be in available or in-use state, not be part of an active " +
			"migration or a consistency group, requested type has to be different that the one from the volume, " +
			"and for in-use volumes front-end qos specs cannot change.")
	}
	if err := vs.checkRetypeQuota(tx, v, t); err != nil {
		return err
	}
	if _, placed, err := vs.Place(tx, t, "", vs.core.GatewayOf(v.Host)); err != nil || !placed {
		return err // the volume keeps its type, as if Cinder's scheduler found no pool
	}
	v.VolumeTypeID = t.ID
	vs.core.Attention.CallAfter(tx, v.ProjectID, v.ID) // its policy may be that of the type
	v.Multiattach = t.ExtraSpecs["multiattach"] == "<is> True"
	return nil
}

// revert queues the job that reverts the volume to its latest snapshot
// (cinder/api/v3/volumes.py revert).
func (vs *Volumes) revert(tx *meta.Tx, who driver.Caller, v *meta.Volume, snapshotID string) error {
	snapshots, err := tx.SnapshotsOf(v.ID)
	if err != nil {
		return err
	}
	if len(snapshots) == 0 {
		return driver.Errorf(driver.InvalidState, "Volume %s doesn't have any snapshots.", v.ID)
	}
	s := snapshots[0]
	switch {
	case s.ID != snapshotID:
		return driver.Errorf(driver.InvalidState,
			"Specified snapshot %s is None or not the latest one of volume %s.", snapshotID, v.ID)
	case s.Size != v.Size:
		return driver.Errorf(driver.InvalidState, "Can't revert volume %s to its latest snapshot %s. "+
			"The volume size must be equal to the snapshot size.", v.ID, s.ID)
	case v.Status != core.Available:
		return driver.Errorf(driver.Conflict, "Invalid volume: Can't revert volume %s to its latest snapshot %s. "+
			"Volume's status must be 'available'.", v.ID, s.ID)
	case s.Status != core.Available:
		return driver.Errorf(driver.Conflict, "Invalid snapshot: Can't revert volume %s to its latest snapshot %s. "+
			"Snapshot's status must be 'available'.", v.ID, s.ID)
	}
	if err := RefuseAttached(v); err != nil {
		return err
	}
	v.Status, s.Status = core.Reverting, core.Restoring
	if err := tx.TouchSnapshot(s); err != nil {
		return err
	}
	j, err := vs.jobs.New(who, revertJob, v.ID, struct{}{})
	if err != nil {
		return err
	}
	j.VolumeID, j.SnapshotID = v.ID, s.ID
	return vs.jobs.Enqueue(tx, j)
}

// migrating reports whether a migration is in progress. All other statuses mean no
// migration or a finished one (cinder/volume/api.py AVAILABLE_MIGRATION_STATUS).
func migrating(v *meta.Volume) bool {
	return !slices.Contains([]string{"", "deleting", "error", "success"}, v.MigrationStatus)
}
