package cbr

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// RestoreBackup implements driver.Driver. The service's restore takes an existing
// volume; power_on and server_id are for servers. What Huawei answers with, the id of
// an operation log, is not needed: the backup's status tells, and the log is found by
// the backup.
func (d *Driver) RestoreBackup(ctx context.Context, caller driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.show(ctx, caller, backupID)
	if err != nil {
		return driver.Restore{}, err
	}
	return d.Volumes.RestoreBackup(ctx, caller, b, to, func(body any) error {
		return d.missingVault(d.cbr.Call(ctx, caller, http.MethodPost, "v3", "/backups/"+b.ID+"/restore", nil, body, nil))
	})
}
