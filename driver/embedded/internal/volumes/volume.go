package volumes

import (
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// GetVolume returns one volume. Callers must not change its maps.
func (vs *Volumes) GetVolume(ctx context.Context, who driver.Caller, volumeID string) (driver.Volume, error) {
	ctx, err := vs.core.Current(ctx)
	if err != nil {
		return driver.Volume{}, err
	}
	v, err := vs.core.DB.Volume(ctx, volumeID)
	if err != nil {
		return driver.Volume{}, core.Classify(err)
	}
	if v == nil || !who.Owns(v.ProjectID) {
		return driver.Volume{}, driver.VolumeNotFound(volumeID)
	}
	return vs.viewVolume(ctx, v)
}

// ListVolumes returns one page of volumes. Callers must not change their maps.
func (vs *Volumes) ListVolumes(ctx context.Context, who driver.Caller, q driver.Query) (driver.Page[driver.Volume], error) {
	ctx, err := vs.core.Current(ctx)
	if err != nil {
		return driver.Page[driver.Volume]{}, err
	}
	rows, err := core.Visible(ctx, who, q, vs.core.DB.Volumes, vs.core.DB.AllVolumes)
	if err != nil {
		return driver.Page[driver.Volume]{}, err
	}
	page, err := core.List(rows, q, driver.VolumeColumns, driver.VolumeNotFound)
	for i := range page.Items {
		if page.Items[i], err = vs.viewVolume(ctx, &meta.Volume{Volume: page.Items[i]}); err != nil {
			return driver.Page[driver.Volume]{}, err
		}
	}
	return page, err
}

// viewVolume adds the volume's service and the current name of its type.
func (vs *Volumes) viewVolume(ctx context.Context, v *meta.Volume) (view driver.Volume, err error) {
	view = v.Volume
	view.ServiceUUID = vs.serviceUUID(v.Host)
	view.VolumeType, err = vs.typeName(ctx, v.VolumeTypeID)
	return view, err
}

// typeName returns the name of a volume type; "" if the type does not exist.
func (vs *Volumes) typeName(ctx context.Context, id string) (string, error) {
	t, err := vs.core.DB.VolumeType(ctx, id)
	if err != nil || t == nil {
		return "", core.Classify(err)
	}
	return t.Name, nil
}

// UpdateVolume changes a volume's name, description and metadata, even during a restore,
// because Heat does so.
func (vs *Volumes) UpdateVolume(ctx context.Context, who driver.Caller, volumeID string, patch driver.VolumePatch) (driver.Volume, error) {
	var v *meta.Volume
	err := vs.core.Write(ctx, func(tx *meta.Tx) (err error) {
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
		old := v.Metadata[driver.CopyTo]
		if patch.Metadata.Set {
			v.Metadata, err = core.Changed(v.Metadata, patch.Metadata.Value, func(key string) error {
				return driver.Errorf(driver.NotFound, "Volume %s has no metadata with key %s.", v.ID, key)
			})
			if err != nil {
				return err
			}
		}
		if to := v.Metadata[driver.CopyTo]; to != "" && to != old {
			if err := vs.core.Copier.Check(to); err != nil {
				return err
			}
		}
		if err := vs.changePolicy(tx, v, patch); err != nil {
			return err
		}
		return tx.TouchVolume(v)
	})
	if err != nil {
		return driver.Volume{}, err
	}
	return vs.viewVolume(ctx, v)
}

// changePolicy checks the policy that new metadata asks for. A user who sets it also confirms that
// of a volume that was made by a restore.
func (vs *Volumes) changePolicy(tx *meta.Tx, v *meta.Volume, patch driver.VolumePatch) error {
	if !patch.Metadata.Set {
		return nil
	}
	vs.core.Attention.CallAfter(tx, v.ProjectID, v.ID)
	if !policy.Has(patch.Metadata.Value.Set) {
		return nil
	}
	if err := vs.core.CheckPolicy("metadata", v.Metadata); err != nil {
		return err
	}
	return core.ConfirmPolicy(tx, v.ID)
}
