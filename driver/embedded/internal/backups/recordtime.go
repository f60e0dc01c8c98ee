package backups

import (
	"encoding/json"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
)

// recordTime is a time in a record. The zero time is null.
type recordTime struct{ time.Time }

func (t recordTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05Z"))
}

func (t *recordTime) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return err
	}
	parsed, ok := driver.ParseISOTime(*s)
	if !ok {
		return core.Reasonf("%.64q is not an ISO 8601 time.", *s)
	}
	t.Time = parsed
	return nil
}
