package cloud

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// GetGroup returns one group.
func (c *Cloud) GetGroup(ctx context.Context, who driver.Caller, groupID string) (driver.Group, error) {
	g, err := c.core.DB.Group(ctx, groupID)
	if err != nil {
		return driver.Group{}, core.Classify(err)
	}
	if g == nil || !who.Owns(g.ProjectID) {
		return driver.Group{}, driver.GroupNotFound(groupID)
	}
	views, err := c.viewGroups(ctx, []*meta.Group{g})
	if err != nil {
		return driver.Group{}, err
	}
	return views[0], nil
}

// viewGroups adds each group's volumes, oldest first.
func (c *Cloud) viewGroups(ctx context.Context, groups []*meta.Group) ([]driver.Group, error) {
	all, err := c.core.DB.AllVolumes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	members := map[string][]string{} // ids of volumes by the id of their group, newest first
	for v := range all.All() {
		if v.GroupID != "" {
			members[v.GroupID] = append(members[v.GroupID], v.ID)
		}
	}
	views := make([]driver.Group, len(groups))
	for i, g := range groups {
		views[i] = g.Group
		views[i].VolumeIDs = members[g.ID]
		slices.Reverse(views[i].VolumeIDs)
	}
	return views, nil
}

// ListGroups returns one page of groups.
func (c *Cloud) ListGroups(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Group], error) {
	project, some := core.Scope(who, q.AllProjects)
	if !some {
		return driver.Page[driver.Group]{}, nil
	}
	rows, err := c.core.DB.Groups(ctx, project)
	if err != nil {
		return driver.Page[driver.Group]{}, core.Classify(err)
	}
	all, err := c.viewGroups(ctx, rows)
	if err != nil {
		return driver.Page[driver.Group]{}, err
	}
	return driver.Paginate(all, driver.GroupColumns, q, driver.GroupNotFound)
}

// newGroup returns an available group of the caller. It checks the quota of groups first.
func (c *Cloud) newGroup(tx *meta.Tx, who driver.Caller, typeID string, at volumes.Place) (*meta.Group, error) {
	if err := c.volumes.CheckGroupQuota(tx, who.ProjectID); err != nil {
		return nil, err
	}
	return &meta.Group{Group: driver.Group{ID: c.core.NewID(), ProjectID: who.ProjectID, UserID: who.UserID, Status: core.Available,
		AvailabilityZone: at.AvailabilityZone, GroupTypeID: typeID, Host: core.PoolOf(at.Gateway), CreatedAt: tx.Now}}, nil
}

// CreateGroup creates a group without volumes, which is available at once
// (cinder/api/v3/groups.py create, cinder/group/api.py create).
func (c *Cloud) CreateGroup(ctx context.Context, who driver.Caller, spec driver.GroupSpec) (driver.Group, error) {
	var g *meta.Group
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		gt, err := groupType(tx, who, spec.GroupType)
		if err != nil {
			return err
		}
		if gt.Name == driver.DefaultCGSnapshotType {
			return driver.Errorf(driver.InvalidInput, "Group_type %s is reserved for migrating CGs to groups. "+
				"Migrated group can only be operated by CG APIs.", gt.ID)
		}
		zone := cmp.Or(spec.AvailabilityZone, c.core.AvailabilityZone)
		at := volumes.Place{Gateway: c.core.OwnHost(), AvailabilityZone: c.core.AvailabilityZone}
		fits := driver.Satisfies(c.volumes.Capabilities(), gt.Specs)
		var typeIDs []string
		for _, name := range spec.VolumeTypes {
			t, err := c.volumes.NamedType(tx, who, name)
			if err != nil {
				return err
			}
			typeIDs = append(typeIDs, t.ID)
			here, placed, err := c.volumes.Place(tx, t, zone, "")
			if err != nil {
				return err
			}
			if placed {
				at = here
			}
			fits = fits && placed
		}
		if known, err := c.volumes.KnownZone(tx, spec.AvailabilityZone); err != nil || !known {
			return errors.Join(err, driver.Errorf(driver.InvalidInput, "Invalid input received: Availability zone '%s' is invalid.", spec.AvailabilityZone))
		}
		if g, err = c.newGroup(tx, who, gt.ID, at); err != nil {
			return err
		}
		g.Name, g.Description, g.VolumeTypeIDs = spec.Name, spec.Description, typeIDs
		if !fits { // as if the scheduler found no pool
			g.Status, g.Host = core.StatusError, ""
		}
		return tx.PutGroup(g)
	})
	if err != nil {
		return driver.Group{}, err
	}
	return g.Group, nil
}

// CreateGroupFromSource creates a group with volumes that jobs fill. Its status is creating
// until all volumes are filled (cinder/group/api.py create_from_src).
func (c *Cloud) CreateGroupFromSource(ctx context.Context, who driver.Caller, spec driver.GroupSource) (driver.Group, error) {
	var g *meta.Group
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		origin, sources, err := c.groupSources(tx, who, spec)
		if err != nil {
			return err
		}
		if g, err = c.newGroup(tx, who, origin.GroupTypeID, volumes.Place{}); err != nil {
			return err
		}
		g.Host, g.AvailabilityZone = origin.Host, origin.AvailabilityZone
		g.Name, g.Description, g.Status = spec.Name, spec.Description, core.Creating
		g.VolumeTypeIDs, g.SourceGroupID, g.GroupSnapshotID = origin.VolumeTypeIDs, spec.SourceGroupID, spec.GroupSnapshotID
		if err := c.core.NotFrozen(tx, g.Host); err != nil {
			return err
		}
		switch {
		case len(sources) > 0:
		case spec.SourceGroupID != "":
			return driver.InvalidGroup("Source Group is empty. No group will be created.")
		default:
			return driver.InvalidGroup("Group snapshot is empty. No group will be created.")
		}
		if err := tx.PutGroup(g); err != nil {
			return err
		}
		for _, from := range sources {
			if err := c.volumes.CreateInGroup(tx, who, g, from); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return driver.Group{}, err
	}
	return g.Group, nil
}

// groupSources returns the source group, and a spec for each volume to create: from the
// group's volumes, or from the snapshots of a group snapshot.
func (c *Cloud) groupSources(tx *meta.Tx, who driver.Caller, spec driver.GroupSource) (*meta.Group, []driver.VolumeSpec, error) {
	groupID := spec.SourceGroupID
	var sources []driver.VolumeSpec
	if spec.GroupSnapshotID != "" {
		gs, err := ownGroupSnapshot(tx, who, spec.GroupSnapshotID)
		if err != nil {
			return nil, nil, err
		}
		snapshots, err := tx.SnapshotsOfGroupSnapshot(gs.ID)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range snapshots {
			sources = append(sources, driver.VolumeSpec{SnapshotID: s.ID})
		}
		groupID = gs.GroupID
	}
	g, err := volumes.OwnGroup(tx, who, groupID)
	if err != nil || spec.GroupSnapshotID != "" {
		return g, sources, err
	}
	members, err := tx.VolumesOfGroup(g.ID)
	for _, v := range members {
		sources = append(sources, driver.VolumeSpec{SourceVolumeID: v.ID})
	}
	return g, sources, err
}

// DeleteGroup accepts a delete. A group without volumes is removed at once. A group with
// volumes is removed after them (cinder/group/api.py delete).
func (c *Cloud) DeleteGroup(ctx context.Context, who driver.Caller, groupID string, withVolumes bool) error {
	return c.core.WriteFreeing(ctx, func(tx *meta.Tx) error {
		g, err := volumes.OwnGroup(tx, who, groupID)
		if err != nil {
			return err
		}
		if err := c.core.NotFrozen(tx, g.Host); err != nil {
			return err
		}
		members, err := tx.VolumesOfGroup(g.ID)
		if err != nil {
			return err
		}
		if err := deletableGroup(tx, g, members, withVolumes); err != nil {
			return err
		}
		g.Status = core.Deleting
		if err := tx.TouchGroup(g); err != nil {
			return err
		}
		for _, v := range members {
			v.Status = core.Deleting
			if err := tx.TouchVolume(v); err != nil {
				return err
			}
			if err := c.volumes.StartDeleteVolume(tx, who, v.ID); err != nil {
				return err
			}
		}
		return volumes.SettleGroup(tx, g.ID)
	})
}

func deletableGroup(tx *meta.Tx, g *meta.Group, members []*meta.Volume, withVolumes bool) error {
	if !withVolumes && g.Status != core.Available && g.Status != core.StatusError {
		return driver.InvalidGroup("Group status must be available or error, but current status is: %s", g.Status)
	}
	groupSnapshots, err := tx.GroupSnapshotsOf(g.ID)
	if err != nil {
		return err
	}
	if len(groupSnapshots) > 0 {
		return driver.InvalidGroup("Group has existing snapshots.")
	}
	if len(members) > 0 && !withVolumes {
		return driver.InvalidGroup("Group %s still contains volumes. The delete-volumes flag is required to delete it.", g.ID)
	}
	for _, v := range members {
		if v.AttachStatus == core.Attached {
			return driver.InvalidGroup("Volume in group %s is attached. Need to detach first.", g.ID)
		}
		snapshots, err := tx.SnapshotsOf(v.ID)
		if err != nil {
			return err
		}
		if len(snapshots) > 0 {
			return driver.InvalidGroup("Volume in group still has dependent snapshots.")
		}
	}
	others, err := tx.GroupsIn(core.Creating)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(others, func(o *meta.Group) bool { return o.SourceGroupID == g.ID }) {
		reason := "Group must not have attached volumes, volumes with snapshots, or dependent group snapshots"
		if withVolumes {
			reason = "Group status must be available or error and must not have dependent group snapshots"
		}
		return driver.InvalidGroup("Cannot delete group %s. %s, and it cannot be the source for an ongoing group or "+
			"group snapshot creation.", g.ID, reason)
	}
	return nil
}

// ResetGroupStatus sets the status.
func (c *Cloud) ResetGroupStatus(ctx context.Context, who driver.Caller, groupID, status string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		g, err := volumes.OwnGroup(tx, who, groupID)
		if err != nil {
			return err
		}
		g.Status = status
		return tx.TouchGroup(g)
	})
}
