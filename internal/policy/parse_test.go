package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cindergate/internal/policy"
)

func parse(t *testing.T, text string) policy.Policy {
	t.Helper()
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return p
}

func TestParse(t *testing.T) {
	for _, test := range []struct{ text, schedule, keep string }{
		{"hourly", "each hour at minute 00 (UTC)", "keep all"},
		{"Hourly :15 Asia/Kolkata", "each hour at minute 15 (Asia/Kolkata)", "keep all"},
		{"every 6h", "each day at 00:00, 06:00, 12:00, 18:00 (UTC)", "keep all"},
		{"every 8h 23:30 Europe/Berlin", "each day at 07:30, 15:30, 23:30 (Europe/Berlin)", "keep all"},
		{"daily 2:30", "each day at 02:30 (UTC)", "keep all"},
		{"daily 14:00,02:30,14:00 ; keep=3,24h,7d,4w,12m,2y;", "each day at 02:30, 14:00 (UTC)", "keep the last 3, 24 hourly, 7 daily, 4 weekly, 12 monthly, 2 yearly"},
		{"weekly Sunday,mon 03:00; keep=alld; within=1y6m; within-weekly=14d", "each Monday, Sunday at 03:00 (UTC)", "keep all daily, all within 1y6m, weekly within 14d"},
		{"monthly 1,15,last 23:59 America/New_York", "each month on day 1, day 15, the last day at 23:59 (America/New_York)", "keep all"},
	} {
		p := parse(t, test.text)
		if got := p.Schedule.String(); got != test.schedule {
			t.Errorf("%q: schedule %q, want %q", test.text, got, test.schedule)
		}
		if got := p.Keep.String(); got != test.keep {
			t.Errorf("%q: %q, want %q", test.text, got, test.keep)
		}
	}
	p := parse(t, "daily 02:30 Europe/Berlin; incremental; keep=7d,4w,12m; copy=west; jitter=30min; paused; always")
	if p.Chain != 7 || p.Copy != "west" || p.Jitter != 30*time.Minute || !p.Paused || !p.Always {
		t.Errorf("%+v", p)
	}
	for text, chain := range map[string]int{"daily 1:00": 1, "daily 1:00; full": 1, "daily 1:00; full=30": 30, "daily 1:00; full=2; incremental": 2} {
		if p := parse(t, text); p.Chain != chain {
			t.Errorf("%q: a chain of %d, want %d", text, p.Chain, chain)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct{ text, word, rule string }{
		{"", "", "begins with"},
		{"  ; keep=1", "", "begins with"},
		{"dayly 02:30", "dayly", "begins with"},
		{"daily", "", "a time is missing"},
		{"daily 25:00", "25:00", "from 00:00 to 23:59"},
		{"daily 2:3", "2:3", "HH:MM"},
		{"daily 02:30,", "02:30,", "HH:MM"},
		{"daily 02:30 Europe/Atlantis", "Europe/Atlantis", "IANA"},
		{"daily 02:30 Local", "Local", "IANA"},
		{"daily 02:30 ../../etc/passwd", "../../etc/passwd", "IANA"},
		{"daily 02:30 UTC full", "full", "separated by ;"},
		{"daily 02:30 UTC; full incremental", "incremental", "separated by ;"},
		{"daily 02:30; full; incremental", "incremental", "full or incremental"},
		{"daily 02:30; incremental; full", "full", "full or incremental"},
		{"daily 02:30; full=1", "1", "2 to 1000"},
		{"daily 02:30; full=x", "x", "2 to 1000"},
		{"daily 02:30; keep=", "keep=", "needs a value"},
		{"daily 02:30; keep=7x", "7x", "keep takes numbers"},
		{"daily 02:30; keep=0d", "0d", "keep takes numbers"},
		{"daily 02:30; keep=-1d", "-1d", "keep takes numbers"},
		{"daily 02:30; keep=7d,3d", "7d,3d", "twice"},
		{"daily 02:30; keep=7d; keep=3w", "keep=3w", "stands twice"},
		{"daily 02:30; within=7", "7", "time span"},
		{"daily 02:30; within=0d", "0d", "time span"},
		{"daily 02:30; within=9999999y", "9999999y", "time span"},
		{"daily 02:30; within-last=7d", "within-last=7d", "within-hourly"},
		{"daily 02:30; jitter=7h", "7h", "at most 6h"},
		{"daily 02:30; jitter=1m", "1m", "at most 6h"},
		{"daily 02:30; paused=yes", "paused=yes", "a clause is"},
		{"daily 02:30; kepp=7d", "kepp=7d", "a clause is"},
		{"hourly :60", ":60", ":00 to :59"},
		{"every 5h", "5h", "2h, 3h"},
		{"every 6h 01:00,02:00", "01:00,02:00", "one time"},
		{"weekly xyz 02:30", "xyz", "mon, tue"},
		{"weekly mon", "", "time is missing"},
		{"monthly 32 02:30", "32", "1 to 31"},
		{"monthly 0 02:30", "0", "1 to 31"},
		{strings.Repeat("x", 1001), "", "at most 1000"},
	} {
		_, err := policy.Parse(test.text)
		var bad *policy.SyntaxError
		if !errors.As(err, &bad) {
			t.Errorf("%q: %v, want a mistake", test.text, err)
			continue
		}
		if bad.Word != test.word || !strings.Contains(bad.Rule, test.rule) {
			t.Errorf("%q: word %q: %s; want %q: …%s", test.text, bad.Word, bad.Rule, test.word, test.rule)
		}
		if got := bad.Text[bad.Offset:]; !strings.HasPrefix(got, bad.Word) {
			t.Errorf("%q: the offset points at %q", test.text, got)
		}
	}
	_, err := policy.Parse("daily 02:30; keep=7x")
	if want := `word 3, "7x": `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s…", err, want)
	}
	var bad *policy.SyntaxError
	if errors.As(err, &bad) && bad.Pointer() != "daily 02:30; keep=7x\n                  ^^" {
		t.Errorf("pointer:\n%s", bad.Pointer())
	}
}

func TestBook(t *testing.T) {
	book := policy.Book{
		Named:   map[string]policy.Policy{"gold": parse(t, "hourly"), "silver": parse(t, "daily 1:00")},
		Default: "silver", Projects: map[string]string{"p1": "gold", "p2": "off"},
	}
	type values = map[string]string
	for _, test := range []struct {
		metadata, specs values
		project, from   string
		text            string
	}{
		{nil, nil, "p0", "the operator's default=silver", "daily 1:00"},
		{nil, nil, "p1", "the operator's default for the project=gold", "hourly"},
		{nil, nil, "p2", "", ""},
		{nil, values{policy.NameKey: "gold"}, "p0", "extra spec of the volume's type cindergate:policy=gold", "hourly"},
		{values{policy.NameKey: "silver"}, values{policy.NameKey: "gold"}, "p1", "metadata cindergate:policy=silver", "daily 1:00"},
		{values{policy.Key: "daily 3:00", policy.NameKey: "silver"}, nil, "p1", "metadata cindergate:backup", "daily 3:00"},
		{values{policy.Key: "Off"}, values{policy.NameKey: "gold"}, "p1", "", ""},
		{values{policy.NameKey: ""}, values{policy.NameKey: "gold"}, "p1", "", ""},
	} {
		got, err := book.Of(test.metadata, test.specs, test.project)
		if err != nil || (got == nil) != (test.from == "") || got != nil && (got.From != test.from || got.String() != test.text) {
			t.Errorf("%v %v %s: %+v, %v; want %q from %q", test.metadata, test.specs, test.project, got, err, test.text, test.from)
		}
	}
	for _, bad := range []values{{policy.NameKey: "bronze"}, {policy.Key: "x"}, {policy.Key: "daily 1:00", policy.NameKey: "bronze"}} {
		if err := book.Check("metadata", bad); err == nil || !strings.Contains(err.Error(), "metadata cindergate:") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := book.Check("metadata", values{policy.Key: "off", policy.NameKey: "gold", "else": "x"}); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	made := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]string{
		"2027-05-01T10:00:00+02:00": "2027-05-01T08:00:00Z",
		"2027-05-01":                "2027-05-02T00:00:00Z",
		"30d":                       "2027-03-02T12:00:00Z",
		"1y2m3d4h":                  "2028-04-03T16:00:00Z",
	} {
		if got, err := policy.ParseExpiry(value, made); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %v, %v; want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"", "x", "30", "0d", "-1d", "2027-13-01", "1d1d"} {
		if got, err := policy.ParseExpiry(value, made); err == nil {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"daily 02:30 Europe/Berlin; incremental; full=7; keep=7d,4w,12m; copy=west", "hourly :59; within-daily=1y", "monthly last 0:00", ";;"} {
		f.Add(text)
	}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Parse(text)
		if err != nil {
			var bad *policy.SyntaxError
			if !errors.As(err, &bad) || !strings.HasPrefix(bad.Text[bad.Offset:], bad.Word) {
				t.Fatalf("%v", err)
			}
			_ = bad.Pointer()
			return
		}
		next := p.Schedule.Next(from)
		if !next.After(from) || next.Sub(from) > 32*24*time.Hour || !p.Schedule.Last(next).Equal(next) || p.Schedule.Last(next.Add(-1)).After(from) {
			t.Fatalf("%q: next %v, last %v", text, next, p.Schedule.Last(next.Add(-1)))
		}
	})
}
