package volumes

import (
	"context"
	"maps"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// NewVolume returns an empty, available volume of the caller.
func (vs *Volumes) NewVolume(tx *meta.Tx, who driver.Caller, id string, t *meta.VolumeType, sizeGiB int, at Place) *meta.Volume {
	return &meta.Volume{Volume: driver.Volume{
		ID: id, ProjectID: who.ProjectID, UserID: who.UserID, Status: core.Available, Size: sizeGiB,
		AvailabilityZone: at.AvailabilityZone, VolumeTypeID: t.ID, AttachStatus: core.Detached, Host: core.PoolOf(at.Gateway),
		Multiattach: t.ExtraSpecs["multiattach"] == "<is> True",
		Metadata:    map[string]string{}, CreatedAt: tx.Now,
	}}
}

// CreateVolume creates a volume. An empty volume is available at once, although the answer
// shows the status creating, as in Cinder. A job fills a volume that has a source, and one
// creates the file of a volume at another gateway.
//
// Here, the file of an empty volume is created between two transactions. The first one checks the
// request, so that no file is created for a refused request. The second one checks again
// and stores the row.
func (vs *Volumes) CreateVolume(ctx context.Context, who driver.Caller, spec driver.VolumeSpec) (driver.Volume, error) {
	if to := spec.Metadata[driver.CopyTo]; to != "" {
		if err := vs.core.Copier.Check(to); err != nil {
			return driver.Volume{}, err
		}
	}
	if err := vs.core.CheckPolicy("metadata", spec.Metadata); err != nil {
		return driver.Volume{}, err
	}
	var checked *volumePlan
	err := vs.core.Read(ctx, func(tx *meta.Tx) (err error) {
		checked, err = vs.planVolume(tx, who, spec)
		return err
	})
	if err != nil {
		return driver.Volume{}, err
	}
	id := vs.core.NewID()
	blank := checked.placed && checked.from == source{} && vs.core.Alone(core.PoolOf(checked.at.Gateway)) && !vs.core.BlankByJob()
	var refused error // the error of the file system
	if blank {
		if refused = vs.core.Files.CreateBlank(vs.newFile(id), vs.core.Bytes(checked.size)); refused != nil {
			vs.core.Log.Error("the file of a volume cannot be made", zap.String("volume_id", id), zap.Error(refused))
		}
	}
	var v *meta.Volume
	store := func(tx *meta.Tx) error {
		plan, err := vs.planVolume(tx, who, spec)
		if err != nil {
			return err
		}
		if blank {
			plan.at = checked.at // where the file is
		}
		v = vs.NewVolume(tx, who, id, plan.volumeType, plan.size, plan.at)
		v.Name, v.Description, v.GroupID = spec.Name, spec.Description, spec.GroupID
		v.Multiattach = v.Multiattach || spec.Multiattach
		if spec.Metadata != nil {
			v.Metadata = maps.Clone(spec.Metadata)
		}
		vs.core.Attention.CallAfter(tx, v.ProjectID, v.ID)
		switch {
		case !checked.placed || !plan.placed:
			return vs.unscheduled(tx, who, v)
		case blank:
			return vs.putBlank(tx, who, v, refused)
		}
		return vs.startVolume(tx, who, v, plan.from)
	}
	err = vs.core.Entrusting(ctx, who, func() error { return vs.core.Write(ctx, store) })
	if err != nil {
		if blank {
			vs.dropFile(ctx, id)
		}
		return driver.Volume{}, err
	}
	view, err := vs.viewVolume(ctx, v)
	view.Status = core.Creating
	return view, err
}

// newFile returns the path of the file of a new, empty volume.
func (vs *Volumes) newFile(volumeID string) string {
	return vs.core.Files.Volume(&meta.Volume{Volume: driver.Volume{ID: volumeID}})
}

// dropFile removes the file of a volume whose row was not stored. It first asks the
// database whether the row exists, in a transaction that waits for the one in doubt: a commit
// whose answer was lost may still be on its way. If the database does not answer, the file stays, and the
// next start moves it to lost+found.
func (vs *Volumes) dropFile(ctx context.Context, volumeID string) {
	ctx = context.WithoutCancel(ctx)
	var v *meta.Volume
	err := vs.core.Write(ctx, func(tx *meta.Tx) (err error) {
		v, err = tx.Volume(volumeID)
		return err
	})
	if err == nil && v == nil {
		err = vs.core.Files.Remove(vs.newFile(volumeID))
	}
	if err != nil {
		vs.core.Log.Warn("the file of a volume that was not made stays", zap.String("volume_id", volumeID), zap.Error(err))
	}
}

// putBlank stores the row of an empty volume. refused is the error of the file system, if
// it could not create the file. As in Cinder, the request is accepted nevertheless, and the
// volume gets the status error.
func (vs *Volumes) putBlank(tx *meta.Tx, who driver.Caller, v *meta.Volume, refused error) error {
	row := *v // the answer shows the status creating
	row.LaunchedAt, row.UpdatedAt = tx.Now, tx.Now
	if refused != nil {
		row.Status, row.LaunchedAt = core.StatusError, time.Time{}
		if err := vs.core.AddMessage(tx, who, core.ActionCreateVolume, core.DetailCreateVolume, core.VolumeResource, v.ID, core.ReasonOf(refused)); err != nil {
			return err
		}
	}
	return tx.PutVolume(&row)
}

// startVolume stores the row of a new volume and inserts the job that fills it from its
// source.
func (vs *Volumes) startVolume(tx *meta.Tx, who driver.Caller, v *meta.Volume, from source) error {
	var j *meta.Job
	var err error
	switch {
	case from.backup != nil:
		if err = vs.core.Use(from.backup.Store, from.backup.ProjectID); err != nil {
			return err
		}
		if j, err = vs.jobs.New(who, RestoreJob, v.ID, RestoreArguments{Previous: core.Creating, New: true}); err != nil {
			return err
		}
		j.BackupID, j.VolumeID = from.backup.ID, v.ID
		from.backup.RestoreVolumeID = v.ID
		if err := tx.TouchBackup(from.backup); err != nil {
			return err
		}
	case from.snapshot != nil:
		v.SnapshotID = from.snapshot.ID
		if j, err = vs.jobs.New(who, copyVolumeJob, from.snapshot.ID, copyArguments{Source: core.SnapshotFile(from.snapshot)}); err != nil {
			return err
		}
		j.VolumeID, j.SnapshotID = v.ID, from.snapshot.ID
		// As in Cinder, a volume from a snapshot gets the image metadata of the snapshot's
		// volume.
		origin, err := tx.Volume(from.snapshot.VolumeID)
		if err != nil {
			return err
		}
		inheritImage(v, origin)
	case from.volume != nil:
		v.SourceVolumeID = from.volume.ID
		if j, err = vs.jobs.New(who, copyVolumeJob, from.volume.ID, copyArguments{Source: core.VolumeFile(from.volume)}); err != nil {
			return err
		}
		j.VolumeID = v.ID
		inheritImage(v, from.volume)
	default:
		if j, err = vs.jobs.New(who, createVolumeJob, v.ID, struct{}{}); err != nil {
			return err
		}
		j.VolumeID = v.ID
	}
	v.Status = core.Creating
	if err := tx.PutVolume(v); err != nil {
		return err
	}
	return vs.jobs.Enqueue(tx, j)
}

func inheritImage(v, from *meta.Volume) {
	if from != nil {
		v.Bootable, v.ImageMetadata = from.Bootable, from.ImageMetadata
	}
}

// CreateInGroup creates a volume of a new group. A job fills it from the source in spec.
func (vs *Volumes) CreateInGroup(tx *meta.Tx, who driver.Caller, g *meta.Group, spec driver.VolumeSpec) error {
	from, err := vs.source(tx, who, spec)
	if err != nil {
		return err
	}
	size, err := from.size(0)
	if err != nil {
		return err
	}
	t, err := vs.typeOf(tx, who, "", from)
	if err != nil {
		return err
	}
	if err := RefuseEncrypted(t); err != nil {
		return err
	}
	if err := vs.CheckVolumeQuota(tx, who.ProjectID, t, size, Prefixed); err != nil {
		return err
	}
	// A copy is made where its source is, whether new volumes are placed there or not.
	v := vs.NewVolume(tx, who, vs.core.NewID(), t, size, Place{vs.core.OwnHost(), vs.core.AvailabilityZone})
	if host, zone, err := from.where(tx); err != nil {
		return err
	} else if host != "" {
		v.Host, v.AvailabilityZone = host, zone
	}
	v.GroupID = g.ID
	return vs.startVolume(tx, who, v, from)
}
