package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones on machines that have no files of them
)

// maxText is the longest policy, in bytes. A value of metadata has at most 255 characters; those
// in the configuration may be longer.
const maxText = 1000

// Bounds of numbers in a policy.
const (
	maxChain  = 1000
	maxCount  = 10000
	maxYears  = 100
	maxJitter = 6 * time.Hour
)

// word is one word of a policy.
type word struct {
	text string
	at   int // in the whole text
}

// parser collects the clauses of one policy.
type parser struct {
	text string
	seen map[string]bool
	p    Policy
}

// Parse reads a policy. A mistake is a [*SyntaxError].
//
//	SCHEDULE [; CLAUSE]...
//
//	SCHEDULE  hourly [:MM] [ZONE]
//	          every 2h|3h|4h|6h|8h|12h [HH:MM] [ZONE]
//	          daily HH:MM[,HH:MM]... [ZONE]
//	          weekly DAY[,DAY]... HH:MM[,HH:MM]... [ZONE]      mon … sun
//	          monthly DAY[,DAY]... HH:MM[,HH:MM]... [ZONE]     1 … 31, last
//	CLAUSE    full | incremental | full=N | synthetic
//	          keep=N,Nh,Nd,Nw,Nm,Ny      as many of the last, of hours, days, weeks, months, years
//	          within=D, within-hourly=D … within-yearly=D      D: 2y5m7d3h
//	          lock=D | copy=BACKEND | jitter=D | paused | always
func Parse(text string) (Policy, error) {
	if len(text) > maxText {
		return Policy{}, &SyntaxError{Text: text[:maxText], Offset: maxText, Rule: fmt.Sprintf("a policy has at most %d bytes", maxText)}
	}
	r := parser{text: text, seen: map[string]bool{}, p: Policy{Chain: 1, text: text}}
	at := 0
	for i, clause := range strings.Split(text, ";") {
		words := split(clause, at)
		at += len(clause) + 1
		if i == 0 {
			if err := r.schedule(words); err != nil {
				return Policy{}, err
			}
			continue
		}
		if len(words) == 0 {
			continue // a ; at the end
		}
		if len(words) > 1 {
			return Policy{}, r.wrong(words[1], "clauses are separated by ;")
		}
		if err := r.clause(words[0]); err != nil {
			return Policy{}, err
		}
	}
	if r.seen["incremental"] && r.p.Chain == 1 {
		r.p.Chain = defaultFull
	}
	if r.p.Synthetic && r.p.Chain == 1 {
		return Policy{}, &SyntaxError{Text: text, Offset: len(text), Rule: "synthetic full backups are made of a chain: the policy must be incremental, or full=N"}
	}
	return r.p, nil
}

// split returns the words of a clause that begins at an offset of the text.
func split(clause string, at int) []word {
	var words []word
	rest := clause
	for {
		trimmed := strings.TrimLeft(rest, " \t")
		at += len(rest) - len(trimmed)
		if trimmed == "" {
			return words
		}
		end := strings.IndexAny(trimmed, " \t")
		if end < 0 {
			end = len(trimmed)
		}
		words = append(words, word{trimmed[:end], at})
		at, rest = at+end, trimmed[end:]
	}
}

func (r *parser) wrong(w word, rule string) error {
	return &SyntaxError{Text: r.text, Offset: w.at, Word: w.text, Rule: rule}
}

func (r *parser) missing(after word, rule string) error {
	return &SyntaxError{Text: r.text, Offset: after.at + len(after.text), Rule: rule}
}

const scheduleRule = "a policy begins with hourly, every, daily, weekly or monthly"

// schedule reads the first clause.
func (r *parser) schedule(words []word) error {
	if len(words) == 0 {
		return &SyntaxError{Text: r.text, Rule: scheduleRule}
	}
	s := &r.p.Schedule
	s.location = time.UTC
	kind, rest := words[0], words[1:]
	next := func(rule string) (word, error) {
		if len(rest) == 0 {
			return word{}, r.missing(words[len(words)-1], rule)
		}
		w := rest[0]
		rest = rest[1:]
		return w, nil
	}
	times := func() error {
		w, err := next("a time is missing: HH:MM")
		if err != nil {
			return err
		}
		s.times, err = r.times(w)
		return err
	}
	var err error
	switch strings.ToLower(kind.text) {
	case "hourly":
		s.kind = hourly
		if len(rest) > 0 && strings.HasPrefix(rest[0].text, ":") {
			w := rest[0]
			rest = rest[1:]
			minute, bad := strconv.Atoi(w.text[1:])
			if bad != nil || len(w.text) != 3 || minute < 0 || minute > 59 {
				return r.wrong(w, "the minute of the hour is :00 to :59")
			}
			s.times = []clock{{0, minute}}
		} else {
			s.times = []clock{{}}
		}
	case "every":
		err = r.every(s, next, &rest)
	case "daily":
		s.kind = daily
		err = times()
	case "weekly":
		s.kind = weekly
		var w word
		if w, err = next("a day is missing: mon, tue, wed, thu, fri, sat or sun"); err == nil {
			if err = r.weekdays(s, w); err == nil {
				err = times()
			}
		}
	case "monthly":
		s.kind = monthly
		var w word
		if w, err = next("a day is missing: 1 to 31, or last"); err == nil {
			if err = r.monthdays(s, w); err == nil {
				err = times()
			}
		}
	default:
		return r.wrong(kind, scheduleRule)
	}
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	zone := rest[0]
	if s.location, err = time.LoadLocation(zone.text); err != nil || zone.text == "Local" {
		return r.wrong(zone, "this is no time zone of the IANA database, such as UTC or Europe/Berlin")
	}
	if len(rest) > 1 {
		return r.wrong(rest[1], "nothing stands behind the time zone; clauses are separated by ;")
	}
	return nil
}

// every reads the rest of "every 6h 01:30".
func (r *parser) every(s *Schedule, next func(string) (word, error), rest *[]word) error {
	const rule = "every takes 2h, 3h, 4h, 6h, 8h or 12h"
	w, err := next(rule)
	if err != nil {
		return err
	}
	step, err := strconv.Atoi(strings.TrimSuffix(strings.ToLower(w.text), "h"))
	if err != nil || !strings.HasSuffix(strings.ToLower(w.text), "h") || !slices.Contains([]int{2, 3, 4, 6, 8, 12}, step) {
		return r.wrong(w, rule)
	}
	first := clock{}
	if len(*rest) > 0 && (*rest)[0].text[0] >= '0' && (*rest)[0].text[0] <= '9' {
		at := (*rest)[0]
		*rest = (*rest)[1:]
		all, err := r.times(at)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return r.wrong(at, "every takes one time")
		}
		first = all[0]
	}
	s.kind = daily
	for h := first.hour % step; h < 24; h += step {
		s.times = append(s.times, clock{h, first.minute})
	}
	return nil
}

// maxTimes is how many times of a day, or days of a month, a schedule names.
const maxTimes = 24

// times reads HH:MM,HH:MM.
func (r *parser) times(w word) ([]clock, error) {
	var all []clock
	for text := range strings.SplitSeq(w.text, ",") {
		hour, minute, ok := strings.Cut(text, ":")
		h, badHour := strconv.Atoi(hour)
		m, badMinute := strconv.Atoi(minute)
		if !ok || badHour != nil || badMinute != nil || len(hour) > 2 || len(minute) != 2 || h < 0 || h > 23 || m < 0 || m > 59 {
			return nil, r.wrong(w, "a time is HH:MM, from 00:00 to 23:59")
		}
		if c := (clock{h, m}); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if len(all) > maxTimes {
		return nil, r.wrong(w, fmt.Sprintf("at most %d times", maxTimes))
	}
	slices.SortFunc(all, func(a, b clock) int { return (a.hour-b.hour)*60 + a.minute - b.minute })
	return all, nil
}

func (r *parser) weekdays(s *Schedule, w word) error {
	for text := range strings.SplitSeq(strings.ToLower(w.text), ",") {
		day := slices.IndexFunc(weekdayNames, func(name string) bool { return len(text) >= 3 && strings.HasPrefix(name, text) })
		if day < 0 {
			return r.wrong(w, "a day is mon, tue, wed, thu, fri, sat or sun")
		}
		s.weekdays[day] = true
	}
	return nil
}

func (r *parser) monthdays(s *Schedule, w word) error {
	for text := range strings.SplitSeq(strings.ToLower(w.text), ",") {
		day, err := strconv.Atoi(text)
		if text == "last" {
			s.monthdays[lastDay] = true
			continue
		}
		if err != nil || day < 1 || day > 31 {
			return r.wrong(w, "a day of the month is 1 to 31, or last")
		}
		s.monthdays[day] = true
	}
	return nil
}

const clauseRule = "a clause is full, incremental, full=N, synthetic, keep=…, within=…, lock=…, copy=…, jitter=…, paused or always"

// clause reads one clause after the schedule.
func (r *parser) clause(w word) error {
	name, value, valued := strings.Cut(w.text, "=")
	name = strings.ToLower(name)
	inner := word{value, w.at + len(name) + 1}
	if r.seen[name] {
		return r.wrong(w, name+" stands twice")
	}
	r.seen[name] = true
	if valued && value == "" {
		return r.wrong(w, name+"= needs a value")
	}
	switch {
	case name == "full" && !valued:
		if r.seen["incremental"] {
			return r.wrong(w, "a policy is full or incremental")
		}
	case name == "incremental" && !valued:
		if r.seen["full"] && r.p.Chain == 1 {
			return r.wrong(w, "a policy is full or incremental")
		}
	case name == "full":
		n, err := strconv.Atoi(value)
		if err != nil || n < 2 || n > maxChain {
			return r.wrong(inner, fmt.Sprintf("full=N makes each Nth backup full; N is 2 to %d", maxChain))
		}
		r.p.Chain = n
	case name == "keep" && valued:
		return r.keep(inner)
	case strings.HasPrefix(name, "within") && valued:
		return r.within(w, name, inner)
	case name == "copy" && valued:
		r.p.Copy = value
	case name == "lock" && valued:
		d, ok := parseSpan(value)
		if !ok {
			return r.wrong(inner, "lock is how long a backup cannot be deleted, for instance 14d")
		}
		r.p.Lock = d
	case name == "jitter" && valued:
		d, ok := parseSpan(value)
		if !ok || d.Years+d.Months > 0 || d.hours() > maxJitter || d.hours() <= 0 {
			return r.wrong(inner, "jitter is at most 6h, for instance 30min")
		}
		r.p.Jitter = d.hours()
	case name == "paused" && !valued:
		r.p.Paused = true
	case name == "always" && !valued:
		r.p.Always = true
	case name == "synthetic" && !valued:
		r.p.Synthetic = true
	default:
		return r.wrong(w, clauseRule)
	}
	return nil
}

// keep reads 7d,4w,12m.
func (r *parser) keep(w word) error {
	for text := range strings.SplitSeq(strings.ToLower(w.text), ",") {
		digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
		unit := text[len(digits):]
		i := slices.IndexFunc(buckets, func(b bucket) bool { return b.unit == unit })
		n, err := strconv.Atoi(digits)
		bad := i < 0 || err != nil || n < 1 || n > maxCount
		if all := slices.IndexFunc(buckets, func(b bucket) bool { return "all"+b.unit == text }); all >= 0 {
			i, n, bad = all, All, false
		}
		if bad {
			return r.wrong(w, "keep takes numbers of backups: 3 (the last 3), 24h, 7d, 4w, 12m, 2y, or all of them: alld")
		}
		if r.p.Keep.Counts[i] != 0 {
			return r.wrong(w, "keep names "+buckets[i].name+" backups twice")
		}
		r.p.Keep.Counts[i] = n
	}
	return nil
}

// within reads within=14d and within-daily=1m.
func (r *parser) within(whole word, name string, w word) error {
	i := 0
	if kind, ok := strings.CutPrefix(name, "within-"); ok {
		if i = slices.IndexFunc(buckets, func(b bucket) bool { return b.name == kind }); i < 1 {
			return r.wrong(whole, "within, within-hourly, within-daily, within-weekly, within-monthly or within-yearly")
		}
	} else if name != "within" {
		return r.wrong(whole, clauseRule)
	}
	d, ok := parseSpan(w.text)
	if !ok || d.zero() {
		return r.wrong(w, "a time span is made of years, months, weeks, days and hours, for instance 2y5m7d3h")
	}
	r.p.Keep.Within[i] = d
	return nil
}
