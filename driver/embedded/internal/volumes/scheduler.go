package volumes

import (
	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Schedulable reports whether a new volume of the type can be placed in the pool:
// cinder-scheduler and cinder-volume are enabled, and the pool meets the type's extra
// specs.
func (vs *Volumes) Schedulable(tx *meta.Tx, t *meta.VolumeType) (bool, error) {
	placed, err := serviceTakesWork(tx)
	return placed && driver.Satisfies(vs.Capabilities(), t.ExtraSpecs), err
}

// serviceTakesWork reports whether cinder-scheduler and cinder-volume are enabled.
func serviceTakesWork(tx *meta.Tx) (bool, error) {
	for _, binary := range []string{core.SchedulerService, core.VolumeService} {
		if off, err := core.Disabled(tx, binary); err != nil || off {
			return false, err
		}
	}
	return true, nil
}

// unscheduled stores a new volume that cannot be placed. Its status is error, and a message
// gives the reason (cinder/scheduler/flows/create_volume.py).
func (vs *Volumes) unscheduled(tx *meta.Tx, who driver.Caller, v *meta.Volume) error {
	v.Status, v.Host = core.StatusError, ""
	if err := tx.PutVolume(v); err != nil {
		return err
	}
	return vs.core.AddMessage(tx, who, core.ActionSchedule, core.DetailNoBackend, core.VolumeResource, v.ID, "")
}
