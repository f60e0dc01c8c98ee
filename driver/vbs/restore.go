package vbs

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// RestoreBackup implements driver.Driver. The service restores to an existing volume only.
func (d *Driver) RestoreBackup(ctx context.Context, caller driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.GetBackup(ctx, caller, backupID)
	if err != nil {
		return driver.Restore{}, err
	}
	return d.Volumes.RestoreBackup(ctx, caller, b, to, func(body any) error {
		return d.vbs.Call(ctx, caller, http.MethodPost, "v2", "/cloudbackups/"+b.ID+"/restore", nil, body, nil)
	})
}
