package translate

import (
	"context"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// restoreBody is the body of a restore (cinder/api/schemas/backups.py restore).
var restoreBody = schema.Body("restore", schema.Members(
	schema.Property{Name: "name", Schema: schema.NullText},
	schema.Property{Name: "volume_id", Schema: schema.NullUUID},
).Nullable())

// RestoreBackup serves POST /backups/{id}/restore.
func (t *Translator) RestoreBackup(ctx context.Context, r Request) (Response, error) {
	to, err := restoreTarget(r)
	if err != nil {
		return Response{}, err
	}
	if err := r.allowOn(BackupRestore, func() error { return t.restorable(ctx, r, to) }); err != nil {
		return Response{}, err
	}
	restore, err := t.driver.RestoreBackup(ctx, r.Caller, r.ID, to)
	if err != nil {
		return Response{}, err
	}
	return accepted(envelope("restore", restoreView(restore)))
}

// restoreTarget decides where to restore to:
//
//	volume_id    name         restored to
//	a UUID       any          that volume; the name is ignored
//	absent/null  given        a new volume of that name
//	absent/null  absent/null  a new volume that the backend names
//	             restore_backup_<backup id>
//	no UUID      –            400
//
// The rule follows Cinder's code (cinder/backup/api.py restore). The two API references
// contradict the code and each other.
func restoreTarget(r Request) (driver.RestoreTarget, error) {
	body, err := decode(r, "restore", restoreBody)
	if err != nil {
		return driver.RestoreTarget{}, err
	}
	if body == nil {
		// Cinder's schema allows null here, and its controller then fails with 500.
		return driver.RestoreTarget{}, nullRoot("restore")
	}
	if id := body.Text("volume_id"); id != "" {
		return driver.ToVolume(id), nil
	}
	if name, _ := body.Get("name"); name != nil {
		return driver.ToNewVolume(name.(string)), nil
	}
	return driver.RestoreTarget{}, nil
}

func (t *Translator) restorable(ctx context.Context, r Request, to driver.RestoreTarget) error {
	if err := t.backupExists(ctx, r); err != nil {
		return err
	}
	if id, ok := to.VolumeID(); ok {
		return t.volumeExists(ctx, r, id)
	}
	return nil
}

type restoredView struct {
	BackupID   string `json:"backup_id"`
	VolumeID   string `json:"volume_id"`
	VolumeName string `json:"volume_name"`
}

func restoreView(r driver.Restore) restoredView {
	return restoredView{r.BackupID, r.VolumeID, r.VolumeName}
}
