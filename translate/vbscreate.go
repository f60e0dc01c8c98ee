package translate

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"cindergate/driver"
	"cindergate/translate/schema"
)

// Limits of a backup's texts (VBS API reference, Creating a VBS Backup).
const (
	vbsMaxText     = 64 // name, description
	vbsMaxTags     = 10
	vbsMaxTagKey   = 36
	vbsMaxTagValue = 43
)

var (
	vbsName  = regexp.MustCompile(`^[0-9A-Za-z_-]*$`)
	vbsNoTag = regexp.MustCompile(`[\x00-\x1f=*<>\\,|/]`)
)

// vbsBackupSpec reads the body of a create. full tells that FullBackup is wanted.
// Tags become metadata.
func vbsBackupSpec(r Request) (spec driver.BackupSpec, full bool, err error) {
	body, err := vbsBody(r, "backup", vbsCreateFormat)
	if err != nil {
		return spec, false, err
	}
	spec = driver.BackupSpec{
		VolumeID: text(body, "volume_id"), SnapshotID: text(body, "snapshot_id"),
		Name: nullText(body, "name"), Description: nullText(body, "description"), Force: true,
	}
	switch {
	case spec.VolumeID == "":
		return spec, false, vbsErrorf(vbsVolumeEmpty, "backup.volume_id must not be empty.")
	case !isUUID(spec.VolumeID):
		return spec, false, vbsErrorf(vbsVolumeFormat, "backup.volume_id must be a UUID.")
	case spec.SnapshotID != "" && !isUUID(spec.SnapshotID):
		return spec, false, vbsErrorf(vbsCreateFormat, "backup.snapshot_id must be a UUID.")
	}
	if err := checkVBSName(spec.Name); err != nil {
		return spec, false, err
	}
	if d := spec.Description; d != nil && (utf8.RuneCountInString(*d) > vbsMaxText || strings.ContainsAny(*d, "<>")) {
		return spec, false, vbsErrorf(vbsDescription, "backup.description must have at most %d characters, none of them < or >.", vbsMaxText)
	}
	if spec.Metadata, err = vbsTags(body); err != nil {
		return spec, false, err
	}
	spec.MetadataAsTags = true
	full, err = vbsFull(body)
	return spec, full, err
}

func checkVBSName(name *string) error {
	switch {
	case name == nil || *name == "":
		return vbsErrorf(vbsNameEmpty, "backup.name must not be empty.")
	case utf8.RuneCountInString(*name) > vbsMaxText:
		return vbsErrorf(vbsNameLong, "backup.name must have at most %d characters.", vbsMaxText)
	case !vbsName.MatchString(*name):
		return vbsErrorf(vbsNameFormat, "backup.name must consist of letters, digits, _ and -.")
	case strings.HasPrefix(strings.ToLower(*name), "auto"):
		return vbsErrorf(vbsNameAuto, "backup.name must not begin with auto.")
	}
	return nil
}

func vbsTags(body *schema.Object) (map[string]string, error) {
	v, _ := body.Get("tags")
	if v == nil {
		return nil, nil
	}
	list, isList := v.([]any)
	if !isList {
		return nil, vbsErrorf(vbsTag, "backup.tags must be a list.")
	}
	if len(list) > vbsMaxTags {
		return nil, vbsErrorf(vbsTooManyTags, "backup.tags must have at most %d items.", vbsMaxTags)
	}
	tags := map[string]string{}
	for _, item := range list {
		o, isObject := item.(*schema.Object)
		if !isObject {
			return nil, vbsErrorf(vbsTag, "backup.tags must be a list of objects with key and value.")
		}
		key, value := text(o, "key"), text(o, "value")
		switch {
		case key == "" || utf8.RuneCountInString(key) > vbsMaxTagKey || vbsNoTag.MatchString(key):
			return nil, vbsErrorf(vbsTag, `backup.tags: a key must have 1 to %d characters, no control characters and none of =*<>\,|/.`, vbsMaxTagKey)
		case utf8.RuneCountInString(value) > vbsMaxTagValue || vbsNoTag.MatchString(value):
			return nil, vbsErrorf(vbsTag, `backup.tags: a value must have at most %d characters, no control characters and none of =*<>\,|/.`, vbsMaxTagValue)
		}
		if _, twice := tags[key]; twice {
			return nil, vbsErrorf(vbsTag, "backup.tags: the key %s is there twice.", key)
		}
		tags[key] = value
	}
	return tags, nil
}

// vbsFull reads extend_param.FullBackup, whose values are strings.
func vbsFull(body *schema.Object) (bool, error) {
	v, _ := body.Get("extend_param")
	if v == nil {
		return false, nil
	}
	o, isObject := v.(*schema.Object)
	if !isObject {
		return false, vbsErrorf(vbsCreateFormat, "backup.extend_param must be an object.")
	}
	v, _ = o.Get("FullBackup")
	switch v {
	case nil, "", "false", false:
		return false, nil
	case "true", true:
		return true, nil
	}
	return false, vbsErrorf(vbsCreateFormat, `backup.extend_param.FullBackup must be "true" or "false".`)
}

// isUUID tells whether a text is an id as all these services write them. Other forms of
// a UUID they do not know.
func isUUID(s string) bool { return len(s) == uuidLength && uuid.Validate(s) == nil }
