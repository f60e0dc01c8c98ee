package openstack

import (
	"math"
	"strconv"
	"strings"
)

// Int is a number that may come as text, as some clouds write sizes. What is no whole
// number is 0: one odd member must not cost the answer that it is in.
type Int int

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (i *Int) UnmarshalJSON(text []byte) error {
	n, _ := ParseInt(text)
	*i = Int(n)
	return nil
}

// ParseInt reads a JSON number, or a text that is one; ok is false for anything else.
func ParseInt(text []byte) (n int, ok bool) {
	v := strings.TrimSpace(strings.Trim(string(text), `"`))
	if n, err := strconv.Atoi(v); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}
