package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// GetVolume returns one volume. Its maps must not be changed.
func (d *Driver) GetVolume(ctx context.Context, who driver.Caller, volumeID string) (driver.Volume, error) {
	v, err := d.core.DB.Volume(ctx, volumeID)
	if err != nil {
		return driver.Volume{}, core.Classify(err)
	}
	if v == nil || !who.Owns(v.ProjectID) {
		return driver.Volume{}, driver.VolumeNotFound(volumeID)
	}
	return d.viewVolume(ctx, v)
}

// ListVolumes returns one page of volumes. Their maps must not be changed.
func (d *Driver) ListVolumes(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Volume], error) {
	rows, err := core.Visible(ctx, who, q, d.core.DB.Volumes, d.core.DB.AllVolumes)
	if err != nil {
		return driver.Page[driver.Volume]{}, err
	}
	page, err := core.List(rows, q, driver.VolumeColumns, driver.VolumeNotFound)
	for i := range page.Items {
		if page.Items[i], err = d.viewVolume(ctx, &meta.Volume{Volume: page.Items[i]}); err != nil {
			return driver.Page[driver.Volume]{}, err
		}
	}
	return page, err
}

// viewVolume adds the volume's service and the name of its type, which may have changed
// since.
func (d *Driver) viewVolume(ctx context.Context, v *meta.Volume) (view driver.Volume, err error) {
	view = v.Volume
	view.ServiceUUID = volumeServiceUUID
	view.VolumeType, err = d.typeName(ctx, v.VolumeTypeID)
	return view, err
}

// typeName returns the name of a volume type, "" if there is none.
func (d *Driver) typeName(ctx context.Context, id string) (string, error) {
	t, err := d.core.DB.VolumeType(ctx, id)
	if err != nil || t == nil {
		return "", core.Classify(err)
	}
	return t.Name, nil
}

// newVolume is a blank, available volume of the caller.
func (d *Driver) newVolume(tx *meta.Tx, who driver.Caller, id string, t *meta.VolumeType, sizeGiB int) *meta.Volume {
	return &meta.Volume{Volume: driver.Volume{
		ID: id, ProjectID: who.ProjectID, UserID: who.UserID, Status: core.Available, Size: sizeGiB,
		AvailabilityZone: d.core.AvailabilityZone, VolumeTypeID: t.ID, AttachStatus: core.Detached, Host: d.pool(),
		Multiattach: t.ExtraSpecs["multiattach"] == "<is> True",
		Metadata:    map[string]string{}, CreatedAt: tx.Now,
	}}
}

// source is what a new volume is made from; at most one field is set.
type source struct {
	snapshot *meta.Snapshot
	volume   *meta.Volume
	backup   *meta.Backup
}

// CreateVolume makes a volume. A blank one is available at once, though the answer
// says creating, as Cinder's does; one with a source is filled by a job.
//
// The file of a blank volume is made between two transactions: the first refuses what
// is to be refused, so that no file is made for it; the second checks again and stores
// the row.
func (d *Driver) CreateVolume(ctx context.Context, who driver.Caller, spec driver.VolumeSpec) (driver.Volume, error) {
	var checked *volumePlan
	err := d.core.Read(ctx, func(tx *meta.Tx) (err error) {
		checked, err = d.planVolume(tx, who, spec)
		return err
	})
	if err != nil {
		return driver.Volume{}, err
	}
	id := d.core.NewID()
	blank := checked.placed && checked.from == source{}
	var refused error // by the file system
	if blank {
		if refused = d.core.Files.Blank(d.core.Files.Volume(id), d.core.Bytes(checked.size)); refused != nil {
			d.core.Log.Error("the file of a volume cannot be made", zap.String("volume_id", id), zap.Error(refused))
		}
	}
	var v *meta.Volume
	err = d.core.Write(ctx, func(tx *meta.Tx) error {
		plan, err := d.planVolume(tx, who, spec)
		if err != nil {
			return err
		}
		v = d.newVolume(tx, who, id, plan.volumeType, plan.size)
		v.Name, v.Description, v.GroupID = spec.Name, spec.Description, spec.GroupID
		v.Multiattach = v.Multiattach || spec.Multiattach
		if spec.Metadata != nil {
			v.Metadata = maps.Clone(spec.Metadata)
		}
		switch {
		case !checked.placed || !plan.placed:
			return d.unscheduled(tx, who, v)
		case blank:
			return d.putBlank(tx, who, v, refused)
		}
		return d.startVolume(tx, who, v, plan.from)
	})
	if err != nil {
		if blank {
			d.dropFile(ctx, id)
		}
		return driver.Volume{}, err
	}
	view, err := d.viewVolume(ctx, v)
	view.Status = core.Creating
	return view, err
}

// volumePlan is what becomes of a request for a volume that is not refused.
type volumePlan struct {
	from       source
	size       int // GiB
	volumeType *meta.VolumeType
	placed     bool // false: no pool takes the volume, and it ends in error
}

// planVolume checks a request for a volume. Checks, their order and texts are those of
// cinder/volume/flows/api/create_volume.py.
func (d *Driver) planVolume(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec) (*volumePlan, error) {
	from, err := d.source(tx, who, spec)
	if err != nil {
		return nil, err
	}
	size, err := from.size(spec.Size)
	if err != nil {
		return nil, err
	}
	t, err := d.typeOf(tx, who, spec.VolumeType, from)
	if err != nil {
		return nil, err
	}
	if err := checkTypeSize(t, size); err != nil {
		return nil, err
	}
	if err := checkGroupOf(tx, who, spec, t); err != nil {
		return nil, err
	}
	if err := refuseEncrypted(t); err != nil {
		return nil, err
	}
	if zone := spec.AvailabilityZone; zone != "" && zone != d.core.AvailabilityZone {
		return nil, driver.Errorf(driver.InvalidInput, "Availability zone '%s' is invalid.", zone)
	}
	if err := d.checkVolumeQuota(tx, who.ProjectID, t, size, prefixed); err != nil {
		return nil, err
	}
	placed, err := d.schedulable(tx, t)
	if err != nil {
		return nil, err
	}
	if from.backup != nil { // cinder/volume/flows/manager/create_volume.py
		off, err := core.Disabled(tx, core.BackupService)
		if err != nil {
			return nil, err
		}
		placed = placed && !off
	}
	return &volumePlan{from, size, t, placed}, nil
}

// dropFile removes the file that was made for a volume whose row was not stored. If the
// database does not say that there is no row, the file stays: a start moves it aside.
func (d *Driver) dropFile(ctx context.Context, volumeID string) {
	ctx = context.WithoutCancel(ctx)
	var v *meta.Volume
	err := d.core.Read(ctx, func(tx *meta.Tx) (err error) {
		v, err = tx.Volume(volumeID)
		return err
	})
	if err == nil && v == nil {
		err = d.core.Files.Remove(d.core.Files.Volume(volumeID))
	}
	if err != nil {
		d.core.Log.Warn("the file of a volume that was not made stays", zap.String("volume_id", volumeID), zap.Error(err))
	}
}

// checkGroupOf checks the group that a new volume is asked for in
// (cinder/volume/api.py create).
func checkGroupOf(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec, t *meta.VolumeType) error {
	if spec.GroupID == "" {
		return nil
	}
	g, err := ownGroup(tx, who, spec.GroupID)
	switch {
	case err != nil:
		return err
	case spec.VolumeType == "":
		return driver.Errorf(driver.InvalidInput,
			"Invalid input received: volume_type must be provided when creating a volume in a group.")
	case !slices.Contains(g.VolumeTypeIDs, t.ID):
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Invalid volume_type provided: %s "+
			"(requested type must be supported by this group).", t.ID)
	case g.Status != core.Available && g.Status != core.Creating:
		return driver.InvalidGroup("Originating group status must be one of 'available, creating' values")
	}
	return nil
}

// putBlank stores the row of a volume whose file has been made, or which the file system
// refused to make: the request was accepted as by Cinder, and the volume says how it
// ended.
func (d *Driver) putBlank(tx *meta.Tx, who driver.Caller, v *meta.Volume, refused error) error {
	row := *v // the answer says creating
	row.LaunchedAt, row.UpdatedAt = tx.Now, tx.Now
	if refused != nil {
		row.Status, row.LaunchedAt = core.StatusError, time.Time{}
		if err := d.core.Tell(tx, who, core.ActionCreateVolume, core.DetailCreateVolume, core.VolumeResource, v.ID, core.ReasonOf(refused)); err != nil {
			return err
		}
	}
	return tx.PutVolume(&row)
}

// startVolume stores the new row and inserts the job that fills the volume from its
// source.
func (d *Driver) startVolume(tx *meta.Tx, who driver.Caller, v *meta.Volume, from source) error {
	var j *meta.Job
	var err error
	switch {
	case from.backup != nil:
		if j, err = d.jobs.New(who, restoreJob, v.ID, restoreArguments{Previous: core.Creating, New: true}); err != nil {
			return err
		}
		j.BackupID, j.VolumeID = from.backup.ID, v.ID
		from.backup.RestoreVolumeID = v.ID
		if err := tx.TouchBackup(from.backup); err != nil {
			return err
		}
	case from.snapshot != nil:
		v.SnapshotID = from.snapshot.ID
		if j, err = d.jobs.New(who, copyVolumeJob, from.snapshot.ID, copyArguments{Source: core.SnapshotFile(from.snapshot.ID)}); err != nil {
			return err
		}
		j.VolumeID, j.SnapshotID = v.ID, from.snapshot.ID
		// A snapshot knows its volume's image as Cinder's does.
		origin, err := tx.Volume(from.snapshot.VolumeID)
		if err != nil {
			return err
		}
		inheritImage(v, origin)
	case from.volume != nil:
		v.SourceVolumeID = from.volume.ID
		if j, err = d.jobs.New(who, copyVolumeJob, from.volume.ID, copyArguments{Source: core.VolumeFile(from.volume.ID)}); err != nil {
			return err
		}
		j.VolumeID = v.ID
		inheritImage(v, from.volume)
	}
	v.Status = core.Creating
	if err := tx.PutVolume(v); err != nil {
		return err
	}
	return d.jobs.Enqueue(tx, j)
}

func inheritImage(v, from *meta.Volume) {
	if from != nil {
		v.Bootable, v.ImageMetadata = from.Bootable, from.ImageMetadata
	}
}

func (d *Driver) source(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec) (from source, err error) {
	const wrongStatus = "Originating %s status must be one of '%s' values"
	switch {
	case spec.SnapshotID != "":
		if from.snapshot, err = core.OwnSnapshot(tx, who, spec.SnapshotID); err == nil && from.snapshot.Status != core.Available {
			err = driver.InvalidSnapshot(wrongStatus, "snapshot", core.Available)
		}
	case spec.SourceVolumeID != "":
		if from.volume, err = core.OwnVolume(tx, who, spec.SourceVolumeID); err == nil &&
			from.volume.Status != core.Available && from.volume.Status != core.InUse {
			err = driver.InvalidVolume(wrongStatus, "source volume", "available, in-use")
		}
	case spec.BackupID != "":
		if from.backup, err = core.OwnBackup(tx, who, spec.BackupID); err == nil && from.backup.Status != driver.BackupAvailable {
			err = driver.InvalidBackup(wrongStatus, "backup", core.Available)
		} else if err == nil && from.backup.EncryptionKeyID != "" {
			err = driver.InvalidBackup("%s", encrypted)
		}
	}
	return from, err
}

// size returns the size of the volume to make, in GiB.
func (from source) size(asked int) (int, error) {
	invalid := func(format string, args ...any) error {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: "+format, args...)
	}
	if asked < 0 {
		return 0, invalid("Invalid volume size provided for create request: %d (size argument must be an integer "+
			"(or string representation of an integer) and greater than zero).", asked)
	}
	least, text := 1, "Volume size '%d' must be an integer and greater than 0"
	switch {
	case from.volume != nil:
		least, text = from.volume.Size, "Volume size '%d'GB cannot be smaller than original volume size  %dGB. "+
			"They must be >= original volume size."
	case from.snapshot != nil:
		least, text = from.snapshot.Size, "Volume size '%d'GB cannot be smaller than the snapshot size %dGB. "+
			"They must be >= original snapshot size."
	case from.backup != nil:
		least, text = from.backup.Size, "Volume size %dGB cannot be smaller than the backup size %dGB. "+
			"It must be >= backup size."
	case asked == 0:
		return 0, invalid(text, asked)
	}
	if asked == 0 {
		return least, nil
	}
	if asked < least {
		return 0, invalid(text, asked, least)
	}
	return asked, nil
}

// typeOf chooses the type: what was asked for, the source's, or the default.
func (d *Driver) typeOf(tx *meta.Tx, who driver.Caller, asked string, from source) (*meta.VolumeType, error) {
	inherited := ""
	switch {
	case from.volume != nil:
		inherited = from.volume.VolumeTypeID
	case from.snapshot != nil:
		inherited = from.snapshot.VolumeTypeID
	}
	if asked == "" && inherited != "" {
		if t, err := tx.VolumeType(inherited); err != nil || t != nil {
			return t, err
		}
	}
	return d.volumeType(tx, who, asked)
}

// checkTypeSize checks the bounds that a type may set
// (cinder/volume/volume_types.py provision_filter_on_size).
func checkTypeSize(t *meta.VolumeType, size int) error {
	bound := func(key string) (n int, ok bool) {
		_, err := fmt.Sscanf(t.ExtraSpecs[key], "%d", &n)
		return n, err == nil
	}
	if min, ok := bound("provisioning:min_vol_size"); ok && size < min {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Specified volume size of '%d' is less than "+
			"the minimum required size of '%d' for volume type '%s'.", size, min, t.Name)
	}
	if max, ok := bound("provisioning:max_vol_size"); ok && size > max {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Specified volume size of '%d' is greater than "+
			"the maximum allowable size of '%d' for volume type '%s'.", size, max, t.Name)
	}
	return nil
}

// UpdateVolume renames and describes a volume, also while it is restored: Heat
// does that.
func (d *Driver) UpdateVolume(ctx context.Context, who driver.Caller, volumeID string, patch driver.VolumePatch) (driver.Volume, error) {
	var v *meta.Volume
	err := d.core.Write(ctx, func(tx *meta.Tx) (err error) {
		if v, err = core.OwnVolume(tx, who, volumeID); err != nil {
			return err
		}
		if patch.Metadata.Set && (v.Status == core.Maintenance || v.Status == core.Uploading) {
			return driver.InvalidVolume("Updating volume metadata is not allowed for volumes in %s status.", v.Status)
		}
		if v.Status == core.Maintenance {
			return driver.InvalidVolume("The volume cannot be updated during maintenance.")
		}
		if patch.Name.Set {
			v.Name = patch.Name.Value
		}
		if patch.Description.Set {
			v.Description = patch.Description.Value
		}
		if patch.Metadata.Set {
			v.Metadata, err = core.Changed(v.Metadata, patch.Metadata.Value, func(key string) error {
				return driver.Errorf(driver.NotFound, "Volume %s has no metadata with key %s.", v.ID, key)
			})
			if err != nil {
				return err
			}
		}
		return tx.TouchVolume(v)
	})
	if err != nil {
		return driver.Volume{}, err
	}
	return d.viewVolume(ctx, v)
}

// undeletable is Cinder's text for all that forbids a delete
// (cinder/volume/api.py delete).
const undeletable = "Volume%s must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, " +
	"or be disassociated from snapshots after volume transfer."

// DeleteVolume accepts a delete.
func (d *Driver) DeleteVolume(ctx context.Context, who driver.Caller, volumeID string, how driver.VolumeDelete) error {
	return d.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, volumeID)
		if err != nil {
			return err
		}
		if err := core.NotFrozen(tx); err != nil {
			return err
		}
		snapshots, err := tx.SnapshotsOf(v.ID)
		if err != nil {
			return err
		}
		if !deletable(who, v, snapshots, how) {
			status := " status must be available or error or error_restoring or error_extending or error_managing and"
			if how.Force {
				status = ""
			}
			return driver.InvalidVolume(undeletable, status)
		}
		v.Status = core.Deleting
		if err := tx.TouchVolume(v); err != nil {
			return err
		}
		// The last of the snapshots starts the delete of the volume: each waits for
		// the copies of it that were accepted before.
		for _, s := range snapshots {
			if err := d.startDeleteSnapshot(tx, who, s, true); err != nil {
				return err
			}
		}
		if len(snapshots) > 0 {
			return nil
		}
		return d.startDeleteVolume(tx, who, v.ID)
	})
}

func (d *Driver) startDeleteVolume(tx *meta.Tx, who driver.Caller, volumeID string) error {
	j, err := d.jobs.New(who, deleteVolumeJob, volumeID, struct{}{})
	if err != nil {
		return err
	}
	j.VolumeID = volumeID
	return d.jobs.Enqueue(tx, j)
}

func deletable(who driver.Caller, v *meta.Volume, snapshots []*meta.Snapshot, how driver.VolumeDelete) bool {
	idle := []string{core.Available, core.StatusError, core.ErrorRestoring, core.ErrorExtending, core.ErrorManaging}
	if !how.Force && !slices.Contains(idle, v.Status) {
		return false
	}
	if v.AttachStatus == core.Attached || v.GroupID != "" || migrating(v) {
		return false
	}
	if !how.Cascade {
		return len(snapshots) == 0
	}
	for _, s := range snapshots {
		if !how.Force && !slices.Contains([]string{core.Available, core.StatusError, core.Deleting}, s.Status) {
			return false
		}
		if !who.Owns(s.ProjectID) || s.GroupSnapshotID != "" {
			return false
		}
	}
	return true
}

// migrating tells whether a migration is under way: the others mean that there was
// none or that it has ended (cinder/volume/api.py AVAILABLE_MIGRATION_STATUS).
func migrating(v *meta.Volume) bool {
	return !slices.Contains([]string{"", "deleting", "error", "success"}, v.MigrationStatus)
}
