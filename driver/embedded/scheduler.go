package embedded

import (
	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// schedulable tells whether a new volume of the type may be placed in the one pool:
// cinder-scheduler and cinder-volume are enabled, and the pool has what the type
// asks for.
func (d *Driver) schedulable(tx *meta.Tx, t *meta.VolumeType) (bool, error) {
	placed, err := serviceTakesWork(tx)
	return placed && driver.Satisfies(d.capabilities(), t.ExtraSpecs), err
}

// serviceTakesWork tells whether new work is placed at all: cinder-scheduler and
// cinder-volume are enabled.
func serviceTakesWork(tx *meta.Tx) (bool, error) {
	for _, binary := range []string{core.SchedulerService, core.VolumeService} {
		if off, err := core.Disabled(tx, binary); err != nil || off {
			return false, err
		}
	}
	return true, nil
}

// unscheduled stores a new volume that no pool takes: it is in error, and a message
// says why (cinder/scheduler/flows/create_volume.py).
func (d *Driver) unscheduled(tx *meta.Tx, who driver.Caller, v *meta.Volume) error {
	v.Status, v.Host = core.StatusError, ""
	if err := tx.PutVolume(v); err != nil {
		return err
	}
	return d.core.Tell(tx, who, core.ActionSchedule, core.DetailNoBackend, core.VolumeResource, v.ID, "")
}
