package openstack

import (
	"encoding/json"
	"strings"
	"time"
)

// Time is a time of the Block Storage API: without a zone, which is UTC. Some clouds
// add a Z, or the offset of RFC 3339. null and "" are the zero time.
type Time struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(text []byte) error {
	var v *string
	if err := json.Unmarshal(text, &v); err != nil || v == nil || *v == "" {
		return err
	}
	// A zone is Z or an offset; the date has its own hyphens.
	if clock := strings.IndexByte(*v, 'T'); clock < 0 || !strings.ContainsAny((*v)[clock:], "Z+-") {
		parsed, err := time.Parse("2006-01-02T15:04:05.999999999", *v)
		t.Time = parsed
		return err
	}
	parsed, err := time.Parse(time.RFC3339Nano, *v)
	t.Time = parsed.UTC()
	return err
}
