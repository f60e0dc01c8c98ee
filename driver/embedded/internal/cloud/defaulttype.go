package cloud

import (
	"context"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// ListDefaultTypes returns the default types of projects that have one of their own.
func (c *Cloud) ListDefaultTypes(ctx context.Context, _ driver.Caller) ([]driver.DefaultType, error) {
	rows, err := c.core.DB.DefaultTypes(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	all := make([]driver.DefaultType, len(rows))
	for i, row := range rows {
		all[i] = driver.DefaultType(*row)
	}
	return all, nil
}

// GetDefaultType returns a project's own default type.
func (c *Cloud) GetDefaultType(ctx context.Context, _ driver.Caller, projectID string) (driver.DefaultType, error) {
	row, err := c.core.DB.DefaultType(ctx, projectID)
	if err != nil {
		return driver.DefaultType{}, core.Classify(err)
	}
	if row == nil {
		return driver.DefaultType{}, driver.Errorf(driver.NotFound, "Default type for project %s not found.", projectID)
	}
	return driver.DefaultType(*row), nil
}

// SetDefaultType sets a project's default type (cinder/api/v3/default_types.py).
func (c *Cloud) SetDefaultType(ctx context.Context, who driver.Caller, projectID, volumeType string) (driver.DefaultType, error) {
	row := meta.DefaultType{ProjectID: projectID}
	err := c.core.Write(ctx, func(tx *meta.Tx) error {
		t, err := c.volumes.NamedType(tx, who, volumeType)
		if driver.KindOf(err) == driver.NotFound {
			return driver.Wrap(driver.InvalidInput, nil, "%s", err.Error())
		}
		if err != nil {
			return err
		}
		row.VolumeTypeID = t.ID
		return tx.PutDefaultType(&row)
	})
	if err != nil {
		return driver.DefaultType{}, err
	}
	return driver.DefaultType(row), nil
}

// UnsetDefaultType removes a project's default type, so that the general one applies.
func (c *Cloud) UnsetDefaultType(ctx context.Context, _ driver.Caller, projectID string) error {
	return c.core.Write(ctx, func(tx *meta.Tx) error { return tx.RemoveDefaultType(projectID) })
}
