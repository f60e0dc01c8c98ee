package otc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"cindergate/internal/openstack"
)

// Int is a number that may come as text: CBR's resource_size is documented as the one
// and shown as the other.
type Int = openstack.Int

// Text is a text that may come as a number, as codes and enterprise project ids do.
// Anything else is "".
type Text string

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (t *Text) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') {
		*t = Text(text)
		return nil
	}
	*t = ""
	return decode(text, (*string)(t))
}

// Bool is a truth value that may come as text or as 0 and 1. Anything else is false.
type Bool bool

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (b *Bool) UnmarshalJSON(text []byte) error {
	parsed, err := strconv.ParseBool(strings.TrimSpace(strings.Trim(string(text), `"`)))
	*b = Bool(err == nil && parsed)
	return nil
}

// decode reads JSON. A member of another type than expected keeps its zero value, and
// the others are read: the services are not of one mind with their references. What
// cannot be done without the caller must check.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var odd *json.UnmarshalTypeError
	if errors.As(err, &odd) {
		return nil
	}
	return err
}

// List is a list in an answer. Elements that are no objects are left out.
type List[T any] struct {
	Items []T
	// Len is how many elements the answer has; Told is whether it has a list at all. An
	// answer without one says nothing of what there is.
	Len  int
	Told bool
}

// UnmarshalJSON implements json.Unmarshaler. It returns no error. null is an empty list.
func (l *List[T]) UnmarshalJSON(text []byte) error {
	*l = List[T]{}
	var elements []json.RawMessage
	if json.Unmarshal(text, &elements) != nil {
		return nil //nolint:nilerr // not Told
	}
	l.Told, l.Len = true, len(elements)
	for _, element := range elements {
		var item T
		if element = bytes.TrimSpace(element); element[0] == '{' && decode(element, &item) == nil {
			l.Items = append(l.Items, item)
		}
	}
	return nil
}
