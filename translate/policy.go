package translate

import (
	"cindergate/driver"
)

// Policy is one of Cinder's policies and the least role that it asks for, by the
// defaults of 2024.2 and later (cinder/policies: the deprecated rules that let a
// reader write in Zed are gone).
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

// allowOn is Allow for one resource. Another project's resource is 404 before it
// is 403, so a refusal first looks whether the caller may know of it.
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
