package volumes

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// GetSnapshot returns one snapshot. Callers must not change its maps.
func (vs *Volumes) GetSnapshot(ctx context.Context, who driver.Caller, snapshotID string) (driver.Snapshot, error) {
	s, err := vs.core.DB.Snapshot(ctx, snapshotID)
	if err != nil {
		return driver.Snapshot{}, core.Classify(err)
	}
	if s == nil || !who.Owns(s.ProjectID) {
		return driver.Snapshot{}, driver.SnapshotNotFound(snapshotID)
	}
	return s.Snapshot, nil
}

// ListSnapshots returns one page of snapshots. Callers must not change their maps.
func (vs *Volumes) ListSnapshots(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Snapshot], error) {
	rows, err := core.Visible(ctx, who, q, vs.core.DB.Snapshots, vs.core.DB.AllSnapshots)
	if err != nil {
		return driver.Page[driver.Snapshot]{}, err
	}
	volumes, err := vs.core.DB.AllVolumes(ctx)
	if err != nil {
		return driver.Page[driver.Snapshot]{}, core.Classify(err)
	}
	return core.List(rows, q, snapshotColumns(volumes), driver.SnapshotNotFound)
}

// snapshotColumns are the columns of a snapshot, and those of its volume that Cinder's
// snapshot filters also use.
func snapshotColumns(volumes meta.Rows[meta.Volume, driver.Volume]) driver.Columns[driver.Snapshot] {
	columns := maps.Clone(driver.SnapshotColumns)
	for _, name := range []string{"host", "cluster_name", "availability_zone"} {
		columns[name] = func(s *driver.Snapshot) any {
			v := volumes.Find(s.VolumeID)
			if v == nil {
				return nil
			}
			return driver.VolumeColumns[name](&v.Volume)
		}
	}
	return columns
}

// CreateSnapshot accepts a snapshot (cinder/volume/api.py create_snapshot_in_db).
func (vs *Volumes) CreateSnapshot(ctx context.Context, who driver.Caller, spec driver.SnapshotSpec) (driver.Snapshot, error) {
	var s *meta.Snapshot
	err := vs.core.Write(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, spec.VolumeID)
		if err != nil {
			return err
		}
		if err := vs.core.NotFrozen(tx, v.Host); err != nil {
			return err
		}
		s, err = vs.StartSnapshot(tx, who, v, spec, "")
		return err
	})
	if err != nil {
		return driver.Snapshot{}, err
	}
	return s.Snapshot, nil
}

// StartSnapshot stores the row of a new snapshot, which may belong to a group snapshot, and
// inserts the job that copies the volume.
func (vs *Volumes) StartSnapshot(tx *meta.Tx, who driver.Caller, v *meta.Volume, spec driver.SnapshotSpec, groupSnapshotID string) (*meta.Snapshot, error) {
	valid := core.Available
	if spec.Force {
		valid = "available, in-use"
	}
	if v.Status != core.Available && (!spec.Force || v.Status != core.InUse) {
		return nil, driver.InvalidVolume("Volume %s status must be %s, but current status is: %s.", v.ID, valid, v.Status)
	}
	t, err := vs.OwnType(tx, v)
	if err != nil {
		return nil, err
	}
	if err := vs.CheckSnapshotQuota(tx, who.ProjectID, t, v.Size); err != nil {
		return nil, err
	}
	metadata := spec.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	s := &meta.Snapshot{Snapshot: driver.Snapshot{
		ID: vs.core.NewID(), ProjectID: who.ProjectID, UserID: who.UserID, VolumeID: v.ID, Name: spec.Name,
		Description: spec.Description, Status: core.Creating, Progress: "0%", Size: v.Size,
		VolumeTypeID: v.VolumeTypeID, GroupSnapshotID: groupSnapshotID, Metadata: metadata, CreatedAt: tx.Now,
	}}
	if placed, err := vs.takesWork(tx, v.Host); err != nil || !placed {
		// As in cinder/scheduler/manager.py create_snapshot. The answer shows the status
		// creating.
		row := *s
		row.Status = core.StatusError
		return s, errors.Join(err, tx.PutSnapshot(&row),
			vs.core.AddMessage(tx, who, core.ActionSnapshot, core.DetailNoBackend, core.SnapshotResource, s.ID, ""))
	}
	if err := tx.PutSnapshot(s); err != nil {
		return nil, err
	}
	// The job's resource is the volume. So a restore to it that is accepted in the meantime
	// waits, and does not change the data during the copy.
	j, err := vs.jobs.New(who, snapshotJob, v.ID, copyArguments{Source: core.VolumeFile(v)})
	if err != nil {
		return nil, err
	}
	j.SnapshotID, j.VolumeID = s.ID, v.ID
	return s, vs.jobs.Enqueue(tx, j)
}

// UpdateSnapshot changes a snapshot's name, description and metadata.
func (vs *Volumes) UpdateSnapshot(ctx context.Context, who driver.Caller, snapshotID string, patch driver.SnapshotPatch) (driver.Snapshot, error) {
	var s *meta.Snapshot
	err := vs.core.Write(ctx, func(tx *meta.Tx) (err error) {
		if s, err = core.OwnSnapshot(tx, who, snapshotID); err != nil {
			return err
		}
		if patch.Name.Set {
			s.Name = patch.Name.Value
		}
		if patch.Description.Set {
			s.Description = patch.Description.Value
		}
		if patch.Metadata.Set {
			s.Metadata, err = core.Changed(s.Metadata, patch.Metadata.Value, func(key string) error {
				return driver.Errorf(driver.NotFound, "Snapshot %s has no metadata with key %s.", s.ID, key)
			})
			if err != nil {
				return err
			}
		}
		return tx.TouchSnapshot(s)
	})
	if err != nil {
		return driver.Snapshot{}, err
	}
	return s.Snapshot, nil
}

// DeleteSnapshot accepts a delete (cinder/volume/api.py delete_snapshot).
func (vs *Volumes) DeleteSnapshot(ctx context.Context, who driver.Caller, snapshotID string, force bool) error {
	return vs.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		s, err := core.OwnSnapshot(tx, who, snapshotID)
		if err != nil {
			return err
		}
		v, err := tx.Volume(s.VolumeID)
		if err != nil {
			return err
		}
		if err := vs.core.NotFrozen(tx, v.Host); err != nil {
			return err
		}
		switch part := s.GroupSnapshotID != ""; {
		case force && part:
			return driver.InvalidSnapshot("Snapshot %s must not be part of a group.", s.ID)
		case !force && (part || s.Status != core.Available && s.Status != core.StatusError):
			return driver.InvalidSnapshot("Snapshot status must be available or error and must not be part of a group.")
		}
		return vs.StartDeleteSnapshot(tx, who, s, false)
	})
}

// StartDeleteSnapshot inserts the job that deletes a snapshot. cascade says that the volume
// is deleted after its last snapshot.
func (vs *Volumes) StartDeleteSnapshot(tx *meta.Tx, who driver.Caller, s *meta.Snapshot, cascade bool) error {
	s.Status = core.Deleting
	if err := tx.TouchSnapshot(s); err != nil {
		return err
	}
	// The job's resource is the snapshot, so the delete waits for the jobs that read it.
	j, err := vs.jobs.New(who, deleteSnapshotJob, s.ID, deleteSnapshotArguments{Cascade: cascade})
	if err != nil {
		return err
	}
	j.SnapshotID, j.VolumeID = s.ID, s.VolumeID
	return vs.jobs.Enqueue(tx, j)
}

// ResetSnapshotStatus sets the status, and the progress unless it is "".
func (vs *Volumes) ResetSnapshotStatus(ctx context.Context, who driver.Caller, snapshotID, status, progress string) error {
	return vs.core.Write(ctx, func(tx *meta.Tx) error {
		s, err := core.OwnSnapshot(tx, who, snapshotID)
		if err != nil {
			return err
		}
		to := strings.ToLower(status)
		if s.Status != to && !strings.HasPrefix(to, core.StatusError) {
			if busy, err := isTaken(tx, s.ID); err != nil || busy {
				return errors.Join(err, driver.InvalidSnapshot(
					"Snapshot %s cannot be reset to %s while a job makes or deletes it, its status is %s.", s.ID, to, s.Status))
			}
			v, err := tx.Volume(s.VolumeID)
			if err != nil {
				return err
			}
			if v == nil || vs.core.Here(v.Host) && !core.IsFile(vs.core.Files.Snapshot(s)) {
				return driver.InvalidSnapshot("Snapshot %s cannot be reset to %s: it has no data, its status is %s.", s.ID, to, s.Status)
			}
		}
		s.Status = to
		if progress != "" {
			s.Progress = progress
		}
		return tx.TouchSnapshot(s)
	})
}

// isTaken reports whether a queued or running job creates or deletes a snapshot.
func isTaken(tx *meta.Tx, snapshotID string) (bool, error) {
	jobs, err := tx.JobsOfSnapshot(snapshotID)
	return slices.ContainsFunc(jobs, func(j *meta.Job) bool {
		return j.Kind == snapshotJob || j.Kind == deleteSnapshotJob
	}), err
}
