package volumes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
)

// source is the source of a new volume. At most one field is set.
type source struct {
	snapshot *meta.Snapshot
	volume   *meta.Volume
	backup   *meta.Backup
}

// volumePlan is the result of checking a request for a volume.
type volumePlan struct {
	from       source
	size       int // GiB
	volumeType *meta.VolumeType
	at         Place
	placed     bool // false: the volume cannot be placed and gets the status error
}

// planVolume checks a request for a volume. The checks, their order and their texts are
// those of cinder/volume/flows/api/create_volume.py.
func (vs *Volumes) planVolume(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec) (*volumePlan, error) {
	from, err := vs.source(tx, who, spec)
	if err != nil {
		return nil, err
	}
	size, err := from.size(spec.Size)
	if err != nil {
		return nil, err
	}
	t, err := vs.typeOf(tx, who, spec.VolumeType, from)
	if err != nil {
		return nil, err
	}
	if err := checkTypeSize(t, size); err != nil {
		return nil, err
	}
	if err := checkGroupOf(tx, who, spec, t); err != nil {
		return nil, err
	}
	if err := RefuseEncrypted(t); err != nil {
		return nil, err
	}
	near, err := vs.nearGroupOr(tx, spec.GroupID, from)
	if err != nil {
		return nil, err
	}
	if known, err := vs.KnownZone(tx, spec.AvailabilityZone); err != nil || !known {
		return nil, errors.Join(err, driver.Errorf(driver.InvalidInput, "Availability zone '%s' is invalid.", spec.AvailabilityZone))
	}
	if err := vs.CheckVolumeQuota(tx, who.ProjectID, t, size, Prefixed); err != nil {
		return nil, err
	}
	zone := cmp.Or(spec.AvailabilityZone, vs.core.AvailabilityZone)
	at, placed, err := vs.Place(tx, t, zone, near)
	if err != nil {
		return nil, err
	}
	if !placed {
		at.AvailabilityZone = zone // a volume in error shows it as well
	}
	if from.backup != nil && placed { // as in cinder/volume/flows/manager/create_volume.py
		if placed, err = vs.core.TakesWork(tx, vs.core.GatewayOf(core.PoolOf(at.Gateway)), core.BackupService); err != nil {
			return nil, err
		}
	}
	return &volumePlan{from, size, t, at, placed}, nil
}

// nearGroupOr returns the gateway at which a new volume must be: that of its source, or else of
// its group; "" if it may be anywhere.
func (vs *Volumes) nearGroupOr(tx *meta.Tx, groupID string, from source) (string, error) {
	host, _, err := from.where(tx)
	if err != nil || host != "" || groupID == "" {
		return vs.core.GatewayOf(host), err
	}
	g, err := tx.Group(groupID)
	if err != nil || g == nil {
		return "", err
	}
	return vs.core.GatewayOf(g.Host), nil
}

// where returns the host and the availability zone of the files of a source; "" if it has none.
func (from source) where(tx *meta.Tx) (host, zone string, err error) {
	v := from.volume
	if from.snapshot != nil {
		if v, err = tx.Volume(from.snapshot.VolumeID); err != nil {
			return "", "", err
		}
	}
	if v == nil {
		return "", "", nil
	}
	return v.Host, v.AvailabilityZone, nil
}

func (vs *Volumes) source(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec) (from source, err error) {
	const wrongStatus = "Originating %s status must be one of '%s' values"
	switch {
	case spec.SnapshotID != "":
		if from.snapshot, err = core.OwnSnapshot(tx, who, spec.SnapshotID); err == nil && from.snapshot.Status != core.Available {
			err = driver.InvalidSnapshot(wrongStatus, "snapshot", core.Available)
		}
	case spec.SourceVolumeID != "":
		if from.volume, err = core.OwnVolume(tx, who, spec.SourceVolumeID); err == nil &&
			from.volume.Status != core.Available && from.volume.Status != core.InUse {
			err = driver.InvalidVolume(wrongStatus, "source volume", "available, in-use")
		}
	case spec.BackupID != "":
		if from.backup, err = core.OwnBackup(tx, who, spec.BackupID); err == nil && from.backup.Status != driver.BackupAvailable {
			err = driver.InvalidBackup(wrongStatus, "backup", core.Available)
		} else if err == nil && from.backup.EncryptionKeyID != "" {
			err = driver.InvalidBackup("%s", Encrypted)
		}
	}
	return from, err
}

// size returns the size of the new volume, in GiB.
func (from source) size(asked int) (int, error) {
	invalid := func(format string, args ...any) error {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: "+format, args...)
	}
	if asked < 0 {
		return 0, invalid("Invalid volume size provided for create request: %d (size argument must be an integer "+
			"(or string representation of an integer) and greater than zero).", asked)
	}
	least, text := 1, "Volume size '%d' must be an integer and greater than 0"
	switch {
	case from.volume != nil:
		least, text = from.volume.Size, "Volume size '%d'GB cannot be smaller than original volume size  %dGB. "+
			"They must be >= original volume size."
	case from.snapshot != nil:
		least, text = from.snapshot.Size, "Volume size '%d'GB cannot be smaller than the snapshot size %dGB. "+
			"They must be >= original snapshot size."
	case from.backup != nil:
		least, text = from.backup.Size, "Volume size %dGB cannot be smaller than the backup size %dGB. "+
			"It must be >= backup size."
	case asked == 0:
		return 0, invalid(text, asked)
	}
	if asked == 0 {
		return least, nil
	}
	if asked < least {
		return 0, invalid(text, asked, least)
	}
	return asked, nil
}

// typeOf returns the requested type, or else the source's, or else the default type.
func (vs *Volumes) typeOf(tx *meta.Tx, who driver.Caller, asked string, from source) (*meta.VolumeType, error) {
	inherited := ""
	switch {
	case from.volume != nil:
		inherited = from.volume.VolumeTypeID
	case from.snapshot != nil:
		inherited = from.snapshot.VolumeTypeID
	}
	if asked == "" && inherited != "" {
		if t, err := tx.VolumeType(inherited); err != nil || t != nil {
			return t, err
		}
	}
	return vs.VolumeType(tx, who, asked)
}

// checkTypeSize checks the size limits of a type (cinder/volume/volume_types.py
// provision_filter_on_size).
func checkTypeSize(t *meta.VolumeType, size int) error {
	bound := func(key string) (n int, ok bool) {
		_, err := fmt.Sscanf(t.ExtraSpecs[key], "%d", &n)
		return n, err == nil
	}
	if least, ok := bound("provisioning:min_vol_size"); ok && size < least {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Specified volume size of '%d' is less than "+
			"the minimum required size of '%d' for volume type '%s'.", size, least, t.Name)
	}
	if most, ok := bound("provisioning:max_vol_size"); ok && size > most {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Specified volume size of '%d' is greater than "+
			"the maximum allowable size of '%d' for volume type '%s'.", size, most, t.Name)
	}
	return nil
}

// checkGroupOf checks the group of a new volume (cinder/volume/api.py create).
func checkGroupOf(tx *meta.Tx, who driver.Caller, spec driver.VolumeSpec, t *meta.VolumeType) error {
	if spec.GroupID == "" {
		return nil
	}
	g, err := OwnGroup(tx, who, spec.GroupID)
	switch {
	case err != nil:
		return err
	case spec.VolumeType == "":
		return driver.Errorf(driver.InvalidInput,
			"Invalid input received: volume_type must be provided when creating a volume in a group.")
	case !slices.Contains(g.VolumeTypeIDs, t.ID):
		return driver.Errorf(driver.InvalidInput, "Invalid input received: Invalid volume_type provided: %s "+
			"(requested type must be supported by this group).", t.ID)
	case g.Status != core.Available && g.Status != core.Creating:
		return driver.InvalidGroup("Originating group status must be one of 'available, creating' values")
	}
	return nil
}
