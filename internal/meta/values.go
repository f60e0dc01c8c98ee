package meta

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// Column types that SQLite and PostgreSQL store alike. Each wraps a field of a row. It
// scans into the field, and provides the field's value as an argument.

// text is a string whose zero value is NULL.
type text struct{ s *string }

func (t text) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*t.s = ""
	case string:
		*t.s = v
	case []byte:
		*t.s = string(v)
	default:
		return fmt.Errorf("scan %T into a string", src)
	}
	return nil
}

func (t text) Value() (driver.Value, error) {
	if *t.s == "" {
		return nil, nil
	}
	return *t.s, nil
}

// micros is a time in unix microseconds, the resolution of the API. The zero time is NULL.
type micros struct{ t *time.Time }

func (m micros) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.t = time.Time{}
	case int64:
		*m.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("scan %T into a time", src)
	}
	return nil
}

func (m micros) Value() (driver.Value, error) {
	if m.t.IsZero() {
		return nil, nil
	}
	return m.t.UnixMicro(), nil
}

// document is a value stored as JSON text. An empty text leaves the zero value.
type document[T any] struct{ v *T }

func (d document[T]) Scan(src any) error {
	var zero T
	*d.v = zero
	var raw []byte
	switch v := src.(type) {
	case nil:
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("scan %T into a document", src)
	}
	if len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, d.v)
}

func (d document[T]) Value() (driver.Value, error) {
	raw, err := json.Marshal(*d.v)
	return string(raw), err
}

// lease is a time that is never NULL, so that SQL can compare it. The zero time is 0.
type lease struct{ t *time.Time }

func (l lease) Scan(src any) error {
	if v, ok := src.(int64); ok && v == 0 {
		*l.t = time.Time{}
		return nil
	}
	return micros(l).Scan(src)
}

func (l lease) Value() (driver.Value, error) {
	if l.t.IsZero() {
		return int64(0), nil
	}
	return l.t.UnixMicro(), nil
}
