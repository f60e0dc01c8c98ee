package volumes

import (
	"context"
	"slices"
	"strings"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// defaultType is the type that exists in every installation (cinder/volume/volume_types.py
// DEFAULT_VOLUME_TYPE).
const defaultType = "__DEFAULT__"

// EnsureDefaultType creates the default type if it is missing.
func (vs *Volumes) EnsureDefaultType(tx *meta.Tx) error {
	types, err := tx.VolumeTypes()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(types, func(t *meta.VolumeType) bool { return t.Name == defaultType }) {
		return nil
	}
	description := "Default Volume Type"
	return tx.PutVolumeType(&meta.VolumeType{VolumeType: driver.VolumeType{ID: vs.core.NewID(), Name: defaultType,
		Description: &description, IsPublic: true, ExtraSpecs: map[string]string{}, CreatedAt: tx.Now}})
}

// seesType reports whether the caller may see and use a type.
func seesType(who driver.Caller, t *driver.VolumeType) bool {
	return t.IsPublic || who.IsAdmin() || slices.Contains(t.Projects, who.ProjectID)
}

// VolumeType finds a type by id or name. "" means the project's default type, or else the
// general one.
func (vs *Volumes) VolumeType(tx *meta.Tx, who driver.Caller, idOrName string) (*meta.VolumeType, error) {
	if idOrName != "" {
		return vs.NamedType(tx, who, idOrName)
	}
	own, err := tx.DefaultType(who.ProjectID)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return vs.NamedType(tx, who, own.VolumeTypeID)
	}
	return vs.NamedType(tx, who, defaultType)
}

// NamedType finds a type by id or name.
func (vs *Volumes) NamedType(tx *meta.Tx, who driver.Caller, idOrName string) (*meta.VolumeType, error) {
	types, err := tx.VolumeTypes()
	if err != nil {
		return nil, err
	}
	for _, same := range []func(*meta.VolumeType) bool{
		func(t *meta.VolumeType) bool { return strings.EqualFold(t.ID, idOrName) },
		func(t *meta.VolumeType) bool { return t.Name == idOrName },
	} {
		if at := slices.IndexFunc(types, same); at >= 0 && seesType(who, &types[at].VolumeType) {
			return types[at], nil
		}
	}
	// Errors for names and for ids have different texts (cinder/exception.py).
	if core.LooksLikeID(idOrName) {
		return nil, driver.VolumeTypeNotFound(idOrName)
	}
	return nil, driver.Errorf(driver.NotFound, "Volume type with name %s could not be found.", idOrName)
}

// ListVolumeTypes returns the types that the caller may use, newest first.
func (vs *Volumes) ListVolumeTypes(ctx context.Context, who driver.Caller) ([]driver.VolumeType, error) {
	types, err := vs.core.DB.VolumeTypes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var seen []driver.VolumeType
	for t := range types.All() {
		if seesType(who, t) {
			seen = append(seen, *t)
		}
	}
	return seen, nil
}

// GetVolumeType returns one type.
func (vs *Volumes) GetVolumeType(ctx context.Context, who driver.Caller, typeID string) (driver.VolumeType, error) {
	t, err := vs.core.DB.VolumeType(ctx, typeID)
	if err != nil {
		return driver.VolumeType{}, core.Classify(err)
	}
	if t == nil || !seesType(who, &t.VolumeType) {
		return driver.VolumeType{}, driver.VolumeTypeNotFound(typeID)
	}
	return t.VolumeType, nil
}

// DefaultVolumeType returns the type of volumes whose request names none.
func (vs *Volumes) DefaultVolumeType(ctx context.Context, who driver.Caller) (driver.VolumeType, error) {
	own, err := vs.core.DB.DefaultType(ctx, who.ProjectID)
	if err != nil {
		return driver.VolumeType{}, core.Classify(err)
	}
	if own != nil {
		return vs.GetVolumeType(ctx, who, own.VolumeTypeID)
	}
	types, err := vs.core.DB.VolumeTypes(ctx)
	if err != nil {
		return driver.VolumeType{}, core.Classify(err)
	}
	for t := range types.All() {
		if t.Name == defaultType {
			return *t, nil
		}
	}
	return driver.VolumeType{}, driver.Errorf(driver.NotFound, "Volume type with name %s could not be found.", defaultType)
}

// CreateVolumeType creates a type.
func (vs *Volumes) CreateVolumeType(ctx context.Context, _ driver.Caller, spec driver.VolumeType) (driver.VolumeType, error) {
	if err := vs.core.CheckPolicy("extra spec", spec.ExtraSpecs); err != nil {
		return driver.VolumeType{}, err
	}
	err := vs.core.Write(ctx, func(tx *meta.Tx) error {
		types, err := tx.VolumeTypes()
		if err != nil {
			return err
		}
		if spec.ID == "" {
			spec.ID = vs.core.NewID()
		}
		if slices.ContainsFunc(types, func(t *meta.VolumeType) bool { return t.Name == spec.Name }) {
			return driver.Errorf(driver.Conflict, "Volume Type %s already exists.", spec.Name)
		}
		if spec.ExtraSpecs == nil {
			spec.ExtraSpecs = map[string]string{}
		}
		spec.CreatedAt = tx.Now
		return tx.PutVolumeType(&meta.VolumeType{VolumeType: spec})
	})
	if err != nil {
		return driver.VolumeType{}, err
	}
	return spec, nil
}

// UpdateVolumeType changes a type.
func (vs *Volumes) UpdateVolumeType(ctx context.Context, _ driver.Caller, typeID string, patch driver.VolumeTypePatch) (driver.VolumeType, error) {
	var t *meta.VolumeType
	err := vs.core.Write(ctx, func(tx *meta.Tx) (err error) {
		if t, err = tx.VolumeType(typeID); err != nil {
			return err
		}
		if t == nil {
			return driver.VolumeTypeNotFound(typeID)
		}
		if err := vs.patchType(tx, t, patch); err != nil {
			return err
		}
		t.UpdatedAt = tx.Now
		return tx.PutVolumeType(t)
	})
	if err != nil {
		return driver.VolumeType{}, err
	}
	return t.VolumeType, nil
}

func (vs *Volumes) patchType(tx *meta.Tx, t *meta.VolumeType, patch driver.VolumeTypePatch) error {
	if patch.Name.Set && patch.Name.Value != t.Name {
		types, err := tx.VolumeTypes()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(types, func(o *meta.VolumeType) bool { return o.Name == patch.Name.Value }) {
			return driver.Errorf(driver.Conflict, "Volume Type %s already exists.", patch.Name.Value)
		}
		for _, what := range []string{"volumes_", "gigabytes_", "snapshots_"} {
			if err := tx.RenameLimits(what+t.Name, what+patch.Name.Value); err != nil {
				return err
			}
		}
		t.Name = patch.Name.Value
	}
	if patch.Description.Set {
		t.Description = patch.Description.Value
	}
	if patch.IsPublic.Set {
		t.IsPublic = patch.IsPublic.Value
	}
	if patch.ExtraSpecs.Set {
		specs, err := core.Changed(t.ExtraSpecs, patch.ExtraSpecs.Value, func(key string) error {
			return driver.Errorf(driver.NotFound, "Volume Type %s has no extra specs with key %s.", t.ID, key)
		})
		if err != nil {
			return err
		}
		t.ExtraSpecs = specs
		if err := vs.core.CheckPolicy("extra spec", specs); err != nil {
			return err
		}
		vs.core.Attention.CallAfter(tx, "", "")
	}
	return patchAccess(t, patch)
}

func patchAccess(t *meta.VolumeType, patch driver.VolumeTypePatch) error {
	if patch.AddProject == "" && patch.RemoveProject == "" {
		return nil
	}
	if t.IsPublic {
		return driver.Errorf(driver.InvalidState,
			"Invalid volume type: Type access modification is not applicable to public volume type.")
	}
	if p := patch.AddProject; p != "" {
		if slices.Contains(t.Projects, p) {
			return driver.Errorf(driver.Conflict, "Volume type access for %s / %s combination already exists.", t.ID, p)
		}
		t.Projects = append(t.Projects, p)
	}
	if p := patch.RemoveProject; p != "" {
		at := slices.Index(t.Projects, p)
		if at < 0 {
			return driver.Errorf(driver.NotFound, "Volume type access not found for %s / %s combination.", t.ID, p)
		}
		t.Projects = slices.Delete(t.Projects, at, at+1)
	}
	return nil
}

// DeleteVolumeType deletes a type that no volume uses.
func (vs *Volumes) DeleteVolumeType(ctx context.Context, _ driver.Caller, typeID string) error {
	return vs.core.Write(ctx, func(tx *meta.Tx) error {
		t, err := tx.VolumeType(typeID)
		if err != nil {
			return err
		}
		if t == nil {
			return driver.VolumeTypeNotFound(typeID)
		}
		projects, err := tx.ProjectsWithDefault(t.ID)
		if err != nil {
			return err
		}
		if t.Name == defaultType || projects > 0 {
			return driver.Errorf(driver.InvalidState, "The volume type %s is a default volume type and cannot be deleted.", t.ID)
		}
		n, err := tx.VolumesOfType(t.ID)
		if err != nil {
			return err
		}
		groups, err := tx.Groups()
		if err != nil {
			return err
		}
		if n > 0 || slices.ContainsFunc(groups, func(g *meta.Group) bool { return slices.Contains(g.VolumeTypeIDs, t.ID) }) {
			return driver.Errorf(driver.InvalidState, "Target volume type is still in use.")
		}
		return tx.RemoveVolumeType(t.ID)
	})
}
