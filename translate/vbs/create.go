package vbs

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"cindergate/driver"
	"cindergate/translate"
	"cindergate/translate/schema"
)

// Limits of a backup's texts (VBS API reference, Creating a VBS Backup).
const (
	maxText     = 64 // name, description
	maxTags     = 10
	maxTagKey   = 36
	maxTagValue = 43
)

var (
	nameForm = regexp.MustCompile(`^[0-9A-Za-z_-]*$`)
	notInTag = regexp.MustCompile(`[\x00-\x1f=*<>\\,|/]`)
)

// backupSpec reads the body of a create. full reports whether it asks for FullBackup. Tags
// become metadata.
func backupSpec(r translate.Request) (spec driver.BackupSpec, full bool, err error) {
	body, err := readBody(r, "backup", codeCreateFormat)
	if err != nil {
		return spec, false, err
	}
	spec = driver.BackupSpec{
		VolumeID: body.Text("volume_id"), SnapshotID: body.Text("snapshot_id"),
		Name: body.NullText("name"), Description: body.NullText("description"), Force: true,
	}
	switch {
	case spec.VolumeID == "":
		return spec, false, refusef(codeVolumeEmpty, "backup.volume_id must not be empty.")
	case !isUUID(spec.VolumeID):
		return spec, false, refusef(codeVolumeFormat, "backup.volume_id must be a UUID.")
	case spec.SnapshotID != "" && !isUUID(spec.SnapshotID):
		return spec, false, refusef(codeCreateFormat, "backup.snapshot_id must be a UUID.")
	}
	if err := checkName(spec.Name); err != nil {
		return spec, false, err
	}
	if d := spec.Description; d != nil && (utf8.RuneCountInString(*d) > maxText || strings.ContainsAny(*d, "<>")) {
		return spec, false, refusef(codeDescription, "backup.description must have at most %d characters, none of them < or >.", maxText)
	}
	if spec.Metadata, err = readTags(body); err != nil {
		return spec, false, err
	}
	spec.MetadataAsTags = true
	full, err = readFull(body)
	return spec, full, err
}

func checkName(name *string) error {
	switch {
	case name == nil || *name == "":
		return refusef(codeNameEmpty, "backup.name must not be empty.")
	case utf8.RuneCountInString(*name) > maxText:
		return refusef(codeNameLong, "backup.name must have at most %d characters.", maxText)
	case !nameForm.MatchString(*name):
		return refusef(codeNameFormat, "backup.name must consist of letters, digits, _ and -.")
	case strings.HasPrefix(strings.ToLower(*name), "auto"):
		return refusef(codeNameAuto, "backup.name must not begin with auto.")
	}
	return nil
}

func readTags(body *schema.Object) (map[string]string, error) {
	v, _ := body.Get("tags")
	if v == nil {
		return nil, nil
	}
	list, isList := v.([]any)
	if !isList {
		return nil, refusef(codeTag, "backup.tags must be a list.")
	}
	if len(list) > maxTags {
		return nil, refusef(codeTooManyTags, "backup.tags must have at most %d items.", maxTags)
	}
	tags := map[string]string{}
	for _, item := range list {
		o, isObject := item.(*schema.Object)
		if !isObject {
			return nil, refusef(codeTag, "backup.tags must be a list of objects with key and value.")
		}
		key, value := o.Text("key"), o.Text("value")
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || notInTag.MatchString(key):
			return nil, refusef(codeTag, `backup.tags: a key must have 1 to %d characters, no control characters and none of =*<>\,|/.`, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue || notInTag.MatchString(value):
			return nil, refusef(codeTag, `backup.tags: a value must have at most %d characters, no control characters and none of =*<>\,|/.`, maxTagValue)
		}
		if _, twice := tags[key]; twice {
			return nil, refusef(codeTag, "backup.tags: the key %s is there twice.", key)
		}
		tags[key] = value
	}
	return tags, nil
}

// readFull reads extend_param.FullBackup. The values of extend_param are strings.
func readFull(body *schema.Object) (bool, error) {
	v, _ := body.Get("extend_param")
	if v == nil {
		return false, nil
	}
	o, isObject := v.(*schema.Object)
	if !isObject {
		return false, refusef(codeCreateFormat, "backup.extend_param must be an object.")
	}
	v, _ = o.Get("FullBackup")
	switch v {
	case nil, "", "false", false:
		return false, nil
	case "true", true:
		return true, nil
	}
	return false, refusef(codeCreateFormat, `backup.extend_param.FullBackup must be "true" or "false".`)
}
