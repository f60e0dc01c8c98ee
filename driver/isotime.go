package driver

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// isoTime matches the times that Cinder accepts (oslo_utils timeutils.parse_isotime, which
// calls the Python package iso8601). The month and every part after it may be missing.
var isoTime = regexp.MustCompile(`^([0-9]{4})(?:(?:-([0-9]{1,2})|([0-9]{2}))(?:(?:-([0-9]{1,2})|([0-9]{2}))` +
	`(?:[ T]([0-9]{2})(?::?([0-9]{2}))?(?::?([0-9]{1,2})(?:[.,]([0-9]+))?)?` +
	`(Z|[-+][0-9]{2}:?(?:[0-9]{2})?)?)?)?)?$`)

// ParseISOTime parses a time as Cinder does in records and filters. A time without a zone
// is UTC. Digits beyond microseconds are dropped. It returns false if s is not a time.
func ParseISOTime(s string) (time.Time, bool) {
	m := isoTime.FindStringSubmatch(s)
	if m == nil || m[3] != "" && m[4] == "" && m[5] == "" { // YYYYMM could be YYMMDD
		return time.Time{}, false
	}
	number := func(otherwise int, texts ...string) int {
		for _, text := range texts {
			if n, err := strconv.Atoi(text); err == nil {
				return n
			}
		}
		return otherwise
	}
	year, month, day := number(0, m[1]), number(1, m[2], m[3]), number(1, m[4], m[5])
	hour, minute, second := number(0, m[6]), number(0, m[7]), number(0, m[8])
	micros := number(0, (m[9] + "000000")[:6])
	t := time.Date(year, time.Month(month), day, hour, minute, second, micros*int(time.Microsecond), time.UTC)
	// time.Date turns the 30th of February into a day of March; Python refuses it.
	if year == 0 || t.Year() != year || int(t.Month()) != month || t.Day() != day || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	if zone := m[10]; zone != "" && zone != "Z" {
		digits := strings.ReplaceAll(zone[1:], ":", "")
		offset := time.Duration(number(0, digits[:2]))*time.Hour + time.Duration(number(0, digits[2:]))*time.Minute
		if offset >= 24*time.Hour {
			return time.Time{}, false
		}
		if zone[0] == '+' {
			offset = -offset
		}
		t = t.Add(offset)
	}
	return t, true
}
