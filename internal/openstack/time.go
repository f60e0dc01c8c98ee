package openstack

import (
	"encoding/json"
	"strings"
	"time"
)

// Time is a time of the Block Storage API, which has no zone and means UTC. Some clouds add
// a Z or an RFC 3339 offset, write a blank for the T, or send the date only. null, "" and
// any other value become the zero time, so that one unexpected member does not invalidate
// the whole answer.
type Time struct{ time.Time }

// layouts are the accepted forms. Each accepts fractions of a second.
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
		// MST matches any letters, but only UTC has a known offset.
		if parsed, err := time.Parse(layout, v); err == nil && (!strings.HasSuffix(layout, "MST") || parsed.Location() == time.UTC) {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return nil
}
