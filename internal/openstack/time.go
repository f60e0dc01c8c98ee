package openstack

import (
	"encoding/json"
	"strings"
	"time"
)

// Time is a time of the Block Storage API: without a zone, which is UTC. Some clouds
// add a Z, or the offset of RFC 3339, write a blank for the T, or have the date only.
// null, "" and what is no time are the zero time: one odd member must not cost the
// answer that it is in.
type Time struct{ time.Time }

// layouts are the forms of a time; fractions of a second are read with each.
var layouts = []string{
	"2006-01-02T15:04:05", time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05 Z07:00", "2006-01-02T15:04:05 Z0700",
	"2006-01-02T15:04:05 MST", "2006-01-02T15:04", time.DateOnly,
}

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (t *Time) UnmarshalJSON(text []byte) error {
	t.Time = time.Time{}
	var v string
	if json.Unmarshal(text, &v) != nil {
		return nil //nolint:nilerr // see Time
	}
	v = strings.TrimSpace(v)
	if len(v) > len(time.DateOnly) && v[len(time.DateOnly)] == ' ' {
		v = v[:len(time.DateOnly)] + "T" + v[len(time.DateOnly)+1:]
	}
	for _, layout := range layouts {
		// MST stands for any letters; only UTC's have a known offset.
		if parsed, err := time.Parse(layout, v); err == nil && (!strings.HasSuffix(layout, "MST") || parsed.Location() == time.UTC) {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return nil
}
