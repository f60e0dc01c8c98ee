package otc

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Int is a number that may come as text: CBR's resource_size is documented as the one
// and shown as the other. null and "" are 0.
type Int int

// UnmarshalJSON implements json.Unmarshaler.
func (i *Int) UnmarshalJSON(text []byte) error {
	v := strings.TrimSpace(strings.Trim(string(text), `"`))
	if v == "" || v == "null" {
		return nil
	}
	if n, err := strconv.Atoi(v); err == nil {
		*i = Int(n)
		return nil
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return json.Unmarshal(text, new(int)) // its error says what it is
	}
	*i = Int(n)
	return nil
}

// Text is a text that may come as a number, as codes and enterprise project ids do.
// null is "".
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(text []byte) error {
	switch {
	case bytes.Equal(text, []byte("null")):
		return nil
	case len(text) > 0 && (text[0] == '-' || '0' <= text[0] && text[0] <= '9'):
		*t = Text(text)
		return nil
	}
	return json.Unmarshal(text, (*string)(t))
}

// Bool is a truth value that may come as text or as 0 and 1. null is false.
type Bool bool

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bool) UnmarshalJSON(text []byte) error {
	v := strings.TrimSpace(strings.Trim(string(text), `"`))
	if v == "" || v == "null" {
		return nil
	}
	parsed, err := strconv.ParseBool(v)
	if err != nil {
		return json.Unmarshal(text, new(bool)) // its error says what it is
	}
	*b = Bool(parsed)
	return nil
}
