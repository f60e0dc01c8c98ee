package openstack

import (
	"math"
	"strconv"
	"strings"
)

// Int is a number that may come as a string, as some clouds write sizes. Any other value
// becomes 0, so that one unexpected member does not invalidate the whole answer.
type Int int

// UnmarshalJSON implements json.Unmarshaler. It returns no error.
func (i *Int) UnmarshalJSON(text []byte) error {
	n, _ := ParseInt(text)
	*i = Int(n)
	return nil
}

// ParseInt reads a whole JSON number, or a string that holds one. ok is false for anything
// else.
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
