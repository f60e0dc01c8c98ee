package cbr

import (
	"context"
	"net/http"

	"cindergate/driver"
	"cindergate/internal/otc"
)

// Options configure a Driver.
type Options struct {
	otc.Options
	// Vault is the id or name of the vault for volumes that are in no vault. If it is "",
	// such volumes can be backed up only into a vault that the client names.
	Vault string
	// Bind allows the driver to put such volumes into the vault.
	Bind bool
	// CreateVault allows the driver to make a vault with the name Vault and VaultSize GB in
	// a project that has none of that name. Bind must also be set.
	CreateVault bool
	VaultSize   int
}

// Driver is the driver for one CBR.
type Driver struct {
	*otc.Volumes
	o   Options
	cbr *otc.Service
}

var (
	_ driver.Driver        = (*Driver)(nil)
	_ driver.BackupUpdater = (*Driver)(nil)
	_ driver.Checker       = (*Driver)(nil)
	_ driver.Prober        = (*Driver)(nil)
)

// New makes a Driver. It sends no request.
func New(o Options) (*Driver, error) {
	cloud, err := otc.NewCloud(o.Options)
	if err != nil {
		return nil, err
	}
	d := &Driver{o: o}
	d.cbr, d.Volumes = cloud.Services(&otc.CBR, d.show)
	return d, nil
}

// Check implements driver.Checker.
func (d *Driver) Check(ctx context.Context) error { return d.cbr.Check(ctx) }

// GetBackup implements driver.Driver.
func (d *Driver) GetBackup(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error) {
	b, err := d.show(ctx, caller, backupID)
	if err != nil {
		return driver.Backup{}, err
	}
	one := []driver.Backup{b}
	if err := d.addReasons(ctx, caller, one); err != nil {
		return driver.Backup{}, err
	}
	return one[0], nil
}

// show returns a backup without the reasons of the operation logs. A server's backup, or a
// part of one, is NotFound.
func (d *Driver) show(ctx context.Context, caller driver.Caller, backupID string) (driver.Backup, error) {
	if !otc.IsID(backupID) {
		return driver.Backup{}, driver.BackupNotFound(backupID)
	}
	var answer struct {
		Backup backup `json:"backup"`
	}
	err := d.cbr.Call(ctx, caller, http.MethodGet, "v3", "/backups/"+backupID, nil, nil, &answer)
	switch {
	case err != nil:
		return driver.Backup{}, otc.Gone(err, backupID)
	case answer.Backup.ID == "":
		return driver.Backup{}, d.cbr.Unreadable("backup")
	case !answer.Backup.ofVolume():
		return driver.Backup{}, driver.BackupNotFound(backupID)
	}
	return answer.Backup.toDriver(), nil
}

// DeleteBackup implements driver.Driver. It reads the backup first, because the service
// would also delete a server's backup.
func (d *Driver) DeleteBackup(ctx context.Context, caller driver.Caller, backupID string) error {
	b, err := d.show(ctx, caller, backupID)
	switch {
	case err != nil:
		return err
	case b.Status != driver.BackupAvailable && b.Status != driver.BackupError:
		return driver.NotDeletable()
	}
	return otc.Gone(d.cbr.Call(ctx, caller, http.MethodDelete, "v3", "/backups/"+backupID, nil, nil, nil), backupID)
}

// UpdateBackup implements driver.BackupUpdater.
func (d *Driver) UpdateBackup(ctx context.Context, caller driver.Caller, backupID string, patch driver.BackupPatch) (driver.Backup, error) {
	switch {
	case d.o.Dialect != otc.Huawei:
		return driver.Backup{}, d.cbr.Cannot("changing backups: the service has no such function")
	case patch.Description.Set, patch.Metadata.Set:
		return driver.Backup{}, d.cbr.Cannot("changing the description or metadata of backups: the service changes names only")
	case !patch.Name.Set:
		return d.GetBackup(ctx, caller, backupID)
	}
	name := ""
	if patch.Name.Value != nil {
		name = *patch.Name.Value
	}
	if err := d.checkName(name); err != nil {
		return driver.Backup{}, err
	}
	if _, err := d.show(ctx, caller, backupID); err != nil {
		return driver.Backup{}, err
	}
	if err := d.cbr.Call(ctx, caller, http.MethodPut, "v3", "/backups/"+backupID, nil,
		map[string]any{"backup": map[string]string{"name": name}}, nil); err != nil {
		return driver.Backup{}, otc.Gone(err, backupID)
	}
	return d.GetBackup(ctx, caller, backupID)
}

func (d *Driver) checkName(name string) error {
	if d.o.Dialect == otc.Huawei {
		return otc.CheckNameOrChinese(name)
	}
	return otc.CheckName(name, false)
}
