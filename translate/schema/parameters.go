package schema

import (
	"encoding/base64"
	"math"
	"strings"

	"github.com/google/uuid"
)

// The types of cinder/api/validation/parameter_types.py.
var (
	String       = Schema{Types: []string{"string"}}
	AnyObject    = Schema{Types: []string{"object"}}
	NullObject   = Schema{Types: []string{"object", "null"}}
	Boolean      = Schema{Types: []string{"boolean", "string"}, Enum: booleans}
	NullBoolean  = Schema{OneOf: []Schema{{Types: []string{"null"}}, Boolean}}
	UUID         = Schema{Types: []string{"string"}, Format: &uuidFormat}
	NullUUID     = Schema{OneOf: []Schema{UUID, {Types: []string{"null"}}}}
	NullText     = Schema{Types: []string{"string", "null"}, MaxLength: 255}
	NullTextSet  = Schema{Types: []string{"string", "null"}, MinLength: 1, MaxLength: 255}
	Description  = Schema{Types: []string{"string", "null"}, MaxLength: 255, Pattern: &printable}
	Name         = Schema{Types: []string{"string"}, MinLength: 1, MaxLength: 255, Format: &nameFormat}
	Text255      = Schema{Types: []string{"string"}, MaxLength: 255}
	TextSet255   = Schema{Types: []string{"string"}, MinLength: 1, MaxLength: 255}
	Base64       = Schema{Types: []string{"string"}, MinLength: 1, Format: &base64Format}
	VolumeSize   = size("integer", "string")
	NullSize     = size("integer", "string", "null")
	Metadata     = metadata("object")
	NullMetadata = metadata("object", "null")
)

var booleans = []any{
	true, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", "y", "t",
	false, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", "n", "f",
}

// printable matches texts of printable characters of the basic plane, including spaces.
// Python writes the same class out in 5 kB.
var printable = MustPattern(`^[^\p{C}\p{Zl}\p{Zp}\x{FFFF}-\x{10FFFF}]*$`)

// MetadataKey matches valid metadata keys.
var MetadataKey = MustPattern(`^[a-zA-Z0-9-_:. /]{1,255}$`)

func metadata(types ...string) Schema {
	return Schema{Types: types, PatternProperties: &PatternProperties{Pattern: MetadataKey, Schema: Text255}}
}

func size(types ...string) Schema {
	least, most := int64(1), int64(math.MaxInt32)
	digits := MustPattern("^[0-9]+$")
	return Schema{Types: types, Pattern: &digits, Minimum: &least, Maximum: &most}
}

var uuidFormat = Format{Name: "uuid", Check: func(v any) string {
	if s, ok := v.(string); ok && !IsUUID(s) {
		return general
	}
	return ""
}}

// IsUUID reports whether s is a UUID by oslo_utils.uuidutils.is_uuid_like, which ignores
// hyphens, braces and case.
func IsUUID(s string) bool {
	s = strings.NewReplacer("urn:", "", "uuid:", "", "-", "").Replace(s)
	s = strings.Trim(s, "{}")
	if len(s) != 32 {
		return false
	}
	_, err := uuid.Parse(s)
	return err == nil
}

var nameFormat = Format{Name: "name", Check: func(v any) string {
	switch s, ok := v.(string); {
	case !ok || s == "":
		return "An invalid 'name' value was provided. The 'name' can not be None."
	case strings.TrimSpace(s) == "":
		return "An invalid 'name' value was provided. The 'name' can not be empty."
	}
	return ""
}}

// base64Format fails where Python's decoder does. That decoder skips foreign characters, so
// only wrong padding fails.
var base64Format = Format{Name: "base64", Check: func(v any) string {
	s, ok := v.(string)
	if !ok {
		return general
	}
	if _, ok := DecodeBase64(s); !ok {
		return general
	}
	return ""
}}

// DecodeBase64 decodes as Python's binascii.a2b_base64 does. It skips characters outside
// the alphabet, and ignores everything after complete padding. It returns false if the
// padding is wrong.
func DecodeBase64(s string) ([]byte, bool) {
	var clean strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			clean.WriteByte(c)
		case c == '=' && clean.Len()%4 >= 2:
			if clean.Len()%4 == 3 || strings.Count(s[i:], "=") >= 2 {
				data, err := base64.RawStdEncoding.DecodeString(clean.String())
				return data, err == nil
			}
			return nil, false
		}
	}
	if clean.Len()%4 != 0 {
		return nil, false
	}
	data, err := base64.RawStdEncoding.DecodeString(clean.String())
	return data, err == nil
}

// Body returns the schema of a request body: an object with root as its only member.
func Body(root string, content Schema) *Schema {
	return &Schema{
		Types: []string{"object"}, Required: []string{root}, Closed: true,
		Properties: []Property{{root, content}},
	}
}

// Members returns the schema of an object that has no other members than these.
func Members(properties ...Property) Schema {
	return Schema{Types: []string{"object"}, Properties: properties, Closed: true}
}

// Nullable returns s that also allows null.
func (s Schema) Nullable() Schema {
	s.Types = append(append([]string(nil), s.Types...), "null")
	return s
}

// Require returns s with required members.
func (s Schema) Require(names ...string) Schema {
	s.Required = names
	return s
}

// With returns s with further members.
func (s Schema) With(properties ...Property) Schema {
	s.Properties = append(append([]Property(nil), s.Properties...), properties...)
	return s
}

// True reports whether v, which passed the schema Boolean, is one of the true values.
func True(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		yes, _ := ParseBool(v)
		return yes
	}
	return false
}

// ParseBool parses a boolean (oslo_utils.strutils.bool_from_string, strict).
func ParseBool(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "t", "true", "on", "y", "yes":
		return true, true
	case "0", "f", "false", "off", "n", "no":
		return false, true
	}
	return false, false
}
