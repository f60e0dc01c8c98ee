package cloud

import (
	"context"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/meta"
)

// UpdateGroup changes the name, description and volumes of a group. The checks and texts
// are those of cinder/group/api.py update.
func (c *Cloud) UpdateGroup(ctx context.Context, who driver.Caller, groupID string, patch driver.GroupPatch) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		g, err := volumes.OwnGroup(tx, who, groupID)
		if err != nil {
			return err
		}
		var both []string
		for _, id := range patch.AddVolumes {
			if slices.Contains(patch.RemoveVolumes, id) {
				both = append(both, id)
			}
		}
		if len(both) > 0 {
			return driver.InvalidVolume("UUIDs %s are in both add and remove volume list.", core.PythonList(both...))
		}
		added, err := c.volumesToAdd(tx, who, g, patch.AddVolumes)
		if err != nil {
			return err
		}
		removed, err := volumesToRemove(tx, g, patch.RemoveVolumes)
		if err != nil {
			return err
		}
		rename, describe := differs(patch.Name, g.Name), differs(patch.Description, g.Description)
		moves := len(added)+len(removed) > 0
		if !rename && !describe && !moves {
			return driver.InvalidGroup("Cannot update group %s because no valid name, description, add_volumes, "+
				"or remove_volumes were provided.", g.ID)
		}
		if moves && g.Status != core.Available {
			return driver.InvalidGroup("Group status must be available.")
		}
		if rename {
			g.Name = patch.Name
		}
		if describe {
			g.Description = patch.Description
		}
		g.Status = core.Available
		if err := tx.TouchGroup(g); err != nil {
			return err
		}
		return moveVolumes(tx, g.ID, added, removed)
	})
}

func differs(next, old *string) bool { return next != nil && (old == nil || *next != *old) }

func moveVolumes(tx *meta.Tx, groupID string, added, removed []*meta.Volume) error {
	for _, v := range removed {
		v.GroupID = ""
		if err := tx.TouchVolume(v); err != nil {
			return err
		}
	}
	for _, v := range added {
		v.GroupID = groupID
		if err := tx.TouchVolume(v); err != nil {
			return err
		}
	}
	return nil
}

// volumesToAdd checks and returns the volumes that are not yet in the group.
func (c *Cloud) volumesToAdd(tx *meta.Tx, who driver.Caller, g *meta.Group, ids []string) ([]*meta.Volume, error) {
	var added []*meta.Volume
	for _, id := range ids {
		v, err := core.OwnVolume(tx, who, id)
		if driver.KindOf(err) == driver.NotFound {
			return nil, driver.InvalidVolume("Cannot add volume %s to group %s because volume cannot be found.", id, g.ID)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case v.GroupID == g.ID:
			continue
		case v.GroupID != "":
			return nil, driver.InvalidVolume("Cannot add volume %s to group %s because it is already in group %s.", v.ID, g.ID, v.GroupID)
		case v.ProjectID != g.ProjectID:
			return nil, driver.InvalidVolume("Cannot add volume %s to group %s as they belong to different projects.", v.ID, g.ID)
		case !slices.Contains(g.VolumeTypeIDs, v.VolumeTypeID):
			return nil, driver.InvalidVolume("Cannot add volume %s to group %s because volume type %s is not supported by the group.",
				v.ID, g.ID, v.VolumeTypeID)
		case v.Status != core.Available && v.Status != core.InUse:
			return nil, driver.InvalidVolume("Cannot add volume %s to group %s because volume is in an invalid state: %s. "+
				"Valid states are: %s.", v.ID, g.ID, v.Status, core.PythonTuple(core.Available, core.InUse))
		}
		added = append(added, v)
	}
	return added, nil
}

func volumesToRemove(tx *meta.Tx, g *meta.Group, ids []string) ([]*meta.Volume, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	members, err := tx.VolumesOfGroup(g.ID)
	if err != nil {
		return nil, err
	}
	var removed []*meta.Volume
	valid := []string{core.Available, core.InUse, core.StatusError, core.ErrorDeleting}
	for _, id := range ids {
		at := slices.IndexFunc(members, func(v *meta.Volume) bool { return v.ID == id })
		if at < 0 {
			return nil, driver.InvalidVolume("Cannot remove volume %s from group %s because it is not in the group.", id, g.ID)
		}
		v := members[at]
		if !slices.Contains(valid, v.Status) {
			return nil, driver.InvalidVolume("Cannot remove volume %s from group %s because volume is in an invalid state: %s. "+
				"Valid states are: %s.", v.ID, g.ID, v.Status, core.PythonTuple(valid...))
		}
		removed = append(removed, v)
	}
	return removed, nil
}
