package policy

import (
	"fmt"
	"strings"
	"time"
)

// Span is a length of time by the calendar.
type Span struct {
	Years, Months, Days int
	Rest                time.Duration // hours and minutes
}

func (d Span) zero() bool { return d == Span{} }

// Before returns the time that lies the span before t, by the calendar of t's location.
func (d Span) Before(t time.Time) time.Time {
	return t.AddDate(-d.Years, -d.Months, -d.Days).Add(-d.Rest)
}

// After returns the time that lies the span after t.
func (d Span) After(t time.Time) time.Time {
	return t.AddDate(d.Years, d.Months, d.Days).Add(d.Rest)
}

// hours returns a span without years and months as a duration.
func (d Span) hours() time.Duration { return time.Duration(d.Days)*24*time.Hour + d.Rest }

func (d Span) String() string {
	var b strings.Builder
	for _, part := range []struct {
		n    int
		unit string
	}{{d.Years, "y"}, {d.Months, "m"}, {d.Days, "d"}, {int(d.Rest / time.Hour), "h"}, {int(d.Rest % time.Hour / time.Minute), "min"}} {
		if part.n != 0 {
			fmt.Fprintf(&b, "%d%s", part.n, part.unit)
		}
	}
	return b.String()
}

// parseSpan reads a span such as 2y5m7d3h: units y, m (months), w, d, h and min, each once and
// in any order.
func parseSpan(text string) (d Span, ok bool) {
	seen := map[string]bool{}
	rest := strings.ToLower(text)
	for rest != "" {
		n, digits := 0, 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			n = n*10 + int(rest[digits]-'0')
			if digits++; digits > 6 {
				return d, false
			}
		}
		letters := digits
		for letters < len(rest) && rest[letters] >= 'a' && rest[letters] <= 'z' {
			letters++
		}
		unit := rest[digits:letters]
		if digits == 0 || seen[unit] {
			return d, false
		}
		seen[unit] = true
		switch unit {
		case "y":
			d.Years = n
		case "m":
			d.Months = n
		case "w":
			d.Days += 7 * n
		case "d":
			d.Days += n
		case "h":
			d.Rest += time.Duration(n) * time.Hour
		case "min":
			d.Rest += time.Duration(n) * time.Minute
		default:
			return d, false
		}
		rest = rest[letters:]
	}
	far := d.Years > maxYears || d.Months > 12*maxYears || d.Days > 366*maxYears || d.Rest > 366*24*maxYears*time.Hour
	return d, !d.zero() && !far
}

// ParseExpiry reads the value of [ExpiresKey]: a time, a date (its end in UTC), or a span after
// created.
func ParseExpiry(value string, created time.Time) (time.Time, error) {
	value = strings.TrimSpace(value)
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		return t, nil
	}
	if t, err := time.Parse(time.DateOnly, value); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	if d, ok := parseSpan(value); ok {
		return d.After(created.UTC()), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: a time such as 2027-01-31T12:00:00Z, a date such as 2027-01-31, or a span such as 30d or 1y6m after the backup was made", value)
}
