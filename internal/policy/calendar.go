package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

type scheduleKind int

const (
	hourly scheduleKind = iota + 1
	daily
	weekly
	monthly
)

// clock is a time of day.
type clock struct{ hour, minute int }

// lastDay stands for the last day of a month.
const lastDay = 32

var weekdayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// Schedule is when runs are due. Each such time is a slot.
//
// Slots are times of the clock in a zone. When clocks are put forward, a time that is left out
// counts from the time before: 02:30 is 03:30 on that day. When they are put back, the first of
// two equal times is the slot. Hourly slots are an hour apart on these days as well.
type Schedule struct {
	kind      scheduleKind
	times     []clock
	weekdays  [7]bool
	monthdays [lastDay + 1]bool
	location  *time.Location
}

// Location returns the time zone.
func (s Schedule) Location() *time.Location { return s.location }

// horizon is how many days a schedule can be without a slot, and some.
const horizon = 40

// Next returns the first slot after t.
func (s Schedule) Next(t time.Time) time.Time {
	local := t.In(s.location)
	for day := -1; day <= horizon; day++ {
		for _, slot := range s.on(local.Year(), local.Month(), local.Day()+day) {
			if slot.After(t) {
				return slot
			}
		}
	}
	return time.Time{} // not reached: each month has a slot
}

// Last returns the last slot that is not after t.
func (s Schedule) Last(t time.Time) time.Time {
	local := t.In(s.location)
	for day := 1; day >= -horizon; day-- {
		for _, slot := range slices.Backward(s.on(local.Year(), local.Month(), local.Day()+day)) {
			if !slot.After(t) {
				return slot
			}
		}
	}
	return time.Time{}
}

// on returns the slots of a day, in order.
func (s Schedule) on(year int, month time.Month, day int) []time.Time {
	date := time.Date(year, month, day, 0, 0, 0, 0, time.UTC) // normalized
	year, month, day = date.Date()
	switch s.kind {
	case weekly:
		if !s.weekdays[date.Weekday()] {
			return nil
		}
	case monthly:
		last := date.AddDate(0, 1, -day).Day()
		named := s.monthdays[day]
		if day == last {
			for d := day + 1; d <= lastDay; d++ {
				named = named || s.monthdays[d] // a shorter month takes them on its last day
			}
		}
		if !named {
			return nil
		}
	case hourly:
		return s.hours(year, month, day)
	}
	var slots []time.Time
	for _, at := range s.times {
		slots = append(slots, instant(year, month, day, at, s.location))
	}
	slices.SortFunc(slots, time.Time.Compare)
	return slices.CompactFunc(slots, time.Time.Equal)
}

// hours returns the slots of an hourly schedule: each hour that the day has.
func (s Schedule) hours(year int, month time.Month, day int) []time.Time {
	begin := instant(year, month, day, clock{}, s.location)
	next := time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
	end := instant(next.Year(), next.Month(), next.Day(), clock{}, s.location)
	var slots []time.Time
	for t := begin; t.Before(end); t = t.Add(time.Hour) {
		slot := t.Add(time.Duration((s.times[0].minute-t.Minute()+60)%60) * time.Minute)
		if slot.Before(end) {
			slots = append(slots, slot)
		}
	}
	return slots
}

// instant returns the moment at which clocks in a zone show a time; see [Schedule].
func instant(year int, month time.Month, day int, at clock, zone *time.Location) time.Time {
	wall := time.Date(year, month, day, at.hour, at.minute, 0, 0, time.UTC)
	_, before := wall.Add(-26 * time.Hour).In(zone).Zone()
	_, after := wall.Add(26 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(zone)
	second := wall.Add(-time.Duration(after) * time.Second).In(zone)
	if second.Before(first) {
		first, second = second, first
	}
	shows := func(t time.Time) bool { return t.Hour() == at.hour && t.Minute() == at.minute && t.Day() == day }
	switch {
	case shows(first):
		return first
	case shows(second):
		return second
	}
	// Left out: the clock as it went before.
	return wall.Add(-time.Duration(before) * time.Second).In(zone)
}

func (c clock) String() string { return fmt.Sprintf("%02d:%02d", c.hour, c.minute) }

// String says the schedule in words.
func (s Schedule) String() string {
	var at []string
	for _, c := range s.times {
		at = append(at, c.String())
	}
	days := ""
	switch s.kind {
	case hourly:
		return fmt.Sprintf("each hour at minute %02d (%s)", s.times[0].minute, s.location)
	case daily:
		days = "each day"
	case weekly:
		var names []string
		for d := range 7 {
			if day := (d + 1) % 7; s.weekdays[day] {
				names = append(names, strings.ToUpper(weekdayNames[day][:1])+weekdayNames[day][1:])
			}
		}
		days = "each " + strings.Join(names, ", ")
	case monthly:
		var names []string
		for d, on := range s.monthdays {
			switch {
			case on && d == lastDay:
				names = append(names, "the last day")
			case on:
				names = append(names, fmt.Sprintf("day %d", d))
			}
		}
		days = "each month on " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s at %s (%s)", days, strings.Join(at, ", "), s.location)
}

// clockSlack is how far clocks may be apart, of several gateways or of one before it was set.
const clockSlack = time.Hour

// Claims reports whether a slot is to have a run: it lies after the time at which the policy was set, and after
// the last slot that has one. A time that is yet to come is none: a clock that was wrong has left it, and would
// otherwise end all runs until then.
func Claims(slot, since, last, now time.Time) bool {
	for _, t := range []time.Time{since, last} {
		if !slot.After(t) && !WrongClock(t, now) {
			return false
		}
	}
	return true
}

// WrongClock reports whether a time that was noted as past is yet to come.
func WrongClock(t, now time.Time) bool { return t.After(now.Add(clockSlack)) }
