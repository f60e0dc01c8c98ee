package policy_test

import (
	"slices"
	"testing"
	"time"
)

// slots returns the first n slots after a time, in the zone of the policy.
func slots(t *testing.T, text, after string, n int) []string {
	t.Helper()
	s := parse(t, text).Schedule
	at, err := time.ParseInLocation("2006-01-02 15:04", after, s.Location())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for range n {
		at = s.Next(at)
		found = append(found, at.Format("01-02 15:04 -0700"))
		if last := s.Last(at); !last.Equal(at) {
			t.Errorf("%s: Last(%v) = %v", text, at, last)
		}
		if before := s.Last(at.Add(-time.Second)); !before.Before(at) || !s.Next(before).Equal(at) {
			t.Errorf("%s: the slot before %v is %v, and after that comes %v", text, at, before, s.Next(before))
		}
	}
	return found
}

// Clocks in Berlin went forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00; in New York
// forward on 2026-03-08 at 02:00 and back on 2026-11-01 at 02:00; on Lord Howe Island, by half an
// hour, back on 2026-04-05 at 02:00 and forward on 2026-10-04 at 02:00; in Cairo forward on
// 2026-04-24 at 00:00.
func TestSlots(t *testing.T) {
	for _, test := range []struct {
		text, after string
		want        []string
	}{
		{"daily 02:30 Europe/Berlin", "2026-03-27 12:00", []string{"03-28 02:30 +0100", "03-29 03:30 +0200", "03-30 02:30 +0200"}},
		{"daily 02:30 Europe/Berlin", "2026-10-24 12:00", []string{"10-25 02:30 +0200", "10-26 02:30 +0100"}},
		{"daily 02:30,03:30 Europe/Berlin", "2026-03-29 00:00", []string{"03-29 03:30 +0200", "03-30 02:30 +0200"}},
		{"hourly :30 Europe/Berlin", "2026-03-29 00:45", []string{"03-29 01:30 +0100", "03-29 03:30 +0200", "03-29 04:30 +0200"}},
		{"hourly :30 Europe/Berlin", "2026-10-25 01:45", []string{"10-25 02:30 +0200", "10-25 02:30 +0100", "10-25 03:30 +0100"}},
		{"daily 01:30 America/New_York", "2026-10-31 12:00", []string{"11-01 01:30 -0400", "11-02 01:30 -0500"}},
		{"daily 02:15 America/New_York", "2026-03-07 12:00", []string{"03-08 03:15 -0400", "03-09 02:15 -0400"}},
		{"daily 02:15 Australia/Lord_Howe", "2026-10-03 12:00", []string{"10-04 02:45 +1100", "10-05 02:15 +1100"}},
		{"daily 01:45 Australia/Lord_Howe", "2026-04-04 12:00", []string{"04-05 01:45 +1100", "04-06 01:45 +1030"}},
		{"daily 00:00 Africa/Cairo", "2026-04-23 12:00", []string{"04-24 01:00 +0300", "04-25 00:00 +0300"}},
		{"every 12h 02:30 Europe/Berlin", "2026-03-28 20:00", []string{"03-29 03:30 +0200", "03-29 14:30 +0200"}},
		{"weekly fri,mon 06:00", "2026-11-28 00:00", []string{"11-30 06:00 +0000", "12-04 06:00 +0000", "12-07 06:00 +0000"}},
		{"monthly 31 06:00", "2026-01-31 07:00", []string{"02-28 06:00 +0000", "03-31 06:00 +0000", "04-30 06:00 +0000"}},
		{"monthly 30,last 06:00", "2028-01-31 07:00", []string{"02-29 06:00 +0000", "03-30 06:00 +0000", "03-31 06:00 +0000", "04-30 06:00 +0000"}},
	} {
		if got := slots(t, test.text, test.after, len(test.want)); !slices.Equal(got, test.want) {
			t.Errorf("%s after %s:\n got %q\nwant %q", test.text, test.after, got, test.want)
		}
	}
}

// A daily schedule has one slot on each day of the calendar, whatever the clocks do.
func TestOneSlotADay(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Tehran", "UTC"} {
		for _, at := range []string{"00:00", "00:30", "01:59", "02:00", "02:30", "03:00", "23:30"} {
			s := parse(t, "daily "+at+" "+zone).Schedule
			slot := s.Next(time.Date(2025, 12, 31, 23, 59, 0, 0, s.Location()))
			for day := range 366 {
				want := time.Date(2026, 1, 1+day, 12, 0, 0, 0, s.Location())
				if got := slot.In(s.Location()); got.YearDay() != want.YearDay() {
					t.Fatalf("daily %s %s: slot %v, want one on %s", at, zone, got, want.Format(time.DateOnly))
				}
				slot = s.Next(slot)
			}
		}
	}
}

func TestDelay(t *testing.T) {
	p := parse(t, "daily 02:30; jitter=30min")
	seen := map[time.Duration]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		d := p.Delay(id)
		if d < 0 || d >= 30*time.Minute || d != p.Delay(id) {
			t.Errorf("%s: %v", id, d)
		}
		seen[d] = true
	}
	if len(seen) < 3 {
		t.Errorf("all begin at %v", seen)
	}
}
