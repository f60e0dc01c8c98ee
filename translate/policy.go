package translate

import (
	"cindergate/driver"
)

// Policy is one of Cinder's policies with the lowest role that it requires by default. The
// defaults are those of 2024.2 and later (cinder/policies); Zed's deprecated rules, which
// let a reader write, do not apply.
type Policy struct {
	Name string
	Role driver.Role
}

// Policies of backups (cinder/policies/backups.py, backup_actions.py).
var (
	BackupCreate      = Policy{"backup:create", driver.Member}
	backupUpdate      = Policy{"backup:update", driver.Member}
	BackupDelete      = Policy{"backup:delete", driver.Member}
	BackupRestore     = Policy{"backup:restore", driver.Member}
	backupExport      = Policy{"backup:export-import", driver.Admin}
	backupImport      = Policy{"backup:backup-import", driver.Admin}
	backupResetStatus = Policy{"volume_extension:backup_admin_actions:reset_status", driver.Admin}
	backupForceDelete = Policy{"volume_extension:backup_admin_actions:force_delete", driver.Admin}
)

// Allow returns Forbidden if the caller's role does not meet the policy.
func (r Request) Allow(p Policy) error {
	if r.Caller.Role >= p.Role {
		return nil
	}
	return driver.Errorf(driver.Forbidden, "Policy doesn't allow %s to be performed.", p.Name)
}

// allowOn is Allow for one resource. A resource of another project is 404, not 403, so
// allowOn checks that the resource exists before it refuses.
func (r Request) allowOn(p Policy, exists func() error) error {
	refused := r.Allow(p)
	if refused == nil {
		return nil
	}
	if err := exists(); err != nil {
		return err
	}
	return refused
}
