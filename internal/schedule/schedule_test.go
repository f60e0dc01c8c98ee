package schedule_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/database/pgtest"
	"cindergate/internal/policy"
	"cindergate/internal/schedule"
)

func TestPolicyOfAWeek(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; full=3; keep=2")
	r.until("2026-11-22 02:29") // the slot of this morning does not count
	r.wantMade("")
	r.until("2026-11-22 02:30")
	r.wantMade("11-22T02:30:00Z full")
	r.until("2026-11-24 12:00")
	r.wantMade("11-22T02:30:00Z full, 11-23T02:30:00Z incr, 11-24T02:30:00Z incr")
	r.until("2026-11-26 12:00")
	r.wantMade("11-25T02:30:00Z full, 11-26T02:30:00Z incr")
	if *r.backups[0].Name != "db 2026-11-25 02:30 +0000" || !r.asked[0].Force {
		t.Errorf("asked for %+v", r.asked[0])
	}
	if r.outcomes["done"] != 5 || r.outcomes["failed"] != 0 {
		t.Errorf("outcomes: %v", r.outcomes)
	}
	if last := r.explain("v1").LastSuccess; last != "2026-11-26T02:30:00Z" {
		t.Errorf("last success: %s", last)
	}
}

// A volume that has grown gets a full backup: the cloud builds no incremental one on what is shorter.
func TestVolumeThatGrows(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; full=7")
	r.until("2026-11-23 12:00")
	r.volumes[0].Size = 2
	if kind := r.explain("v1").NextKind; !strings.HasPrefix(kind, "full: the volume is larger") {
		t.Errorf("next is %q", kind)
	}
	r.until("2026-11-25 12:00")
	r.wantMade("11-22T02:30:00Z full, 11-23T02:30:00Z incr, 11-24T02:30:00Z full, 11-25T02:30:00Z incr")
	if r.outcomes["failed"] != 0 {
		t.Errorf("outcomes: %v", r.outcomes)
	}
}

// A clock that was a year ahead for a while does not end the runs until that year is over, nor repeat one.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; full=100")
	r.until("2026-11-22 12:00")
	r.clock.Advance(year)
	r.pass()
	r.pass()
	if len(r.backups) != 2 {
		t.Fatalf("%+v", r.backups)
	}
	r.clock.Advance(-year)
	r.pass()
	r.pass()
	if len(r.backups) != 2 {
		t.Errorf("a run was made again: %+v", r.backups)
	}
	r.until("2026-11-24 12:00")
	if len(r.backups) != 4 || r.outcomes["done"] != 4 {
		t.Errorf("%d backups, %v", len(r.backups), r.outcomes)
	}
}

// What is left is what a simulation of the policy says, day by day, whether or not backups keep metadata.
func TestThirtyDays(t *testing.T) {
	t.Parallel()
	const text = "daily 02:30 Europe/Berlin; full=4; keep=3d,2w,1m"
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, keeps := range []bool{true, false} {
		r := newRig(t, func(r *rig) { r.poll, r.keeps = 2*time.Hour, keeps })
		r.volume("v1", text)
		for day := 1; day <= 30; day++ {
			noon := start.AddDate(0, 0, day)
			r.until(noon.Format("2006-01-02 15:04"))
			s, err := p.Simulate(nil, start, noon, false)
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, b := range s.Left {
				want = append(want, b.Slot.UTC().Format(time.RFC3339))
			}
			for _, b := range r.explain("v1").Backups {
				got = append(got, b.Slot.UTC().Format(time.RFC3339))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("day %d (%t): there are\n%v\nwant\n%v", day, keeps, got, want)
			}
		}
	}
}

// A request for a backup whose answer is lost is neither sent again nor forgotten.
func TestCrashBetweenClaimAndAnswer(t *testing.T) {
	t.Parallel()
	lost := always(driver.Unavailable, "The answer was lost.")
	for _, keeps := range []bool{true, false} {
		name := "11-22T02:30:00Z full"
		if !keeps {
			name = "db-scheduled-20261122T023000Z full"
		}
		t.Run("made", func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.keeps = keeps })
			r.volume("v1", "daily 02:30")
			r.answer = lost
			r.until("2026-11-22 02:30")
			r.answer = nil
			r.restart()
			r.until("2026-11-22 04:00")
			r.wantMade(name)
			if len(r.asked) != 1 || r.outcomes["done"] != 1 {
				t.Errorf("asked %d times, outcomes %v", len(r.asked), r.outcomes)
			}
			if runs := r.explain("v1").Runs; len(runs) != 1 || runs[0].BackupID != "b1" || runs[0].State != "done" || !strings.Contains(runs[0].Reason, "answer was lost") {
				t.Errorf("runs: %+v", runs)
			}
		})
		t.Run("not made", func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.keeps = keeps })
			r.volume("v1", "daily 02:30")
			r.create = lost
			r.until("2026-11-22 02:30")
			r.create = nil
			r.restart()
			r.until("2026-11-22 02:39")
			if len(r.asked) != 1 {
				t.Fatalf("asked again while the first request may be on its way")
			}
			r.until("2026-11-22 02:41")
			r.wantMade(name)
		})
		t.Run("made late", func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.keeps = keeps })
			r.volume("v1", "daily 02:30")
			r.create = lost
			r.until("2026-11-22 02:30")
			r.create = nil
			r.until("2026-11-22 02:36")
			r.make(project, r.asked[0])
			r.until("2026-11-22 06:00")
			r.wantMade(name)
			if len(r.asked) != 1 {
				t.Errorf("asked %d times", len(r.asked))
			}
		})
	}
}

// Several gateways on one database make one backup for each slot.
func TestTwoSchedulersOnOneDatabase(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				if kind == "postgres" {
					r.url = pgtest.URL(t)
				}
			})
			others := []*schedule.Scheduler{r.scheduler(), r.scheduler()}
			for _, id := range []string{"v1", "v2", "v3"} {
				r.volume(id, "hourly; keep=2")
			}
			for range 8 {
				r.clock.Advance(30 * time.Minute)
				for range 2 {
					var all sync.WaitGroup
					for _, s := range append(others, r.s) {
						all.Go(func() { s.Pass(t.Context()) })
					}
					all.Wait()
				}
			}
			if len(r.asked) != 12 {
				t.Errorf("asked for %d backups, want 12", len(r.asked))
			}
			if len(r.backups) != 6 {
				t.Errorf("there are %d backups, want 6", len(r.backups))
			}
		})
	}
}

// A gateway goes on with the run that another one has claimed.
func TestAnotherGatewayGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, often)
	r.volume("v1", "daily 02:30")
	r.create = always(driver.InvalidState, "Invalid volume: busy.")
	r.until("2026-11-22 02:30")
	r.create = nil
	other := r.scheduler()
	r.clock.Advance(5 * time.Minute)
	other.Pass(t.Context())
	r.wantMade("11-22T02:30:00Z full")
}

func TestCloudAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, often)
	r.volume("v1", "daily 02:30")
	r.until("2026-11-22 12:00")
	away := always(driver.Unavailable, "The cloud is away.")
	r.reading = away
	var waits []time.Duration
	for range 5 {
		wait := r.pass()
		waits = append(waits, wait)
		r.clock.Advance(wait)
	}
	if want := []time.Duration{2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	r.reading = func() error {
		return &driver.Error{Kind: driver.OverLimit, Reason: driver.RateLimited, Message: "slow", RetryAfter: 25 * time.Minute}
	}
	if wait := r.pass(); wait != 25*time.Minute {
		t.Errorf("Retry-After of 25 minutes: waits %v", wait)
	}
	r.reading = away
	r.until("2026-11-25 12:00")
	r.wantMade("11-22T02:30:00Z full")
	r.reading = nil
	r.until("2026-11-25 14:00") // of the slots that were missed, the last one is made up for
	r.wantMade("11-22T02:30:00Z full, 11-25T02:30:00Z full")
	r.listing = away
	r.until("2026-11-26 12:00")
	r.wantMade("11-22T02:30:00Z full, 11-25T02:30:00Z full")
}

func TestRefusedTokenIsRenewed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "daily 02:30")
	r.reading = func() error {
		if r.callers["t1"] == 0 {
			return driver.Errorf(driver.Unauthorized, "expired")
		}
		return nil
	}
	r.until("2026-11-22 02:30")
	r.wantMade("11-22T02:30:00Z full")
}

// Requests stop when the cloud says that there are too many, and the run is not lost.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, often)
	for _, id := range []string{"v1", "v2", "v3"} {
		r.volume(id, "daily 02:30")
	}
	r.create = func() error {
		return &driver.Error{Kind: driver.OverLimit, Reason: driver.RateLimited, Message: "slow", RetryAfter: 10 * time.Minute}
	}
	r.until("2026-11-22 02:30")
	if len(r.asked) != 1 {
		t.Errorf("asked %d times", len(r.asked))
	}
	r.create = nil
	r.until("2026-11-22 02:39")
	r.wantMade("")
	r.until("2026-11-22 03:00")
	if len(r.backups) != 3 {
		t.Errorf("there are %s", r.made())
	}
}

func TestBusyVolumeWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.poll = 10 * time.Minute })
	r.volume("v1", "daily 02:30")
	r.create = always(driver.InvalidState, "Invalid volume: it is busy.")
	r.until("2026-11-22 03:00")
	if n := len(r.asked); n < 3 || n > 10 {
		t.Errorf("tried %d times in half an hour", n)
	}
	r.create = nil
	r.until("2026-11-22 04:00")
	r.wantMade("11-22T02:30:00Z full")
	r.create = always(driver.InvalidState, "Invalid volume: it is busy.")
	r.until("2026-11-24 02:31")
	e := r.explain("v1")
	if e.Failures != 1 || e.Runs[1].State != "failed" || e.Runs[1].Reason != "Invalid volume: it is busy. That did not change until the next run was due." {
		t.Errorf("%d failures, runs %+v", e.Failures, e.Runs)
	}
	if p := r.protected(); len(p) != 1 || p[0].Failures != 1 || p[0].LastSuccess.Format(time.RFC3339) != "2026-11-22T02:30:00Z" || p[0].Problem {
		t.Errorf("protected: %+v", p)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault func(*rig)
		says  string
	}{
		{"quota", func(r *rig) {
			r.create = func() error { return driver.QuotaExceeded.Errorf("Maximum number of backups allowed (1) exceeded") }
		}, "Maximum number of backups"},
		{"forbidden", func(r *rig) {
			r.create = always(driver.Forbidden, "Policy doesn't allow backup:create to be performed.")
		}, "Policy doesn't allow"},
		{"error", func(r *rig) { r.creating = true }, "disk full"},
		{"deleted", func(r *rig) { r.creating = true }, "The backup was deleted before it was complete."},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, often)
			r.volume("v1", "daily 02:30")
			test.fault(r)
			r.until("2026-11-22 02:40")
			switch test.name {
			case "error":
				r.backups[0].Status, r.backups[0].FailReason = driver.BackupError, "disk full"
			case "deleted":
				r.backups = nil
			}
			r.until("2026-11-22 03:00")
			if runs := r.explain("v1").Runs; len(runs) != 1 || runs[0].State != "failed" || !strings.Contains(runs[0].Reason, test.says) || r.outcomes["failed"] != 1 || len(r.asked) != 1 {
				t.Errorf("asked %d times, runs %+v, outcomes %v", len(r.asked), runs, r.outcomes)
			}
		})
	}
}

// A list that lacks backups deletes nothing, and neither does one that is empty.
func TestListCutShort(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; keep=3")
	r.until("2026-11-24 12:00")
	before := r.made()
	r.shown = func(b driver.Backup) bool { return b.ID != "b2" }
	r.setPolicy("v1", "daily 02:30; keep=1")
	r.until("2026-11-24 18:00")
	r.wantMade(before)
	if got := r.problem("v1"); !strings.Contains(got, "the backend's list lacks backup b2, which it still has") {
		t.Errorf("problem: %s", got)
	}
	r.shown = func(driver.Backup) bool { return false }
	r.until("2026-11-24 21:00")
	r.wantMade(before)
	r.shown = nil
	r.until("2026-11-25 01:00")
	r.wantMade("11-24T02:30:00Z full")
	if got := r.problem("v1"); got != "" {
		t.Errorf("problem: %s", got)
	}
}

// A volume that a list lacks is gone only if the cloud says so.
func TestVolumeListLacksAVolume(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; keep=1")
	r.until("2026-11-23 12:00")
	r.wantMade("11-23T02:30:00Z full")
	r.volumes[0].AvailabilityZone = "hidden"
	r.until("2026-11-23 18:00")
	if p := r.protected(); len(p) != 1 || p[0].Idle {
		t.Errorf("protected: %+v", p)
	}
	r.volumes[0].AvailabilityZone = ""
	r.create = always(driver.InvalidState, "Invalid volume: it is busy.")
	r.until("2026-11-24 02:35") // the policy is still the one that was set before
	volumes := r.volumes
	r.volumes = nil
	r.until("2026-11-26 12:00")
	r.wantMade("11-23T02:30:00Z full")
	r.volumes = volumes
	if runs := r.explain("v1").Runs; runs[0].State != "failed" || !strings.Contains(runs[0].Reason, "That did not change until the project did not have the volume any more.") {
		t.Errorf("runs: %+v", runs)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "daily 25:00")
	if got := r.problem("v1"); !strings.Contains(got, `word 2, "25:00": a time is HH:MM`) {
		t.Errorf("problem: %s", got)
	}
	if p := r.protected(); len(p) != 1 || !p[0].Problem {
		t.Errorf("protected: %+v", p)
	}
	r.until("2026-11-22 12:00")
	r.setPolicy("v1", "daily 02:30; copy=west")
	r.until("2026-11-23 12:00")
	r.wantMade("11-23T02:30:00Z full")
	if got := r.problem("v1"); !strings.Contains(got, "not copied to west") {
		t.Errorf("problem: %s", got)
	}
	r.setPolicy("v1", "daily 02:30; lock=14d")
	if got := r.problem("v1"); !strings.Contains(got, "not locked") {
		t.Errorf("problem: %s", got)
	}
	r.setPolicy("v1", "off")
	if p := r.protected(); len(p) != 0 {
		t.Errorf("protected: %+v", p)
	}
}

func TestMistakesDeleteNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; keep=2")
	r.until("2026-11-23 12:00")
	r.setPolicy("v1", "daily 02:30; keep=")
	r.until("2026-11-27 12:00")
	r.wantMade("11-22T02:30:00Z full, 11-23T02:30:00Z full")
}

// The operator's policies are for volumes that say nothing.
func TestOperatorsPolicies(t *testing.T) {
	t.Parallel()
	gold, err := policy.Parse("daily 02:30")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(r *rig) {
		r.book = policy.Book{Named: map[string]policy.Policy{"gold": gold}, Projects: map[string]string{project: "gold"}}
	})
	r.volume("v1", "")
	r.volume("v2", "off")
	r.volume("v3", "", func(v *driver.Volume) { v.ProjectID = "another" })
	r.until("2026-11-22 12:00")
	if len(r.backups) != 1 || r.backups[0].VolumeID != "v1" {
		t.Errorf("backups: %s", r.made())
	}
}

func TestRestoredVolumeWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "hourly", func(v *driver.Volume) { v.Metadata["src_backup_id"] = "b0" })
	r.until("2026-11-21 23:00")
	r.wantMade("")
	e := r.explain("v1")
	if !e.Held || len(r.protected()) != 0 {
		t.Errorf("explained: %+v", e)
	}
	r.volumes[0].Metadata = map[string]string{"src_backup_id": "b0", policy.Key: "hourly :30"}
	r.until("2026-11-22 00:31")
	r.wantMade("11-21T23:30:00Z full, 11-22T00:30:00Z full")

	// One whose policy is set after the restore does not wait.
	r.volume("v2", "", func(v *driver.Volume) { v.Metadata["src_backup_id"] = "b0" })
	r.setPolicy("v1", "off")
	r.volumes[1].Metadata[policy.Key] = "hourly"
	r.until("2026-11-22 01:01")
	r.wantMade("11-21T23:30:00Z full, 11-22T00:30:00Z full, 11-22T01:00:00Z full")
}

// Only what runs have made goes by the rules. What is made by hand goes when it expires.
func TestOtherBackupsStay(t *testing.T) {
	t.Parallel()
	r := newRig(t, slowly)
	r.volume("v1", "daily 02:30; keep=1")
	byHand, twin := "by hand", "11-22"
	r.make(project, driver.BackupSpec{VolumeID: "v1", Name: &byHand})
	r.make(project, driver.BackupSpec{VolumeID: "v1", Name: &byHand, Metadata: map[string]string{policy.ExpiresKey: "36h"}})
	r.make(project, driver.BackupSpec{VolumeID: "gone", Name: &byHand, Metadata: map[string]string{policy.ExpiresKey: "36h"}})
	// Another scheduler was faster.
	r.make(project, driver.BackupSpec{VolumeID: "v1", Name: &twin, Metadata: map[string]string{policy.SlotKey: "2026-11-22T02:30:00Z"}})
	r.until("2026-11-22 12:00")
	if len(r.asked) != 0 || r.outcomes["skipped"] != 1 {
		t.Errorf("asked %d times, outcomes %v", len(r.asked), r.outcomes)
	}
	r.until("2026-11-25 12:00")
	r.wantMade("by hand full, 11-22T02:30:00Z full, 11-25T02:30:00Z full")
	if why := r.explain("v1").Backups; why[2].ID != "b1" && why[1].ID != "b1" {
		t.Errorf("explained: %+v", why)
	}
}

// Neither an error nor the wrong caller gets an explanation.
func TestExplainRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "daily 02:30; keep=2")
	for _, test := range []struct {
		caller   driver.Caller
		id, text string
		kind     driver.Kind
	}{
		{driver.Caller{ProjectID: "another", Role: driver.Member}, "v1", "", driver.NotFound},
		{driver.Caller{ProjectID: project, Role: driver.Member}, "v2", "", driver.NotFound},
		{driver.Caller{Role: driver.Admin}, "v1", "nightly", driver.InvalidInput},
	} {
		if _, err := r.s.ExplainPolicy(t.Context(), test.caller, test.id, test.text); driver.KindOf(err) != test.kind {
			t.Errorf("%+v: %v", test, err)
		}
	}
	e, err := r.s.ExplainPolicy(t.Context(), driver.Caller{Role: driver.Admin}, "v1", "hourly; keep=1")
	if err != nil || !e.(*policy.Explanation).DryRun || e.(*policy.Explanation).Backend != "west" {
		t.Errorf("%+v, %v", e, err)
	}
}

// An endless list is an error, not a part of a list.
func TestListsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "daily 02:30; keep=1")
	r.listing = func() error { return errors.New("not classified") }
	if wait := r.pass(); wait <= 0 {
		t.Errorf("waits %v", wait)
	}
	r.until("2026-11-22 12:00")
	r.wantMade("")
}

// Run makes passes until it is told to end.
func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, often)
	r.volume("v1", "hourly")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.s.Run(ctx) }()
	for range 40 { // each waits 2 to 2.2 minutes at most
		if err := r.clock.BlockUntilContext(ctx, 1); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(2 * time.Minute)
	}
	if err := r.clock.BlockUntilContext(ctx, 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.wantMade("11-21T18:00:00Z full")
}

// Runs go on after a move to PostgreSQL and back.
func TestCopyOfRows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.volume("v1", "daily 02:30; keep=2")
	r.until("2026-11-23 12:00")
	file := r.url
	for _, to := range []string{pgtest.URL(t), filepath.Join(t.TempDir(), "back.db")} {
		counts, err := schedule.Copy(t.Context(), r.url, to)
		if err != nil || counts["schedule_runs"] < 2 || counts["schedule_volumes"] != 1 || counts["schedule_backends"] != 1 {
			t.Fatalf("%v, %v", counts, err)
		}
		r.url = to
	}
	r.restart()
	r.until("2026-11-24 12:00")
	r.wantMade("11-23T02:30:00Z full, 11-24T02:30:00Z full")
	if _, err := schedule.Copy(t.Context(), file, r.url); err == nil || !strings.Contains(err.Error(), "begins with an empty database") {
		t.Errorf("onto rows: %v", err)
	}
	if counts, err := schedule.Copy(t.Context(), filepath.Join(t.TempDir(), "none.db"), r.url); err != nil || len(counts) != 0 {
		t.Errorf("of nothing: %v, %v", counts, err)
	}
}
