package volumes

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// undeletable is Cinder's text for every reason that forbids a delete (cinder/volume/api.py
// delete).
const undeletable = "Volume%s must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, " +
	"or be disassociated from snapshots after volume transfer."

// DeleteVolume accepts a delete and queues its jobs.
func (vs *Volumes) DeleteVolume(ctx context.Context, who driver.Caller, volumeID string, how driver.VolumeDelete) error {
	return vs.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		v, err := core.OwnVolume(tx, who, volumeID)
		if err != nil {
			return err
		}
		if err := vs.core.NotFrozen(tx, v.Host); err != nil {
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
		// The delete of the last snapshot starts that of the volume. Each snapshot's delete
		// waits for the accepted copies of the snapshot.
		for _, s := range snapshots {
			if err := vs.StartDeleteSnapshot(tx, who, s, true); err != nil {
				return err
			}
		}
		if len(snapshots) > 0 {
			return nil
		}
		return vs.StartDeleteVolume(tx, who, v.ID)
	})
}

// StartDeleteVolume inserts the job that deletes a volume. The volume must have no
// snapshots, and its status must be deleting.
func (vs *Volumes) StartDeleteVolume(tx *meta.Tx, who driver.Caller, volumeID string) error {
	j, err := vs.jobs.New(who, deleteVolumeJob, volumeID, struct{}{})
	if err != nil {
		return err
	}
	j.VolumeID = volumeID
	return vs.jobs.Enqueue(tx, j)
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
