package backups

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/driver/embedded/internal/volumes"
	"cindergate/internal/chunk/layout"
)

// maxLength is the maximum length of texts in a record, in characters: the width of
// Cinder's columns (cinder/db/sqlalchemy/models.py Backup).
const maxLength = 255

// decodeRecord decodes the parts of a backup_url that the request needs. The texts are
// those of cinder/backup/api.py _get_import_backup. This gateway also requires values of id
// and size that it can store.
func decodeRecord(url string) (raw json.RawMessage, id string, size int, err error) {
	invalid := func(format string, args ...any) error {
		return driver.Errorf(driver.InvalidInput, "Invalid input received: "+format, args...)
	}
	decoded, ok := decodeBase64(url)
	if !ok {
		return nil, "", 0, invalid("Can't decode backup record.")
	}
	if !json.Valid(decoded) || !utf8.Valid(decoded) {
		return nil, "", 0, invalid("Can't parse backup record.")
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(decoded, &fields) // anything but an object has no members
	if _, has := fields["id"]; !has {
		return nil, "", 0, invalid("Provided backup record is missing an id")
	}
	if json.Unmarshal(fields["id"], &id) != nil || !showable.MatchString(id) {
		return nil, "", 0, invalid("The id of the backup record must be a UUID, not %.64s", fields["id"])
	}
	if _, has := fields["size"]; !has {
		return nil, "", 0, invalid("Provided backup record is missing size attribute")
	}
	var gb wholeNumber
	if json.Unmarshal(fields["size"], &gb) != nil || gb < 0 || gb > math.MaxInt32 {
		return nil, "", 0, invalid("The size of the backup record must be a whole number of GiB from 1 to %d, not %.64s",
			math.MaxInt32, fields["size"])
	}
	if core.IsUUID(id) {
		id = strings.ToLower(id)
	}
	return decoded, id, int(gb), nil
}

// showable matches ids that can be part of a path. Cinder accepts any text, and can then
// neither show nor delete some of the backups. An import whose id is not a UUID ends in the
// status error.
var showable = regexp.MustCompile(`^[0-9A-Za-z_-][0-9A-Za-z._-]{0,35}$`)

// wholeNumber is an integer in a record. As in Cinder, it may also be written as a text
// (oslo_versionedobjects IntegerField).
type wholeNumber int

func (n *wholeNumber) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return core.Reasonf("null is not a whole number.")
	}
	return json.Unmarshal(bytes.Trim(raw, `"`), (*int)(n))
}

// decodeBase64 decodes as Python's base64.b64decode does. It skips characters outside the
// alphabet, and refuses missing padding.
func decodeBase64(s string) ([]byte, bool) {
	data := make([]byte, 0, len(s))
	pads := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '=':
			pads++
		case pads == 0 && (c == '+' || c == '/' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'):
			data = append(data, c)
		}
	}
	if len(data)%4 == 1 || pads < (4-len(data)%4)%4 {
		return nil, false
	}
	out, err := base64.RawStdEncoding.DecodeString(string(data))
	return out, err == nil
}

// parseRecord decodes a record and checks every field that is used. Its errors are reasons
// that name the field and the rule.
func parseRecord(raw json.RawMessage, names layout.Layout) (*record, error) {
	if err := checkFields(raw); err != nil {
		return nil, err
	}
	var rec record
	if err := json.Unmarshal(raw, &rec); err != nil {
		var wrong *json.UnmarshalTypeError
		var why *core.Reason
		switch {
		case errors.As(err, &why):
			return nil, core.Because(err, "The record has a value that cannot be read: "+why.Text)
		case errors.As(err, &wrong):
			return nil, core.Because(err, fmt.Sprintf("The record's field %s has the wrong type: %s.", wrong.Field, wrong.Value))
		}
		return nil, core.Because(err, "The record has a field of the wrong type.")
	}
	return &rec, rec.check(names)
}

// checkFields refuses a record that lacks a field that Cinder requires
// (cinder/backup/driver.py import_record and cinder/objects/backup.py).
func checkFields(raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return core.Because(err, "The record is not a JSON object.")
	}
	var missing []string
	for _, key := range []string{"display_name", "display_description", "container", "size", "service_metadata", "object_count", "id"} {
		if _, ok := fields[key]; !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return core.Reasonf("Driver successfully decoded imported backup data, but there are missing fields (%s).",
			strings.Join(missing, ", "))
	}
	return nil
}

// check checks the values of the record. names is the layout of the store with the objects.
func (r *record) check(names layout.Layout) error {
	switch {
	case !core.IsUUID(r.ID):
		return core.Reasonf("The record's field id must be a UUID, not %.64q.", r.ID)
	case r.Size < 1 || r.Size > math.MaxInt32:
		return core.Reasonf("The record's field size must be a whole number of GiB from 1 to %d, not %d.", math.MaxInt32, r.Size)
	}
	ids := map[string]string{"volume_id": r.VolumeID, "parent_id": deref(r.ParentID),
		"snapshot_id": deref(r.SnapshotID), "restore_volume_id": deref(r.RestoreVolumeID)}
	for _, field := range slices.Sorted(maps.Keys(ids)) {
		if id := ids[field]; id != "" && !core.IsUUID(id) {
			return core.Reasonf("The record's field %s must be a UUID or null, not %.64q.", field, id)
		}
	}
	texts := map[string]string{"display_name": deref(r.DisplayName), "display_description": deref(r.DisplayDescription),
		"container": deref(r.Container), "service_metadata": deref(r.ServiceMetadata)}
	for _, field := range slices.Sorted(maps.Keys(texts)) {
		if text := texts[field]; utf8.RuneCountInString(text) > maxLength || strings.Contains(text, "\x00") {
			return core.Reasonf("The record's field %s must have at most %d characters, none of them NUL.", field, maxLength)
		}
	}
	for key, value := range r.Metadata {
		if key == "" || utf8.RuneCountInString(key) > maxLength || utf8.RuneCountInString(value) > maxLength {
			return core.Reasonf("The record's field metadata must have keys of 1 to %d and values of at most %d characters.", maxLength, maxLength)
		}
	}
	switch {
	case r.ObjectCount < 0 || r.ObjectCount > math.MaxInt32:
		return core.Reasonf("The record's field object_count must be a whole number from 0 to %d.", math.MaxInt32)
	case deref(r.EncryptionKeyID) != "":
		return core.Reasonf("%s", volumes.Encrypted)
	case deref(r.Container) == "" || deref(r.ServiceMetadata) == "":
		return core.Reasonf("The record does not say where the data is: container or service_metadata is empty.")
	}
	if err := errors.Join(names.CheckContainer(*r.Container), names.CheckPrefix(*r.ServiceMetadata)); err != nil {
		return core.Because(err, "The record names a place outside of the backup store.")
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
