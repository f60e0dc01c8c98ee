package cinder

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

// RestoreBackup implements driver.Driver. It never sends the request twice.
func (d *Driver) RestoreBackup(ctx context.Context, caller driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	target := map[string]any{}
	if id, existing := to.VolumeID(); existing {
		target["volume_id"] = id
	} else if name, named := to.NewName(); named {
		target["name"] = name
	}
	if _, existing := target["volume_id"]; d.o.RestoreNeedsVolume && !existing {
		return d.restoreToOwnVolume(ctx, caller, backupID, to)
	}
	return d.restore(ctx, caller, backupID, target)
}

func (d *Driver) restore(ctx context.Context, caller driver.Caller, backupID string, target map[string]any) (driver.Restore, error) {
	var answer struct {
		Restore struct {
			BackupID   string `json:"backup_id"`
			VolumeID   string `json:"volume_id"`
			VolumeName string `json:"volume_name"`
		} `json:"restore"`
	}
	err := d.call(ctx, caller, http.MethodPost, "/backups/"+url.PathEscape(backupID)+"/restore",
		map[string]any{"restore": target}, &answer, http.StatusAccepted)
	if err == nil && (answer.Restore.BackupID == "" || answer.Restore.VolumeID == "") {
		err = d.unreadable("restore")
	}
	return driver.Restore(answer.Restore), err
}

// restoreToOwnVolume makes the new volume and restores into it. If that fails, it deletes
// the volume, or names the volume in the error.
func (d *Driver) restoreToOwnVolume(ctx context.Context, caller driver.Caller, backupID string, to driver.RestoreTarget) (driver.Restore, error) {
	b, err := d.GetBackup(ctx, caller, backupID)
	if err != nil {
		return driver.Restore{}, err
	}
	if err := driver.CheckRestorable(b.Status); err != nil {
		return driver.Restore{}, err
	}
	name, named := to.NewName()
	if !named {
		name = driver.RestoredName(b.ID)
	}
	body := map[string]any{"size": b.Size, "name": name, "description": driver.RestoredDescription}
	if d.o.RestoreVolumeType != "" {
		body["volume_type"] = d.o.RestoreVolumeType
	}
	var answer struct {
		Volume openstack.Volume `json:"volume"`
	}
	if err := d.call(ctx, caller, http.MethodPost, "/volumes", map[string]any{"volume": body}, &answer, http.StatusAccepted, http.StatusOK); err != nil {
		return driver.Restore{}, err
	}
	id := answer.Volume.ID
	if id == "" {
		return driver.Restore{}, d.unreadable("volume")
	}
	if err := d.untilAvailable(ctx, caller, id); err != nil {
		return driver.Restore{}, d.undo(ctx, caller, id, err)
	}
	restore, err := d.restore(ctx, caller, backupID, map[string]any{"volume_id": id})
	if err != nil {
		return driver.Restore{}, d.undo(ctx, caller, id, err)
	}
	restore.BackupID, restore.VolumeID, restore.VolumeName = b.ID, id, name
	return restore, nil
}

func (d *Driver) untilAvailable(ctx context.Context, caller driver.Caller, volumeID string) error {
	ctx, cancel := clockwork.WithTimeout(ctx, d.http.Clock(), d.o.VolumeTimeout)
	defer cancel()
	return openstack.Until(ctx, d.http.Clock(), 500*time.Millisecond, func(ctx context.Context) (bool, error) {
		v, err := d.GetVolume(ctx, caller, volumeID)
		switch {
		case err != nil:
			return false, err
		case v.Status == driver.VolumeError:
			return false, driver.InvalidVolume("Error while creating volume %s for restoring the backup.", volumeID)
		}
		return v.Status == driver.VolumeAvailable, nil
	})
}

// undo deletes the volume of a failed restore and returns cause. It continues after the
// client has left.
func (d *Driver) undo(ctx context.Context, caller driver.Caller, volumeID string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.VolumeTimeout)
	defer cancel()
	if err := d.call(ctx, caller, http.MethodDelete, "/volumes/"+volumeID, nil, nil, http.StatusAccepted, http.StatusNoContent); err != nil {
		var known *driver.Error
		if !errors.As(d.http.Classify(cause), &known) {
			return cause
		}
		left := *known
		left.Message += " The volume " + volumeID + " that was made for it is left and can be deleted."
		return &left
	}
	return d.http.Classify(cause)
}
