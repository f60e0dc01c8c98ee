package otc

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"cindergate/driver"
)

// NewVolume is a request for a volume from a backup. EVS accepts backup ids of VBS and of
// CBR.
type NewVolume struct {
	BackupID         string
	SourceVolumeID   string // the volume gets its type if VolumeType is ""
	Name             string
	Description      string
	Size             int // GiB; 0 means the backup's size
	VolumeType       string
	AvailabilityZone string // of the backup: EVS may refuse others (EVS.1049)
	Metadata         map[string]string
	Multiattach      bool
	// AsSource gives the new volume the name and description of the source volume, if the
	// source volume still exists and has a name.
	AsSource bool
}

// sourceBackup is the metadata key of a volume that was restored from another volume's
// backup (cinder/backup/manager.py restore_backup).
const sourceBackup = "src_backup_id"

// RestoreBackup implements driver.Driver's RestoreBackup for a backup that the driver has
// already read. It checks an existing target volume and calls inPlace, the service's
// restore. EVS makes a new volume.
func (v *Volumes) RestoreBackup(
	ctx context.Context, caller driver.Caller, b driver.Backup, to driver.RestoreTarget, inPlace func(body any) error,
) (driver.Restore, error) {
	if err := driver.CheckRestorable(b.Status); err != nil {
		return driver.Restore{}, err
	}
	volumeID, existing := to.VolumeID()
	if !existing {
		return v.toNew(ctx, caller, b, to)
	}
	name, err := v.CheckTarget(ctx, caller, b, volumeID)
	if err != nil {
		return driver.Restore{}, err
	}
	err = inPlace(map[string]any{"restore": map[string]string{"volume_id": volumeID}})
	return driver.Restore{BackupID: b.ID, VolumeID: volumeID, VolumeName: name}, err
}

// toNew makes a volume from an available backup for a restore that names no volume. The
// returned name is the one in Cinder's answer. The volume itself gets at once the name that
// Cinder gives it after the restore, because nothing runs here until then.
func (v *Volumes) toNew(ctx context.Context, caller driver.Caller, b driver.Backup, to driver.RestoreTarget) (driver.Restore, error) {
	name, named := to.NewName()
	if !named {
		name = driver.RestoredName(b.ID)
	}
	id, err := v.FromBackup(ctx, caller, NewVolume{
		BackupID: b.ID, SourceVolumeID: b.VolumeID, Name: name, Description: driver.RestoredDescription, AvailabilityZone: b.AvailabilityZone,
		AsSource: driver.TakesSourceName(name),
	})
	return driver.Restore{BackupID: b.ID, VolumeID: id, VolumeName: name}, err
}

// FromBackup makes a volume from a backup. It returns the volume's id as soon as the volume
// exists. If EVS could not make the volume, the error is InvalidState with EVS's reason.
func (v *Volumes) FromBackup(ctx context.Context, caller driver.Caller, n NewVolume) (string, error) {
	if !v.EVS.Exists() {
		return "", v.EVS.Missing("restoring without volume_id")
	}
	if err := v.complete(ctx, caller, &n); err != nil {
		return "", err
	}
	volume := map[string]any{
		"backup_id": n.BackupID, "availability_zone": n.AvailabilityZone, "volume_type": n.VolumeType, "count": 1, "name": n.Name,
	}
	if n.Description != "" {
		volume["description"] = n.Description
	}
	if n.Size > 0 {
		volume["size"] = n.Size
	}
	if n.Multiattach {
		volume["multiattach"] = true
	}
	metadata := maps.Clone(n.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata[sourceBackup] = n.BackupID
	version := "v2"
	if v.EVS.cloud.o.Dialect == Huawei {
		// Huawei's v2 is deprecated. v2.1 promises the id at once if this member is set.
		version, metadata["create_for_volume_id"] = "v2.1", "true"
	}
	volume["metadata"] = metadata
	var answer struct {
		JobID     string   `json:"job_id"`
		VolumeIDs []string `json:"volume_ids"`
	}
	began := v.EVS.Now()
	err := v.EVS.Call(ctx, caller, http.MethodPost, version, "/cloudvolumes", nil, map[string]any{"volume": volume}, &answer)
	if err != nil {
		return "", notTheBackup(err)
	}
	m := &making{Volumes: v, caller: caller, new: n, jobID: answer.JobID, began: began}
	if len(answer.VolumeIDs) > 0 {
		m.id = answer.VolumeIDs[0]
	}
	if m.jobID == "" && m.id == "" {
		return "", driver.Errorf(driver.Unavailable, "EVS of backend %s took the request without naming a job.", v.EVS.cloud.o.Name)
	}
	return m.wait(ctx)
}

// notTheBackup turns a 404 of a create into InvalidInput. The backup existed a moment ago:
// EVS also answers 404 when it lacks something itself, such as a key. A NotFound would tell
// the client that the backup is gone.
func notTheBackup(err error) error {
	var known *driver.Error
	if errors.As(err, &known) && known.Kind == driver.NotFound {
		return &driver.Error{Kind: driver.InvalidInput, Message: known.Message, Err: err}
	}
	return err
}

// complete fills in what EVS requires and Cinder's clients may omit. It takes the values
// from the backup's source volume.
func (v *Volumes) complete(ctx context.Context, caller driver.Caller, n *NewVolume) error {
	if n.VolumeType != "" && n.AvailabilityZone != "" && !n.AsSource {
		return nil
	}
	source, err := v.GetVolume(ctx, caller, n.SourceVolumeID)
	if err != nil && driver.KindOf(err) != driver.NotFound {
		return err
	}
	if n.VolumeType == "" {
		n.VolumeType = source.VolumeType
	}
	if n.VolumeType == "" {
		n.VolumeType = v.DefaultType
	}
	if n.AvailabilityZone == "" {
		n.AvailabilityZone = source.AvailabilityZone
	}
	if n.AsSource && deref(source.Name) != "" {
		n.Name, n.Description = *source.Name, deref(source.Description)
	}
	switch {
	case n.VolumeType == "":
		return driver.Errorf(driver.NotSupported, "Backend %s cannot make a volume of backup %s: the type of its volume, which is gone, is not known, "+
			"and no default is configured.", v.EVS.cloud.o.Name, n.BackupID)
	case n.AvailabilityZone == "":
		return driver.Errorf(driver.NotSupported, "Backend %s cannot make a volume of backup %s: its availability zone is not known.",
			v.EVS.cloud.o.Name, n.BackupID)
	}
	return nil
}
