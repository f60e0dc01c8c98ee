package schedule_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/backups"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"cindergate/cindertest"
	"cindergate/driver/cinder"
	"cindergate/internal/openstack"
	"cindergate/internal/policy"
	"cindergate/internal/schedule"
)

// far is a Cinder with a Keystone, and a scheduler for its project demo. That Cinder follows policies in
// metadata itself, so the volumes here go by the operator's default.
type far struct {
	*cindertest.Cloud
	t *testing.T
	s *schedule.Scheduler
}

func newFar(t *testing.T, text string) *far {
	t.Helper()
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	f := &far{Cloud: cindertest.New(t), t: t}
	o := openstack.Options{Name: "far", Clock: f.Clock.Clockwork(), Retries: -1, BreakAfter: -1}
	d, err := cinder.New(cinder.Options{URL: f.URL, Options: o})
	if err != nil {
		t.Fatal(err)
	}
	login, err := openstack.NewLogin(o, openstack.Credential{IdentityURL: f.URL + "/identity/v3", Username: cindertest.Demo, Password: cindertest.Password,
		UserDomain: "Default", Project: "demo", ProjectDomain: "Default"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := schedule.OpenRows(t.Context(), filepath.Join(t.TempDir(), "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rows.Close() })
	f.s = schedule.New(schedule.Options{Backend: "far", Cloud: d, Login: login, Rows: rows, Poll: 2 * time.Hour, Clock: f.Clock.Clockwork(),
		Book: policy.Book{Named: map[string]policy.Policy{"gold": p}, Default: "gold"}})
	return f
}

func (f *far) volume() string {
	f.t.Helper()
	v, err := volumes.Create(f.t.Context(), f.BlockStorage(), volumes.CreateOpts{Size: 1, Name: "db"}, nil).Extract()
	if err != nil {
		f.t.Fatal(err)
	}
	f.Settle()
	f.s.Pass(f.t.Context())
	return v.ID
}

// advance lets time pass, with all passes that are due.
func (f *far) advance(d time.Duration) {
	f.t.Helper()
	for end := f.Clock.Now().Add(d); f.Clock.Now().Before(end); {
		wait := f.s.Pass(f.t.Context())
		f.Settle()
		f.Clock.AdvanceTo(earlier(f.Clock.Now().Add(wait), end))
	}
	for range 2 { // runs end, and what nobody needs any more goes
		f.s.Pass(f.t.Context())
		f.Settle()
		f.Clock.Advance(time.Second)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func (f *far) slots() []string {
	f.t.Helper()
	pages, err := backups.ListDetail(f.BlockStorage(), backups.ListDetailOpts{}).AllPages(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	all, err := backups.ExtractBackups(pages)
	if err != nil {
		f.t.Fatal(err)
	}
	var slots []string
	for _, b := range all {
		if b.Status != "available" {
			f.t.Fatalf("backup %s is %s: %s", b.ID, b.Status, b.FailReason)
		}
		slots = append(slots, (*b.Metadata)[policy.SlotKey])
	}
	slices.Sort(slots)
	return slots
}

// Thirty days at a Cinder: what is left is what a simulation says, and tokens are renewed on the way.
func TestThirtyDaysAtACinder(t *testing.T) {
	t.Parallel()
	const text = "daily 02:30 Europe/Berlin; full=4; keep=2d,2w"
	f := newFar(t, text)
	f.volume()
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	begin := f.Clock.Now()
	days := 30
	if raced {
		days = 10 // chains have gone
	}
	for day := 1; day <= days; day++ {
		f.advance(begin.AddDate(0, 0, day).Add(12 * time.Hour).Sub(f.Clock.Now()))
		if day%5 != 0 {
			continue
		}
		s, err := p.Simulate(nil, begin, f.Clock.Now(), false)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, b := range s.Left {
			want = append(want, b.Slot.UTC().Format(time.RFC3339))
		}
		if got := f.slots(); !slices.Equal(got, want) {
			t.Fatalf("day %d: there are\n%v\nwant\n%v", day, got, want)
		}
	}
}

// Faults of a real wire: a lost answer makes no second backup, a list that breaks off deletes nothing, and
// what the cloud refuses or fails is not forgotten.
func TestFaultsOfACinder(t *testing.T) {
	t.Parallel()
	f := newFar(t, "daily 02:30; keep=2")
	f.volume()
	day := func(want int) {
		t.Helper()
		f.advance(24 * time.Hour)
		if got := f.slots(); len(got) != want {
			t.Fatalf("%d slots, want %d: %v", len(got), want, got)
		}
	}
	f.Faults.Next("POST /backups").Lose()
	day(1)
	f.Faults.Next("POST /backups").Fail(http.StatusInternalServerError)
	day(2)
	f.Faults.Next("POST /backups").RetryAfter(20 * time.Minute)
	day(2)
	f.Faults.Next("GET /backups/detail").Times(0).Truncate(40)
	f.advance(24 * time.Hour)
	if at, err := f.s.LastLook(t.Context()); err != nil || f.Clock.Now().Sub(at) < 12*time.Hour {
		t.Errorf("looked at %v, %v", at, err)
	}
	f.Faults.Clear()
	if got := f.slots(); len(got) != 2 {
		t.Errorf("by a list that breaks off: %v", got)
	}
	day(2)
	f.Faults.NextJob("backup").FailJob("the store is full")
	f.advance(24 * time.Hour)
	all, err := f.s.Protected(t.Context())
	if err != nil || len(all) != 1 || all[0].Failures != 1 {
		t.Errorf("protected: %+v, %v", all, err)
	}
}
