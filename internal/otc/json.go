package otc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"cindergate/internal/openstack"
)

// Int is a number that may come as a string. CBR's resource_size is a number in the
// documentation and a string in the examples.
type Int = openstack.Int

// Text is a string that may come as a number. Codes and enterprise project ids do. Any
// other value is "".
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

// Bool is a boolean that may come as a string or as 0 or 1. Any other value is false.
type Bool bool

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (b *Bool) UnmarshalJSON(text []byte) error {
	parsed, err := strconv.ParseBool(strings.TrimSpace(strings.Trim(string(text), `"`)))
	*b = Bool(err == nil && parsed)
	return nil
}

// decode reads JSON. A member of an unexpected type keeps its zero value, and the other
// members are read, because the services do not always follow their references. The caller
// must check the members that it requires.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into)
	var odd *json.UnmarshalTypeError
	if errors.As(err, &odd) {
		return nil
	}
	return err
}

// List is a list in an answer. Elements that are not objects are left out.
type List[T any] struct {
	Items []T
	// Len is the number of elements in the answer. Told reports whether the answer has a
	// list at all: an answer without one does not mean that there is nothing.
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
