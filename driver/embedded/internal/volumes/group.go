package volumes

import (
	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// OwnGroup returns a group that the caller may see.
func OwnGroup(tx *meta.Tx, who driver.Caller, id string) (*meta.Group, error) {
	g, err := tx.Group(id)
	if err != nil {
		return nil, err
	}
	if g == nil || !who.Owns(g.ProjectID) {
		return nil, driver.GroupNotFound(id)
	}
	return g, nil
}

// SettleGroup ends the status creating or deleting of a group when none of its volumes has
// that status any more. It removes a deleted group that has no volumes.
func SettleGroup(tx *meta.Tx, id string) error {
	if id == "" {
		return nil
	}
	g, err := tx.Group(id)
	if err != nil || g == nil || g.Status != core.Creating && g.Status != core.Deleting {
		return err
	}
	volumes, err := tx.VolumesOfGroup(id)
	if err != nil {
		return err
	}
	end := map[string]string{core.Creating: core.Available, core.Deleting: core.ErrorDeleting}[g.Status]
	for _, v := range volumes {
		switch v.Status {
		case g.Status:
			return nil
		case core.StatusError:
			end = core.StatusError
		}
	}
	if g.Status == core.Deleting && len(volumes) == 0 {
		return tx.RemoveGroup(id)
	}
	g.Status = end
	return tx.TouchGroup(g)
}

// SettleGroupSnapshot is [SettleGroup] for a group snapshot and its snapshots.
func SettleGroupSnapshot(tx *meta.Tx, id string) error {
	if id == "" {
		return nil
	}
	gs, err := tx.GroupSnapshot(id)
	if err != nil || gs == nil || gs.Status != core.Creating && gs.Status != core.Deleting {
		return err
	}
	snapshots, err := tx.SnapshotsOfGroupSnapshot(id)
	if err != nil {
		return err
	}
	end := map[string]string{core.Creating: core.Available, core.Deleting: core.ErrorDeleting}[gs.Status]
	for _, s := range snapshots {
		switch s.Status {
		case gs.Status:
			return nil
		case core.StatusError:
			end = core.StatusError
		}
	}
	if gs.Status == core.Deleting && len(snapshots) == 0 {
		return tx.RemoveGroupSnapshot(id)
	}
	gs.Status = end
	return tx.TouchGroupSnapshot(gs)
}

// settleGroupOf is [SettleGroup] for the group of a volume.
func settleGroupOf(tx *meta.Tx, volumeID string) error {
	v, err := tx.Volume(volumeID)
	if err != nil || v == nil {
		return err
	}
	return SettleGroup(tx, v.GroupID)
}
