package cloud

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// GetGroupSnapshot returns one group snapshot.
func (c *Cloud) GetGroupSnapshot(ctx context.Context, who driver.Caller, groupSnapshotID string) (driver.GroupSnapshot, error) {
	gs, err := c.core.DB.GroupSnapshot(ctx, groupSnapshotID)
	if err != nil {
		return driver.GroupSnapshot{}, core.Classify(err)
	}
	if gs == nil || !who.Owns(gs.ProjectID) {
		return driver.GroupSnapshot{}, driver.GroupSnapshotNotFound(groupSnapshotID)
	}
	return gs.GroupSnapshot, nil
}

// ListGroupSnapshots returns one page of group snapshots.
func (c *Cloud) ListGroupSnapshots(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.GroupSnapshot], error) {
	project, some := core.Scope(who, q.AllProjects)
	if !some {
		return driver.Page[driver.GroupSnapshot]{}, nil
	}
	rows, err := c.core.DB.GroupSnapshots(ctx, project)
	if err != nil {
		return driver.Page[driver.GroupSnapshot]{}, core.Classify(err)
	}
	all := make([]driver.GroupSnapshot, len(rows))
	for i, gs := range rows {
		all[i] = gs.GroupSnapshot
	}
	return driver.Paginate(all, driver.GroupSnapshotColumns, q, driver.GroupSnapshotNotFound)
}

// ownGroupSnapshot returns a group snapshot that the caller may see.
func ownGroupSnapshot(tx *meta.Tx, who driver.Caller, id string) (*meta.GroupSnapshot, error) {
	gs, err := tx.GroupSnapshot(id)
	if err != nil {
		return nil, err
	}
	if gs == nil || !who.Owns(gs.ProjectID) {
		return nil, driver.GroupSnapshotNotFound(id)
	}
	return gs, nil
}

// CreateGroupSnapshot accepts a snapshot of every volume of a group. The status is creating
// until all snapshots exist (cinder/group/api.py create_group_snapshot).
func (c *Cloud) CreateGroupSnapshot(ctx context.Context, who driver.Caller, spec driver.GroupSnapshotSpec) (driver.GroupSnapshot, error) {
	var gs *meta.GroupSnapshot
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		g, err := volumes.OwnGroup(tx, who, spec.GroupID)
		if err != nil {
			return err
		}
		if err := c.core.NotFrozen(tx, g.Host); err != nil {
			return err
		}
		gs = &meta.GroupSnapshot{GroupSnapshot: driver.GroupSnapshot{ID: c.core.NewID(), ProjectID: who.ProjectID, UserID: who.UserID,
			GroupID: g.ID, GroupTypeID: g.GroupTypeID, Name: spec.Name, Description: spec.Description, Status: core.Creating, CreatedAt: tx.Now}}
		if err := tx.PutGroupSnapshot(gs); err != nil {
			return err
		}
		members, err := tx.VolumesOfGroup(g.ID)
		if err != nil {
			return err
		}
		for _, v := range members {
			part := driver.SnapshotSpec{VolumeID: v.ID, Name: spec.Name, Description: spec.Description, Force: true}
			if _, err := c.volumes.StartSnapshot(tx, who, v, part, gs.ID); err != nil {
				return err
			}
		}
		return volumes.SettleGroupSnapshot(tx, gs.ID)
	})
	if err != nil {
		return driver.GroupSnapshot{}, err
	}
	return gs.GroupSnapshot, nil
}

// DeleteGroupSnapshot accepts a delete (cinder/group/api.py delete_group_snapshot).
func (c *Cloud) DeleteGroupSnapshot(ctx context.Context, who driver.Caller, groupSnapshotID string) error {
	return c.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		gs, err := ownGroupSnapshot(tx, who, groupSnapshotID)
		if err != nil {
			return err
		}
		g, err := tx.Group(gs.GroupID)
		if err != nil {
			return err
		}
		if g != nil {
			if err := c.core.NotFrozen(tx, g.Host); err != nil {
				return err
			}
		}
		groups, err := tx.GroupsIn(core.Creating)
		if err != nil {
			return err
		}
		source := slices.ContainsFunc(groups, func(g *meta.Group) bool { return g.GroupSnapshotID == gs.ID })
		if source || gs.Status != core.Available && gs.Status != core.StatusError {
			return driver.Errorf(driver.InvalidState, "Invalid GroupSnapshot: GroupSnapshot status must be available or error, "+
				"and no Group can be currently using it as source for its creation.")
		}
		gs.Status = core.Deleting
		if err := tx.TouchGroupSnapshot(gs); err != nil {
			return err
		}
		snapshots, err := tx.SnapshotsOfGroupSnapshot(gs.ID)
		if err != nil {
			return err
		}
		for _, s := range snapshots {
			if err := c.volumes.StartDeleteSnapshot(tx, who, s, false); err != nil {
				return err
			}
		}
		return volumes.SettleGroupSnapshot(tx, gs.ID)
	})
}

// ResetGroupSnapshotStatus sets the status.
func (c *Cloud) ResetGroupSnapshotStatus(ctx context.Context, who driver.Caller, groupSnapshotID, status string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		gs, err := ownGroupSnapshot(tx, who, groupSnapshotID)
		if err != nil {
			return err
		}
		gs.Status = status
		return tx.TouchGroupSnapshot(gs)
	})
}
