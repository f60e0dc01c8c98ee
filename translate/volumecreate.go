package translate

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"cindergate/driver"
	"cindergate/translate/schema"
)

func anyOf(s schema.Schema, names ...string) schema.Schema {
	s.AnyOfRequired = names
	return s
}

// lengthFormat allows up to 255 characters after surrounding spaces are removed (the
// *_non_mandatory_remove_white_spaces of cinder/api/validation/validators.py).
func lengthFormat(name string) *schema.Format {
	return &schema.Format{Name: name, Check: func(v any) string {
		s, _ := v.(string)
		if n := utf8.RuneCountInString(strings.TrimSpace(s)); n > 255 {
			return "Invalid input received: " + name + " has " + strconv.Itoa(n) + " characters, more than 255."
		}
		return ""
	}}
}

// CreateVolume serves POST /volumes.
func (t *Translator) CreateVolume(ctx context.Context, r Request) (Response, error) {
	manager, err := t.volumeManager()
	if err != nil {
		return Response{}, err
	}
	if err := r.Allow(volumeCreate); err != nil {
		return Response{}, err
	}
	body, err := decode(r, "volume", at(createVolumeBodies, r.Version))
	if err != nil {
		return Response{}, err
	}
	if body.Len() == 0 {
		return Response{}, malformed()
	}
	spec, err := volumeSpec(r, body)
	if err != nil {
		return Response{}, err
	}
	v, err := manager.CreateVolume(ctx, r.Caller, spec)
	if err != nil {
		return Response{}, err
	}
	view := r.volumeDetail(&v)
	view.ProjectID, view.admin = "", nil
	return accepted(envelope("volume", view))
}

func volumeSpec(r Request, body *schema.Object) (driver.VolumeSpec, error) {
	if body.Text("imageRef") != "" || body.Text("image_id") != "" {
		// There is no image service here, so no image can be found.
		return driver.VolumeSpec{}, driver.Errorf(driver.InvalidInput,
			"Invalid image identifier or unable to access requested image.")
	}
	if body.Flag("multiattach") {
		return driver.VolumeSpec{}, driver.Errorf(driver.InvalidInput,
			"multiattach parameter has been removed. The default behavior is to use multiattach enabled volume types. "+
				"Contact your administrator to create a multiattach enabled volume type and use it to create multiattach volumes.")
	}
	spec := driver.VolumeSpec{
		Name:             firstText(body, "name", "display_name").Value,
		Description:      firstText(body, "description", "display_description").Value,
		VolumeType:       body.Text("volume_type"),
		AvailabilityZone: body.Text("availability_zone"),
		Metadata:         body.StringMap("metadata"),
		SnapshotID:       body.Text("snapshot_id"),
		SourceVolumeID:   body.Text("source_volid"),
		GroupID:          body.Text("group_id"),
	}
	// Below 3.47 Cinder ignores backup_id and creates an empty volume.
	if r.Version.AtLeast(driver.MVVolumeFromBackup) {
		spec.BackupID = body.Text("backup_id")
	}
	spec.Size = body.Integer("size")
	sources := 0
	for _, id := range []string{spec.SnapshotID, spec.SourceVolumeID, spec.BackupID} {
		if id != "" {
			sources++
		}
	}
	switch {
	case sources > 1:
		return spec, driver.Errorf(driver.InvalidInput,
			"Invalid input received: May specify only one of backup, imageRef, snapshot, source volume")
	case sources == 0 && spec.Size == 0:
		return spec, driver.Errorf(driver.InvalidInput,
			"Invalid input received: Invalid volume size provided for create request: None (size argument must be an integer (or string representation of an integer) and greater than zero).")
	}
	return spec, nil
}
