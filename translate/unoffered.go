package translate

import "cindergate/driver"

// unoffered is an action of Cinder that no backend here performs.
type unoffered struct {
	policy Policy
	since  int // the microversion that introduced it
}

// Actions that are not offered, by resource (cinder/api/contrib/volume_actions.py,
// admin_actions.py, volume_unmanage.py, snapshot_unmanage.py; cinder/api/v3/groups.py).
var (
	unofferedVolumeActions = map[string]unoffered{
		"os-volume_upload_image":       {member("volume_extension:volume_actions:upload_image"), 0},
		"os-migrate_volume":            {admin("volume_extension:volume_admin_actions:migrate_volume"), 0},
		"os-migrate_volume_completion": {admin("volume_extension:volume_admin_actions:migrate_volume_completion"), 0},
		"os-unmanage":                  {admin("volume_extension:volume_unmanage"), 0},
		"os-reimage":                   {member("volume:reimage"), driver.MVReimage},
	}
	unofferedSnapshotActions = map[string]unoffered{
		"os-unmanage": {admin("snapshot_extension:snapshot_unmanage"), 0},
	}
	unofferedGroupActions = map[string]unoffered{
		"enable_replication":       {member("group:enable_replication"), driver.MVGroupReplication},
		"disable_replication":      {member("group:disable_replication"), driver.MVGroupReplication},
		"failover_replication":     {member("group:failover_replication"), driver.MVGroupReplication},
		"list_replication_targets": {member("group:list_replication_targets"), driver.MVGroupReplication},
	}
)

// refuseAction returns the error for an action that is not served. It is 400 if no version
// has the action, 404 if only a later version has it, 403 if the caller may not perform it,
// and otherwise 501. exists reports whether the resource exists.
func (r Request) refuseAction(name string, actions map[string]unoffered, exists func() error) error {
	a, known := actions[name]
	if !known {
		return noSuchAction(name)
	}
	if a.since > 0 && !r.Version.AtLeast(a.since) {
		return tooOld()
	}
	if err := r.allowOn(a.policy, exists); err != nil {
		return err
	}
	if err := exists(); err != nil {
		return err
	}
	return driver.Errorf(driver.NotSupported, "The action %s is not supported.", name)
}
