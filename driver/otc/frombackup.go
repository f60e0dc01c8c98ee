package otc

import (
	"context"
	"net/http"

	"cindergate/driver"
)

// NewVolume is a request for a volume from a backup. EVS takes the ids of VBS's and of
// CBR's backups alike.
type NewVolume struct {
	BackupID         string
	SourceVolumeID   string // whose type the volume gets if VolumeType is ""
	Name             string
	Description      string
	Size             int // GiB; 0: the backup's
	VolumeType       string
	AvailabilityZone string // of the backup: others may be refused (EVS.1049)
	Metadata         map[string]string
	Multiattach      bool
}

// restoredFrom is the description of volumes that a restore made (cinder/backup/api.py
// restore).
const restoredFrom = "auto-created_from_restore_from_backup"

// RestoreBackup is driver.Driver's for a backup that was looked at: an existing volume is
// checked and restored to by inPlace, the service's restore; a new one is made by EVS.
func (v *Volumes) RestoreBackup(
	ctx context.Context, who driver.Caller, b driver.Backup, to driver.RestoreTarget, inPlace func(body any) error,
) (driver.Restore, error) {
	if b.Status != driver.BackupAvailable {
		return driver.Restore{}, driver.InvalidBackup("Backup status must be available")
	}
	volumeID, existing := to.VolumeID()
	if !existing {
		return v.toNew(ctx, who, b, to)
	}
	name, err := v.CheckTarget(ctx, who, b, volumeID)
	if err != nil {
		return driver.Restore{}, err
	}
	err = inPlace(map[string]any{"restore": map[string]string{"volume_id": volumeID}})
	return driver.Restore{BackupID: b.ID, VolumeID: volumeID, VolumeName: name}, err
}

// toNew makes a volume from an available backup for a restore that names none, and
// answers once its id is known.
func (v *Volumes) toNew(ctx context.Context, who driver.Caller, b driver.Backup, to driver.RestoreTarget) (driver.Restore, error) {
	name, named := to.NewName()
	if !named {
		name = "restore_backup_" + b.ID
	}
	id, err := v.FromBackup(ctx, who, NewVolume{
		BackupID: b.ID, SourceVolumeID: b.VolumeID, Name: name, Description: restoredFrom, AvailabilityZone: b.AvailabilityZone,
	})
	return driver.Restore{BackupID: b.ID, VolumeID: id, VolumeName: name}, err
}

// FromBackup makes a volume from a backup and returns its id.
func (v *Volumes) FromBackup(ctx context.Context, who driver.Caller, n NewVolume) (string, error) {
	if !v.EVS.Exists() {
		return "", v.EVS.Missing("restoring without volume_id")
	}
	if err := v.complete(ctx, who, &n); err != nil {
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
	version := "v2"
	metadata := map[string]string{}
	for key, value := range n.Metadata {
		metadata[key] = value
	}
	if v.EVS.cloud.o.Dialect == Huawei {
		// Its v2 is deprecated; v2.1 tells the id at once to those who say so.
		version, metadata["create_for_volume_id"] = "v2.1", "true"
	}
	if len(metadata) > 0 {
		volume["metadata"] = metadata
	}
	var answer struct {
		JobID     string   `json:"job_id"`
		VolumeIDs []string `json:"volume_ids"`
	}
	err := v.EVS.Call(ctx, who, http.MethodPost, version, "/cloudvolumes", nil, map[string]any{"volume": volume}, &answer)
	switch {
	case err != nil:
		return "", err
	case len(answer.VolumeIDs) > 0 && answer.VolumeIDs[0] != "":
		return answer.VolumeIDs[0], nil
	case answer.JobID == "":
		return "", driver.Errorf(driver.Unavailable, "EVS of backend %s took the request without naming a job.", v.EVS.cloud.o.Name)
	}
	return v.EVS.Await(ctx, who, answer.JobID, VolumeID)
}

// complete finds what EVS needs and clients need not say, from the volume that the
// backup is of.
func (v *Volumes) complete(ctx context.Context, who driver.Caller, n *NewVolume) error {
	if n.VolumeType != "" && n.AvailabilityZone != "" {
		return nil
	}
	source, err := v.GetVolume(ctx, who, n.SourceVolumeID)
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
