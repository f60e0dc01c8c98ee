package console

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"
)

func TestCommand(t *testing.T) {
	for want, words := range map[string][]string{
		"openstack volume show a-b_c":  {"openstack", "volume", "show", "a-b_c"},
		`x 'a b' '' 'it'\''s' '$(rm)'`: {"x", "a b", "", "it's", "$(rm)"},
		"x '<b>;'":                     {"x", "<b>;"},
	} {
		if got := command(words...); got != want {
			t.Errorf("%q: %s", words, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10 << 20: "10.0 MiB", 1 << 40: "1.00 TiB", 500 << 30: "500 GiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", 1234567: "1\u202f234\u202f567", -1000: "-1\u202f000"} {
		if got := number(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s", 59 * time.Second: "59 s", time.Hour + time.Second: "1 h", 90 * time.Minute: "1 h 30 min", 49*time.Hour + time.Minute: "2 d 1 h"} {
		if got := spanText(d); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}

// A disk that fills by 1 GiB a day is full when the rest is used up; one that does not grow, never.
func TestForecast(t *testing.T) {
	const gib = 1 << 30
	now := start
	var samples []sample
	for day := -10; day <= 0; day++ {
		samples = append(samples, sample{now.AddDate(0, 0, day).Unix(), int64(20+day) * gib})
	}
	perDay, full, why := forecast(samples, Space{"a", 20 * gib, 50 * gib}, now)
	if perDay < gib-gib/100 || perDay > gib+gib/100 || full.Sub(now).Round(time.Hour) != 30*24*time.Hour || why != "" {
		t.Errorf("%d a day, full on %s %s", perDay, full, why)
	}
	for i := range samples {
		samples[i].Used = 20 * gib
	}
	if _, full, why = forecast(samples, Space{"a", 20 * gib, 50 * gib}, now); !full.IsZero() || !strings.Contains(why, "ten years") {
		t.Errorf("without growth: %s %s", full, why)
	}
	if _, full, why = forecast(samples[10:], Space{"a", 20 * gib, 50 * gib}, now); !full.IsZero() || why != "known after a day" {
		t.Errorf("at first: %s %s", full, why)
	}
}

// What was sampled is there after a restart. A file that cannot be read is no harm.
func TestHistory(t *testing.T) {
	clock := clockwork.NewFakeClockAt(start)
	used := int64(1)
	o := Options{Clock: clock, Log: zap.NewNop(), HistoryFile: filepath.Join(t.TempDir(), "space.json"), Spaces: func(context.Context) []Space { return []Space{{"a", used, 100}} }}
	w := newWatch(o)
	w.sample(t.Context())
	w.sample(t.Context()) // too early: a restart
	clock.Advance(sampleEvery)
	used = 2
	w.sample(t.Context())
	w = newWatch(o)
	if now := w.now(t.Context()); len(now) != 1 || len(now[0].Samples) != 3 || now[0].Samples[0].Used != 1 || now[0].Plot == nil || now[0].Plot.Line == "" {
		t.Errorf("%+v", now)
	}
	must(t, os.WriteFile(o.HistoryFile, []byte("no JSON"), 0o600))
	if w = newWatch(o); len(w.samples) != 0 {
		t.Errorf("%v", w.samples)
	}
}

// Problems of backends stay in sight, and their reasons are for admins.
func TestHealth(t *testing.T) {
	clock := clockwork.NewFakeClockAt(start)
	problem := "The disk of the data directory is full."
	w := newWatch(Options{Clock: clock, Health: func(context.Context) (map[string]string, error) { return map[string]string{"here": problem}, nil }})
	if h := w.healths(t.Context(), false); len(h) != 1 || h[0].Problem != "unavailable" || h[0].Last != "" {
		t.Errorf("for a tenant: %+v", h)
	}
	clock.Advance(time.Minute)
	problem = ""
	if h := w.healths(t.Context(), true); len(h) != 1 || h[0].Problem != "" || h[0].Last != "The disk of the data directory is full." || !h[0].LastAt.Equal(start) {
		t.Errorf("for an admin: %+v", h)
	}
	w.o.Stores = func(context.Context) (map[string]string, error) {
		return map[string]string{"here": "", "here: archive": "It is away."}, nil
	}
	if h := w.healths(t.Context(), true); len(h) != 3 || h[0].Store || h[1].Last != "" || !h[2].Store || h[2].Last != "It is away." {
		t.Errorf("with stores: %+v", h)
	}
	if h := w.healths(t.Context(), false); len(h) != 1 {
		t.Errorf("a tenant sees stores: %+v", h)
	}
	// A store that hangs does not hang the page: it shows what is known, and of when.
	clock.Advance(time.Minute)
	w.o.Stores = func(ctx context.Context) (map[string]string, error) { <-ctx.Done(); return nil, ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), 20*healthTime)
	defer cancel()
	if h := w.healths(ctx, true); ctx.Err() != nil || len(h) != 3 || h[0].Old || !h[2].Old || h[2].Problem != "It is away." || !h[2].AskedAt.Equal(start.Add(time.Minute)) {
		t.Errorf("while a store hangs: %+v", h)
	}
	w = newWatch(Options{Clock: clock, Health: func(context.Context) (map[string]string, error) { return nil, errors.New("gone") }})
	if h := w.healths(t.Context(), true); len(h) != 0 {
		t.Errorf("%+v", h)
	}
}

// Parents that the backend tells decide on chains; without them, times do.
func TestChains(t *testing.T) {
	at := func(id string, hours int, incremental bool, status string) backup {
		return backup{ID: id, Status: status, Incremental: incremental, CreatedAt: stamp{start.Add(time.Duration(hours) * time.Hour)}}
	}
	backups := []backup{at("e", 5, true, "available"), at("d", 4, false, "available"), at("c", 3, true, "available"), at("x", 2, true, "error"), at("b", 1, true, "available"), at("a", 0, false, "available")}
	words := func(chains []chain) string {
		var all []string
		for _, c := range chains {
			for _, l := range c.Links {
				all = append(all, l.Backup.ID+"<"+l.Parent)
			}
			all = append(all, "|")
		}
		return strings.Join(all, " ")
	}
	guessed := chainsOf(backups, nil, nil, false, start)
	if got := words(guessed); got != "d< e<d | a< b<a x<b c<b |" || !guessed[0].Guessed || guessed[1].Links[0].Delete != "is refused: 1 backup builds on it" {
		t.Errorf("guessed: %s %+v", got, guessed[1].Links[0])
	}
	known := chainsOf(backups, map[string]string{"a": "", "b": "a", "x": "b", "c": "a", "d": "", "e": "c"}, nil, true, start)
	if got := words(known); got != "d< | a< b<a x<b c<a e<c |" || known[1].Guessed || !known[1].Branched || !strings.Contains(known[1].Links[0].Delete, "2 backups build on it and will get what is needed of it") {
		t.Errorf("known: %s", got)
	}
	lost := chainsOf(backups[:1], map[string]string{"e": "gone"}, nil, false, start)
	if got := words(lost); got != "e<gone |" {
		t.Errorf("a parent that is not there: %s", got)
	}
}

// Sizes are in bytes where the backend tells them, and of a chain only if it tells all.
func TestSizes(t *testing.T) {
	data := int64(5 << 20)
	backups := []backup{{ID: "a", Objects: 2, Status: "available"}, {ID: "b", Objects: 1, Incremental: true, Status: "available"}}
	some := chainsOf(backups, nil, map[string]*decision{"a": {Bytes: &data}}, false, start)[0]
	if got := some.Links[0].Size() + ", " + some.Links[1].Size() + ", " + some.Size(); got != "5.00 MiB in 2 objects, 1 object, " {
		t.Error(got)
	}
	all := chainsOf(backups, nil, map[string]*decision{"a": {Bytes: &data}, "b": {Bytes: new(int64)}}, false, start)[0]
	if got := all.Links[1].Size() + ", " + all.Size(); got != "0 B in 1 object, 5.00 MiB" {
		t.Error(got)
	}
}

// A lock keeps a backup until its time.
func TestLocked(t *testing.T) {
	b := backup{Status: "available", Metadata: map[string]string{"cindergate:locked-until": "2026-12-01T00:00:00Z"}}
	if got := onDelete(&b, 0, true, start); got != "is refused: it is locked until 2026-12-01 00:00 UTC" {
		t.Error(got)
	}
	if got := onDelete(&b, 0, true, start.AddDate(0, 1, 0)); got != "removes this backup only" {
		t.Error(got)
	}
}

// Days show the worst that happened, in words and marks as well.
func TestDays(t *testing.T) {
	for want, d := range map[string]day{
		"failed ✗ 2026-11-28: 1 backup done, 2 backups failed": {Date: "2026-11-28", Done: 1, Failed: 2, Known: true},
		"done ✓ 2026-11-28: 1 backup done":                     {Date: "2026-11-28", Done: 1},
		"running … 2026-11-28: 1 backup running":               {Date: "2026-11-28", Running: 1},
		"nothing · 2026-11-28: no backup":                      {Date: "2026-11-28", Known: true},
		"unknown ? 2026-11-28: not read":                       {Date: "2026-11-28"},
	} {
		if got := d.Class() + " " + d.Mark() + " " + d.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
