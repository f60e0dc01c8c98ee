package translate

import (
	"cindergate/driver"
)

// policy is one of Cinder's policies and the least role that it asks for, by the
// defaults of 2024.2 and later (cinder/policies: the deprecated rules that let a
// reader write in Zed are gone).
type policy struct {
	name string
	role driver.Role
}

// Policies of backups (cinder/policies/backups.py, backup_actions.py).
var (
	backupCreate      = policy{"backup:create", driver.Member}
	backupUpdate      = policy{"backup:update", driver.Member}
	backupDelete      = policy{"backup:delete", driver.Member}
	backupRestore     = policy{"backup:restore", driver.Member}
	backupExport      = policy{"backup:export-import", driver.Admin}
	backupImport      = policy{"backup:backup-import", driver.Admin}
	backupResetStatus = policy{"volume_extension:backup_admin_actions:reset_status", driver.Admin}
	backupForceDelete = policy{"volume_extension:backup_admin_actions:force_delete", driver.Admin}
)

// allow refuses a caller whose role is too small.
func (r Request) allow(p policy) error {
	if r.Caller.Role >= p.role {
		return nil
	}
	return driver.Errorf(driver.Forbidden, "Policy doesn't allow %s to be performed.", p.name)
}

// allowOn is allow for one resource. Another project's resource is 404 before it
// is 403, so a refusal first looks whether the caller may know of it.
func (r Request) allowOn(p policy, exists func() error) error {
	refused := r.allow(p)
	if refused == nil {
		return nil
	}
	if err := exists(); err != nil {
		return err
	}
	return refused
}
