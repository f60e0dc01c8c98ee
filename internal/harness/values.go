package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a duration in JSON: a text such as "10m" (time.ParseDuration), also with days ("30d").
type Duration time.Duration

// ParseDuration reads a duration.
func ParseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n < 0 || n > maxDuration.Hours()/24 {
			return 0, fmt.Errorf("%.32q is no number of days up to 36500", text)
		}
		return time.Duration(n * float64(24*time.Hour)), nil
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%.32q is no duration such as "90s", "10m" or "30d"`, text)
	case d < 0 || d > maxDuration:
		return 0, fmt.Errorf("%.32q is not between 0 and 876000h", text)
	}
	return d, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(p []byte) error {
	var text string
	if json.Unmarshal(p, &text) != nil {
		return errors.New(`a duration is a text such as "10m"`)
	}
	parsed, err := ParseDuration(text)
	*d = Duration(parsed)
	return err
}

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// Bytes is a number of bytes in JSON: a number, or a text such as "10MiB".
type Bytes int64

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(p []byte) error {
	text := strings.Trim(string(p), `"`)
	unit := int64(1)
	for name, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(text, name); ok {
			text, unit = strings.TrimSpace(number), size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return fmt.Errorf(`%.32s is no number of bytes such as 1048576 or "10MiB"`, p)
	}
	*b = Bytes(n * unit)
	return nil
}

// Share is a part of a whole in JSON: a text such as "80%".
type Share float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *Share) UnmarshalJSON(p []byte) error {
	number, ok := strings.CutSuffix(strings.Trim(string(p), `"`), "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent > 0 && percent <= 100) {
		return fmt.Errorf(`%.32s is no share such as "80%%", above 0%% and up to 100%%`, p)
	}
	*s = Share(percent / 100)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Share) MarshalJSON() ([]byte, error) {
	return json.Marshal(strconv.FormatFloat(float64(s)*100, 'g', -1, 64) + "%")
}
