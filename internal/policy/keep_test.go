package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/internal/policy"
)

func days(t *testing.T, texts ...string) []time.Time {
	t.Helper()
	var all []time.Time
	for _, text := range texts {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b time.Time) int { return b.Compare(a) })
	return all
}

// kept returns the indexes of the points that are kept.
func kept(reasons [][]string) (found []int) {
	for i, why := range reasons {
		if len(why) > 0 {
			found = append(found, i)
		}
	}
	return found
}

// The examples of restic's documentation (doc/060_forget.rst).
func TestResticsExamples(t *testing.T) {
	var sundays []time.Time
	for at := time.Date(2019, 11, 17, 11, 0, 0, 0, time.UTC); len(sundays) < 12; at = at.AddDate(0, 0, -7) {
		sundays = append(sundays, at)
	}
	now := sundays[0].Add(time.Hour)
	if got := kept(parse(t, "daily 1:00; keep=4d").Keep.Apply(sundays, now, time.UTC)); !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("keep-daily 4 of weekly snapshots keeps %v", got)
	}
	// One each day for 100 years, keep-daily 7, weekly 5, monthly 12, yearly 75: 7, and 4 last days
	// of a week; 12 or 11 of months; 75 or 74 of years.
	var century []time.Time
	for at := time.Date(2019, 11, 17, 11, 0, 0, 0, time.UTC); at.Year() > 1919; at = at.AddDate(0, 0, -1) {
		century = append(century, at)
	}
	got := kept(parse(t, "daily 1:00; keep=7d,5w,12m,75y").Keep.Apply(century, now, time.UTC))
	if n := len(got); n < 7+4+11+74-2 || n > 7+4+12+75 {
		t.Errorf("a century of days keeps %d", n)
	}
	// An empty policy removes nothing.
	if got := kept(parse(t, "daily 1:00").Keep.Apply(sundays, now, time.UTC)); len(got) != 12 {
		t.Errorf("no rule keeps %v", got)
	}
	// While there are fewer than the count asks for, the oldest stays in addition.
	few := days(t, "2026-01-05 10:00", "2026-01-05 12:00", "2026-01-06 10:00")
	reasons := parse(t, "daily 1:00; keep=5d").Keep.Apply(few, few[0], time.UTC)
	if got := kept(reasons); !slices.Equal(got, []int{0, 1, 2}) || !strings.Contains(reasons[2][0], "oldest") {
		t.Errorf("%v %q", got, reasons)
	}
}

func TestWithin(t *testing.T) {
	points := days(t, "2026-05-01 10:00", "2026-05-01 08:00", "2026-04-30 10:00", "2026-04-02 09:00", "2026-04-01 10:00", "2026-04-01 09:00", "2020-01-01 00:00")
	now := points[0].Add(24 * time.Hour)
	for text, want := range map[string][]int{
		"within=1m":                {0, 1, 2, 3},
		"within=1m1h":              {0, 1, 2, 3, 4},
		"within-daily=2m":          {0, 2, 3, 4},
		"within-yearly=9y":         {0, 6},
		"within=1h; keep=1y":       {0},
		"within-monthly=40d":       {0, 2},
		"within=5min; keep=2m":     {0, 2},
		"within-hourly=2d":         {0, 1, 2},
		"within-weekly=1m; keep=3": {0, 1, 2, 3},
	} {
		if got := kept(parse(t, "daily 1:00; "+text).Keep.Apply(points, now, time.UTC)); !slices.Equal(got, want) {
			t.Errorf("%s keeps %v, want %v", text, got, want)
		}
	}
	// Points of the future stay and do not count.
	if got := kept(parse(t, "daily 1:00; keep=1").Keep.Apply(points, points[1].Add(time.Minute), time.UTC)); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("with a point of the future, keep=1 keeps %v", got)
	}
}

// model is the definition of a rule by numbers: of the n newest periods that have a point, the newest point
// of each; and the oldest point of all if there are fewer such periods.
func model(points []time.Time, period string, n int) map[int]bool {
	newest := map[string]int{}
	var order []string
	for i, at := range points {
		year, week := at.ISOWeek()
		key := map[string]string{"": fmt.Sprint(i), "h": at.Format("2006010215"), "d": at.Format("20060102"),
			"w": fmt.Sprint(year, week), "m": at.Format("200601"), "y": at.Format("2006")}[period]
		if _, known := newest[key]; !known {
			newest[key] = i
			order = append(order, key)
		}
	}
	keeps := map[int]bool{}
	for _, key := range order[:min(n, len(order))] {
		keeps[newest[key]] = true
	}
	if len(order) < n && len(points) > 0 {
		keeps[len(points)-1] = true
	}
	return keeps
}

func TestKeepIsTheModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	units := []string{"", "h", "d", "w", "m", "y"}
	for round := range 2000 {
		var points []time.Time
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for range r.IntN(60) {
			at = at.Add(-time.Duration(r.Int64N(int64([]time.Duration{time.Hour, 30 * time.Hour, 600 * time.Hour}[r.IntN(3)]))))
			points = append(points, at)
		}
		want := map[int]bool{}
		var rules []string
		for _, unit := range units {
			if n := r.IntN(9); n > 0 && r.IntN(2) == 0 {
				rules = append(rules, fmt.Sprintf("%d%s", n, unit))
				for i := range model(points, unit, n) {
					want[i] = true
				}
			}
		}
		if len(rules) == 0 {
			continue
		}
		text := "daily 1:00; keep=" + strings.Join(rules, ",")
		got := kept(parse(t, text).Keep.Apply(points, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC))
		if len(got) != len(want) || slices.ContainsFunc(got, func(i int) bool { return !want[i] }) {
			t.Fatalf("round %d: %s of %v keeps %v, want %v", round, text, points, got, want)
		}
	}
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return time.Date(2026, 6, n, 2, 0, 0, 0, time.UTC) }
	run := func(id, parent string, n int) policy.Backup {
		return policy.Backup{ID: id, ParentID: parent, Slot: day(n), CreatedAt: day(n), Complete: true}
	}
	p := parse(t, "daily 02:00; incremental; keep=2")
	decide := func(p *policy.Policy, backups ...policy.Backup) string {
		decisions := policy.Decide(p, backups, now, false)
		return strings.Join(policy.Goers(backups, decisions), " ")
	}
	broken, byHand, old := run("e", "", 9), policy.Backup{ID: "h", CreatedAt: day(1), Complete: true}, run("x", "", 1)
	broken.Complete, broken.Status = false, "error"
	expired := byHand
	expired.Expires = now.Add(-time.Hour)
	later := byHand
	later.Expires = now.Add(time.Hour)
	old.Expires = now.Add(-time.Hour)
	child := run("c", "h", 9)
	child.Complete = false
	for _, test := range []struct {
		what, goes string
		p          *policy.Policy
		backups    []policy.Backup
	}{
		{"children go before their parents", "b2 b1 a", &p, []policy.Backup{run("a", "", 1), run("b1", "a", 2), run("b2", "b1", 3), run("f", "", 4), run("g", "f", 5)}},
		{"a chain stays while its last backup does", "", &p, []policy.Backup{run("a", "", 1), run("b1", "a", 2), run("b2", "b1", 3)}},
		{"the newest complete one stays, however many newer ones failed", "", &p, []policy.Backup{run("a", "", 1), broken}},
		{"a backup that failed does not count", "a", &p, []policy.Backup{run("a", "", 1), run("b", "", 2), run("c", "", 3), broken}},
		{"backups by hand stay", "a", &p, []policy.Backup{byHand, run("a", "", 2), run("b", "", 3), run("c", "", 4)}},
		{"without a policy, all stay", "", nil, []policy.Backup{run("a", "", 2), run("b", "", 3), run("c", "", 4)}},
		{"one by hand goes when it expires", "h", nil, []policy.Backup{expired}},
		{"and not before", "", nil, []policy.Backup{later}},
		{"an expired one stays while a child is being made", "", &p, []policy.Backup{expired, child}},
		{"a run's backup that expired goes in spite of the policy", "x", &p, []policy.Backup{old, run("a", "", 2)}},
		{"but not if it is the newest complete one", "", &p, []policy.Backup{old, broken}},
	} {
		if got := decide(test.p, test.backups...); got != test.goes {
			t.Errorf("%s: %q go, want %q", test.what, got, test.goes)
		}
	}
	for _, d := range policy.Decide(&p, []policy.Backup{run("a", "", 1), run("b1", "a", 2), run("b2", "b1", 3), byHand, broken}, now, false) {
		if len(d.Reasons) == 0 {
			t.Errorf("%s has no reason", d.ID)
		}
	}
}

// A year of days, with the clocks of Berlin: never fewer than the policy keeps, chains whole.
func TestSimulateAYear(t *testing.T) {
	p := parse(t, "daily 02:30 Europe/Berlin; incremental; full=7; keep=7d,4w,12m")
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := p.Simulate(nil, from, from.AddDate(1, 0, 0), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 365 {
		t.Errorf("%d runs", len(s.Events))
	}
	there := map[string]policy.Backup{}
	for _, b := range s.Left {
		there[b.ID] = b
	}
	for _, b := range s.Left {
		if b.ParentID != "" && there[b.ParentID].ID == "" {
			t.Errorf("%s has lost its parent %s", b.ID, b.ParentID)
		}
	}
	byRule := 0
	for _, d := range s.Why {
		if !strings.Contains(strings.Join(d.Reasons, " "), "build") {
			byRule++
		}
	}
	if byRule < 7+3+10 || byRule > 7+4+12+1 {
		t.Errorf("%d are kept by a rule", byRule)
	}
	if full := slices.IndexFunc(s.Events[1:], func(e policy.Event) bool { return !e.Incremental }); full != 6 {
		t.Errorf("the second full backup is run %d", full+2)
	}
}

func TestForecast(t *testing.T) {
	p := parse(t, "daily 02:00; keep=3")
	at := func(day int) time.Time { return time.Date(2026, 6, day, 2, 0, 0, 0, time.UTC) }
	var backups []policy.Backup
	for day := 1; day <= 3; day++ {
		backups = append(backups, policy.Backup{ID: fmt.Sprint("b", day), Slot: at(day), CreatedAt: at(day), Complete: true})
	}
	backups = append(backups, policy.Backup{ID: "hand", CreatedAt: at(1), Complete: true})
	got := p.Forecast(backups, at(3).Add(time.Hour), false)
	for id, day := range map[string]int{"b1": 4, "b2": 5, "b3": 6} {
		if !got[id].Equal(at(day)) {
			t.Errorf("%s goes %v, want %v", id, got[id], at(day))
		}
	}
	if len(got) != 3 {
		t.Errorf("forecast: %v", got)
	}
	if got := parse(t, "daily 02:00").Forecast(backups, at(4), false); len(got) != 0 {
		t.Errorf("without rules: %v", got)
	}
}
