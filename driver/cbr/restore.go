package cbr

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// RestoreBackup implements driver.Driver. The service restores to an existing volume; its
// power_on and server_id are for servers. The driver ignores the operation log's id in
// Huawei's answer: it reads the state from the backup's status and finds the log by the
// backup.
func (d *Driver) RestoreBackup(ctx context.Context, caller driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.show(ctx, caller, backupID)
	if err != nil {
		return driver.Restore{}, err
	}
	return d.Volumes.RestoreBackup(ctx, caller, b, to, func(body any) error {
		return d.missingVault(d.cbr.Call(ctx, caller, http.MethodPost, "v3", "/backups/"+b.ID+"/restore", nil, body, nil))
	})
}
