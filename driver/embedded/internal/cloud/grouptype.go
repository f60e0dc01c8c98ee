package cloud

import (
	"context"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// EnsureDefaultGroupType creates the group type that every database of Cinder has
// (cinder/volume/group_types.py).
func (c *Cloud) EnsureDefaultGroupType(tx *meta.Tx) error {
	types, err := tx.GroupTypes()
	if err != nil || len(types) > 0 {
		return err
	}
	description := "Default group type for migrating cgsnapshot"
	return tx.PutGroupType(&meta.GroupType{GroupType: driver.GroupType{ID: c.core.NewID(), Name: driver.DefaultCGSnapshotType,
		Description: &description, IsPublic: true, Specs: map[string]string{consistentSnapshots: "<is> True"}, CreatedAt: tx.Now}})
}

// consistentSnapshots is the group spec that requires all snapshots to be of one moment.
// File copies cannot do that, so groups of such types find no pool.
const consistentSnapshots = "consistent_group_snapshot_enabled"

// groupType finds a group type by id or name.
func groupType(tx *meta.Tx, who driver.Caller, idOrName string) (*meta.GroupType, error) {
	types, err := tx.GroupTypes()
	if err != nil {
		return nil, err
	}
	for _, same := range []func(*meta.GroupType) bool{
		func(t *meta.GroupType) bool { return strings.EqualFold(t.ID, idOrName) },
		func(t *meta.GroupType) bool { return t.Name == idOrName },
	} {
		if at := slices.IndexFunc(types, same); at >= 0 && seesGroupType(who, types[at]) {
			return types[at], nil
		}
	}
	if core.LooksLikeID(idOrName) {
		return nil, driver.GroupTypeNotFound(idOrName)
	}
	return nil, driver.Errorf(driver.NotFound, "Group type with name %s could not be found.", idOrName)
}

func seesGroupType(who driver.Caller, t *meta.GroupType) bool { return t.IsPublic || who.IsAdmin() }

// ListGroupTypes returns the group types that the caller may see, newest first.
func (c *Cloud) ListGroupTypes(ctx context.Context, who driver.Caller) ([]driver.GroupType, error) {
	rows, err := c.core.DB.GroupTypes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var seen []driver.GroupType
	for _, t := range rows {
		if seesGroupType(who, t) {
			seen = append(seen, t.GroupType)
		}
	}
	return seen, nil
}

// GetGroupType returns one group type.
func (c *Cloud) GetGroupType(ctx context.Context, who driver.Caller, typeID string) (driver.GroupType, error) {
	all, err := c.ListGroupTypes(ctx, who)
	if err != nil {
		return driver.GroupType{}, err
	}
	at := slices.IndexFunc(all, func(t driver.GroupType) bool { return strings.EqualFold(t.ID, typeID) })
	if at < 0 {
		return driver.GroupType{}, driver.GroupTypeNotFound(typeID)
	}
	return all[at], nil
}

// CreateGroupType creates a group type.
func (c *Cloud) CreateGroupType(ctx context.Context, _ driver.Caller, spec driver.GroupType) (driver.GroupType, error) {
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		types, err := tx.GroupTypes()
		if err != nil {
			return err
		}
		if err := freeGroupTypeName(types, "", spec.Name); err != nil {
			return err
		}
		if spec.Specs == nil {
			spec.Specs = map[string]string{}
		}
		spec.ID, spec.CreatedAt = c.core.NewID(), tx.Now
		return tx.PutGroupType(&meta.GroupType{GroupType: spec})
	})
	if err != nil {
		return driver.GroupType{}, err
	}
	return spec, nil
}

// freeGroupTypeName refuses a name that a type other than id has.
func freeGroupTypeName(types []*meta.GroupType, id, name string) error {
	if slices.ContainsFunc(types, func(t *meta.GroupType) bool { return t.Name == name && t.ID != id }) {
		return driver.Errorf(driver.Conflict, "Group Type %s already exists.", name)
	}
	return nil
}

// UpdateGroupType changes a group type.
func (c *Cloud) UpdateGroupType(ctx context.Context, who driver.Caller, typeID string, patch driver.GroupTypePatch) (driver.GroupType, error) {
	var t *meta.GroupType
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		types, err := tx.GroupTypes()
		if err != nil {
			return err
		}
		if patch.Name.Set {
			if err := freeGroupTypeName(types, typeID, patch.Name.Value); err != nil {
				return err
			}
		}
		at := slices.IndexFunc(types, func(t *meta.GroupType) bool { return t.ID == typeID && seesGroupType(who, t) })
		if at < 0 {
			return driver.GroupTypeNotFound(typeID)
		}
		t = types[at]
		if patch.Name.Set {
			t.Name = patch.Name.Value
		}
		if patch.Description.Set {
			t.Description = patch.Description.Value
		}
		if patch.IsPublic.Set {
			t.IsPublic = patch.IsPublic.Value
		}
		if patch.Specs.Set {
			t.Specs, err = core.Changed(t.Specs, patch.Specs.Value, func(key string) error {
				return driver.Errorf(driver.NotFound, "Group Type %s has no specs with key %s.", t.ID, key)
			})
			if err != nil {
				return err
			}
		}
		t.UpdatedAt = tx.Now
		return tx.PutGroupType(t)
	})
	if err != nil {
		return driver.GroupType{}, err
	}
	return t.GroupType, nil
}

// DeleteGroupType deletes a group type that no group uses.
func (c *Cloud) DeleteGroupType(ctx context.Context, who driver.Caller, typeID string) error {
	t, err := c.GetGroupType(ctx, who, typeID)
	if err != nil {
		return err
	}
	return c.core.Write(ctx, func(tx *meta.Tx) error {
		groups, err := tx.GroupsOfType(t.ID)
		if err != nil {
			return err
		}
		if len(groups) > 0 {
			return driver.Errorf(driver.InvalidState, "Target group type is still in use. "+
				"Group Type %s deletion is not allowed with groups present with the type.", t.ID)
		}
		return tx.RemoveGroupType(t.ID)
	})
}
