package policy

import (
	"fmt"
	"strings"
	"time"
)

// All is a count of [Keep] that keeps each of them.
const All = -1

// bucket is a kind of point: the newest one of each hour, day and so on.
type bucket struct {
	name, unit string
	of         func(t time.Time, n int) [3]int
}

// buckets are all kinds, in the order of [Keep.Counts]. Weeks are those of ISO 8601.
var buckets = []bucket{
	{"last", "", func(_ time.Time, n int) [3]int { return [3]int{n} }},
	{"hourly", "h", func(t time.Time, _ int) [3]int { return [3]int{t.Year(), t.YearDay(), t.Hour()} }},
	{"daily", "d", func(t time.Time, _ int) [3]int { return [3]int{t.Year(), t.YearDay()} }},
	{"weekly", "w", func(t time.Time, _ int) [3]int { y, w := t.ISOWeek(); return [3]int{y, w} }},
	{"monthly", "m", func(t time.Time, _ int) [3]int { return [3]int{t.Year(), int(t.Month())} }},
	{"yearly", "y", func(t time.Time, _ int) [3]int { return [3]int{t.Year()} }},
}

// Keep says which points in time are kept. The rules are those of "restic forget" (restic,
// doc/060_forget.rst): a point is kept if one of them keeps it; calendar rules keep the newest
// point of each hour, day and so on that has any, and the oldest point of all while they have not
// used their count; spans count back from the newest point. A Keep without rules keeps all.
type Keep struct {
	Counts [6]int  // last, hourly, daily, weekly, monthly, yearly; 0: no rule, All: each
	Within [6]Span // all points within the span; hourly … yearly ones within it
}

// Empty reports whether there is no rule.
func (k Keep) Empty() bool { return k == Keep{} }

// Apply returns the reasons for which each of the points is kept; none: it is not kept. The points
// are in the order of time, the newest first. Points after now are kept and do not count.
func (k Keep) Apply(points []time.Time, now time.Time, zone *time.Location) [][]string {
	reasons := make([][]string, len(points))
	if k.Empty() {
		for i := range reasons {
			reasons[i] = []string{"the policy keeps all"}
		}
		return reasons
	}
	left := k.Counts
	var filled, filledWithin [6]*[3]int
	newest := -1
	for i, t := range points {
		if t.After(now) {
			reasons[i] = append(reasons[i], "it is of the future")
			continue
		}
		if newest < 0 {
			newest = i
		}
		local := t.In(zone)
		for b, rule := range buckets {
			value := rule.of(local, i)
			if left[b] != 0 {
				fresh := filled[b] == nil || *filled[b] != value
				if oldest := i == len(points)-1; fresh || oldest {
					filled[b] = &value
					reasons[i] = append(reasons[i], k.counted(b, fresh))
					if left[b] > 0 {
						left[b]--
					}
				}
			}
			span := k.Within[b]
			if span.zero() || !t.After(span.Before(points[newest].In(zone))) {
				continue
			}
			if b == 0 {
				reasons[i] = append(reasons[i], "within "+span.String())
			} else if filledWithin[b] == nil || *filledWithin[b] != value {
				filledWithin[b] = &value
				reasons[i] = append(reasons[i], rule.name+" within "+span.String())
			}
		}
	}
	return reasons
}

// counted says which rule by numbers keeps a point.
func (k Keep) counted(b int, fresh bool) string {
	number := "all"
	if k.Counts[b] > 0 {
		number = fmt.Sprint(k.Counts[b])
	}
	text := fmt.Sprintf("%s (%s)", buckets[b].name, number)
	if b == 0 {
		text = fmt.Sprintf("one of the last %s", number)
	}
	if !fresh {
		text = "the oldest, for " + text
	}
	return text
}

// String says the rules in words.
func (k Keep) String() string {
	if k.Empty() {
		return "keep all"
	}
	var parts []string
	for b, rule := range buckets {
		switch n := k.Counts[b]; {
		case n == All:
			parts = append(parts, "all "+rule.name)
		case n > 0 && b == 0:
			parts = append(parts, fmt.Sprintf("the last %d", n))
		case n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", n, rule.name))
		}
	}
	for b, rule := range buckets {
		switch span := k.Within[b]; {
		case span.zero():
		case b == 0:
			parts = append(parts, "all within "+span.String())
		default:
			parts = append(parts, rule.name+" within "+span.String())
		}
	}
	return "keep " + strings.Join(parts, ", ")
}
