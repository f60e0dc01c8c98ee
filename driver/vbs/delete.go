package vbs

import (
	"context"
	"net/http"
	"strings"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// noDeleteQuery is the service's code for a delete whose backup it could not look up. The
// backup may no longer exist.
const noDeleteQuery = "VolumeBackup.0110"

// DeleteBackup implements driver.Driver. It checks the status first, because the service
// has no code for a wrong one.
func (d *Driver) DeleteBackup(ctx context.Context, caller driver.Caller, backupID string) error {
	b, err := d.GetBackup(ctx, caller, backupID)
	if err != nil {
		return err
	}
	switch b.Status {
	case driver.BackupAvailable, driver.BackupError, driver.BackupErrorRestore:
	default:
		return driver.NotDeletable()
	}
	err = d.vbs.Call(ctx, caller, http.MethodDelete, d.o.Native, "/backups/"+backupID, nil, nil, nil)
	if strings.EqualFold(otc.CodeOf(err), noDeleteQuery) {
		if _, again := d.GetBackup(ctx, caller, backupID); driver.KindOf(again) == driver.NotFound {
			return again
		}
	}
	return otc.Gone(err, backupID)
}
