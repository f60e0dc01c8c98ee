package vbs

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// Options configure a Driver. FullBackup has an effect only in dialect otc: Huawei's API
// has no parameter for it.
type Options struct {
	otc.Options
	// Native is the version of the native API that reads and deletes backups: v2 or v3. ""
	// means v2.
	Native string
}

// Driver is the driver for one VBS.
type Driver struct {
	*otc.Volumes
	o   Options
	vbs *otc.Service
}

var (
	_ driver.Driver      = (*Driver)(nil)
	_ driver.QuotaReader = (*Driver)(nil)
	_ driver.Checker     = (*Driver)(nil)
	_ driver.Prober      = (*Driver)(nil)
)

// New makes a Driver. It sends no request.
func New(o Options) (*Driver, error) {
	if o.Native == "" {
		o.Native = "v2"
	}
	cloud, err := otc.NewCloud(o.Options)
	if err != nil {
		return nil, err
	}
	d := &Driver{o: o}
	d.vbs, d.Volumes = cloud.Services(&otc.VBS, d.GetBackup)
	return d, nil
}

// Check implements driver.Checker.
func (d *Driver) Check(ctx context.Context) error { return d.vbs.Check(ctx) }

// GetBackup implements driver.Driver.
func (d *Driver) GetBackup(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error) {
	if !otc.IsID(backupID) {
		return driver.Backup{}, driver.BackupNotFound(backupID)
	}
	var answer struct {
		Backup backup `json:"backup"`
	}
	if err := d.vbs.Call(ctx, caller, http.MethodGet, d.o.Native, "/backups/"+backupID, nil, nil, &answer); err != nil {
		return driver.Backup{}, otc.Gone(err, backupID)
	}
	if answer.Backup.ID == "" {
		return driver.Backup{}, d.vbs.Unreadable("backup")
	}
	return answer.Backup.toDriver(caller), nil
}
