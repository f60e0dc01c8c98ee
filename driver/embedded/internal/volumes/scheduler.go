package volumes

import (
	"cmp"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// Place is where a new volume goes.
type Place struct{ Gateway, AvailabilityZone string }

// Place chooses the place of a new volume: of the gateways whose cinder-volume takes work, that
// with the most free space in the availability zone, or the one named near, because a source
// of the volume is there. ok is false if there is none: no such gateway is up, cinder-scheduler is
// disabled everywhere, or the pool does not meet the type's extra specs.
func (vs *Volumes) Place(tx *meta.Tx, t *meta.VolumeType, zone, near string) (at Place, ok bool, err error) {
	scheduled, err := vs.core.TakesWork(tx, "", core.SchedulerService)
	if err != nil || !scheduled || !driver.Satisfies(vs.Capabilities(), t.ExtraSpecs) {
		return at, false, err
	}
	taking, err := vs.core.Taking(tx, core.VolumeService)
	if err != nil {
		return at, false, err
	}
	taking = slices.DeleteFunc(taking, func(g core.Gateway) bool {
		return near != "" && g.Host != near || near == "" && zone != "" && g.AvailabilityZone != zone
	})
	if len(taking) == 0 {
		return at, false, nil
	}
	best := taking[0]
	if len(taking) > 1 {
		placed, err := tx.GigabytesByHost()
		if err != nil {
			return at, false, err
		}
		// Gateways with about the same free space take turns: they may be on one file system.
		best = slices.MinFunc(taking, func(a, b core.Gateway) int {
			return cmp.Or(cmp.Compare(b.FreeBytes/core.GiB, a.FreeBytes/core.GiB),
				cmp.Compare(placed[core.PoolOf(a.Host)], placed[core.PoolOf(b.Host)]), cmp.Compare(a.Host, b.Host))
		})
	}
	if vs.core.SharedVolumes {
		best.Host = core.SharedHost
	}
	return Place{best.Host, best.AvailabilityZone}, true, nil
}

// takesWork reports whether cinder-scheduler and, at the host of a volume, cinder-volume take
// work.
func (vs *Volumes) takesWork(tx *meta.Tx, volumeHost string) (bool, error) {
	scheduled, err := vs.core.TakesWork(tx, "", core.SchedulerService)
	if err != nil || !scheduled {
		return false, err
	}
	return vs.core.TakesWork(tx, vs.core.GatewayOf(volumeHost), core.VolumeService)
}

// KnownZone reports whether a gateway is in the availability zone; "" is that of this one.
func (vs *Volumes) KnownZone(tx *meta.Tx, zone string) (bool, error) {
	if zone == "" || zone == vs.core.AvailabilityZone {
		return true, nil
	}
	all, err := vs.core.Gateways(tx)
	return slices.ContainsFunc(all, func(g core.Gateway) bool { return g.AvailabilityZone == zone }), err
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
