package schedule_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/internal/database/pgtest"
	"cindergate/internal/policy"
	"cindergate/internal/schedule"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const project = "abc123"

// cloud is a backend in memory. Backups are complete at once.
type cloud struct {
	clock clockwork.Clock
	keeps bool

	mu       sync.Mutex
	volumes  []driver.Volume
	backups  []driver.Backup
	asked    []driver.BackupSpec
	lists    int
	deletes  []string
	names    int
	callers  map[driver.Token]int
	creating bool // new backups stay in creating
	// Faults; nil: none. create is asked before a backup is made, and answer afterwards.
	create, answer, listing, reading func() error
	shown                            func(driver.Backup) bool // false: lists lack it
}

func (c *cloud) AllVolumes(_ context.Context, caller driver.Caller) ([]driver.Volume, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.callers[caller.Token]++
	if c.reading != nil {
		if err := c.reading(); err != nil {
			return nil, err
		}
	}
	var all []driver.Volume
	for _, v := range c.volumes {
		if v.AvailabilityZone != "hidden" {
			all = append(all, v)
		}
	}
	return all, nil
}

func (c *cloud) ScheduleTraits(context.Context) (driver.ScheduleTraits, error) {
	return driver.ScheduleTraits{BackupMetadata: c.keeps}, nil
}

func (c *cloud) GetVolume(_ context.Context, _ driver.Caller, id string) (driver.Volume, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.volumes {
		if v.ID == id {
			return v, nil
		}
	}
	return driver.Volume{}, driver.VolumeNotFound(id)
}

func (c *cloud) CreateBackup(_ context.Context, caller driver.Caller, spec driver.BackupSpec) (driver.Backup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, spec)
	if c.create != nil {
		if err := c.create(); err != nil {
			return driver.Backup{}, err
		}
	}
	if !c.keeps && len(spec.Metadata) > 0 {
		return driver.Backup{}, driver.Errorf(driver.NotSupported, "no metadata")
	}
	b := c.make(caller.ProjectID, spec)
	if c.answer != nil {
		if err := c.answer(); err != nil {
			return driver.Backup{}, err
		}
	}
	b.Status = driver.BackupCreating
	return b, nil
}

// make makes a backup, with the parent that Cinder would choose. It does not show it, as Cinder does not.
func (c *cloud) make(projectID string, spec driver.BackupSpec) driver.Backup {
	c.names++
	b := driver.Backup{ID: fmt.Sprintf("b%d", c.names), ProjectID: projectID, VolumeID: spec.VolumeID, Name: spec.Name, Status: driver.BackupAvailable,
		IsIncremental: spec.Incremental, Metadata: spec.Metadata, CreatedAt: c.clock.Now(), DataTimestamp: c.clock.Now()}
	if c.creating {
		b.Status = driver.BackupCreating
	}
	for _, v := range c.volumes {
		if v.ID == spec.VolumeID {
			b.Size = v.Size
		}
	}
	if spec.Incremental {
		for _, other := range c.backups {
			if other.VolumeID == spec.VolumeID && other.Status == driver.BackupAvailable {
				b.EncryptionKeyID = other.ID // the fake's own note
				if b.Status = driver.BackupAvailable; c.creating {
					b.Status = driver.BackupCreating
				}
				if b.Size > other.Size { // cinder/backup/chunkeddriver.py backup
					b.Status = driver.BackupError
				}
			}
		}
	}
	c.backups = append(c.backups, b)
	return b
}

func (c *cloud) hasChildren(id string) bool {
	return slices.ContainsFunc(c.backups, func(b driver.Backup) bool { return b.EncryptionKeyID == id })
}

func (c *cloud) GetBackup(_ context.Context, _ driver.Caller, id string) (driver.Backup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.backups {
		if b.ID == id {
			return b, nil
		}
	}
	return driver.Backup{}, driver.BackupNotFound(id)
}

func (c *cloud) ListBackups(_ context.Context, _ driver.Caller, q driver.Query) (driver.Page[driver.Backup], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists++
	if c.listing != nil {
		if err := c.listing(); err != nil {
			return driver.Page[driver.Backup]{}, err
		}
	}
	all := slices.Clone(c.backups)
	for i := range all {
		all[i].HasDependents = c.hasChildren(all[i].ID)
		all[i].EncryptionKeyID = ""
	}
	if c.shown != nil {
		all = slices.DeleteFunc(all, func(b driver.Backup) bool { return !c.shown(b) })
	}
	q.Limit = min(q.Limit, 7) // smaller pages than asked for
	return driver.Paginate(all, driver.BackupColumns, q, driver.BackupNotFound)
}

func (c *cloud) DeleteBackup(_ context.Context, _ driver.Caller, id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deletes = append(c.deletes, id)
	if c.hasChildren(id) {
		return driver.BackupHasDependents.Errorf("it has children")
	}
	c.backups = slices.DeleteFunc(c.backups, func(b driver.Backup) bool { return b.ID == id })
	return nil
}

func (c *cloud) RestoreBackup(context.Context, driver.Caller, string, driver.RestoreTarget) (driver.Restore, error) {
	return driver.Restore{}, driver.Errorf(driver.NotSupported, "no")
}

// login gives tokens one after the other.
type login struct {
	mu sync.Mutex
	n  int
}

func (l *login) Caller(context.Context) (driver.Caller, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return driver.Caller{ProjectID: project, UserID: "u", Role: driver.Member, Token: driver.Token(fmt.Sprintf("t%d", l.n))}, nil
}

func (l *login) Reject(token driver.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token == driver.Token(fmt.Sprintf("t%d", l.n)) {
		l.n++
	}
}

// rig is a scheduler on a cloud in memory.
type rig struct {
	*cloud
	t        *testing.T
	clock    *clockwork.FakeClock
	url      string
	book     policy.Book
	poll     time.Duration
	login    *login
	s        *schedule.Scheduler
	outcomes map[string]int
	due      time.Time // of the next pass
}

// start is a Saturday, as in the tests of the embedded backend.
var start = time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)

func newRig(t *testing.T, change ...func(*rig)) *rig {
	t.Helper()
	clock := clockwork.NewFakeClockAt(start)
	r := &rig{t: t, clock: clock, poll: 20 * time.Minute, url: filepath.Join(t.TempDir(), "schedules.db"), login: &login{}, outcomes: map[string]int{},
		cloud: &cloud{clock: clock, keeps: true, callers: map[driver.Token]int{}}}
	for _, c := range change {
		c(r)
	}
	r.restart()
	return r
}

// slowly has few passes, for tests of days; often has those of the default.
func slowly(r *rig) { r.poll = 2 * time.Hour }
func often(r *rig)  { r.poll = 0 }

// scheduler opens one more scheduler on the same rows, as another gateway would.
func (r *rig) scheduler() *schedule.Scheduler {
	r.t.Helper()
	rows, err := schedule.OpenRows(r.t.Context(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = rows.Close() })
	return schedule.New(schedule.Options{Backend: "west", Cloud: r.cloud, Login: r.login, Book: r.book, Rows: rows, Poll: r.poll, Clock: r.clock,
		Ended: func(state string) { r.outcomes[state]++ }})
}

func (r *rig) restart() { r.s, r.due = r.scheduler(), r.clock.Now() }

func (r *rig) volume(id, text string, change ...func(*driver.Volume)) {
	name := "db"
	v := driver.Volume{ID: id, ProjectID: project, Name: &name, Size: 1, Status: "available", Metadata: map[string]string{}}
	if text != "" {
		v.Metadata[policy.Key] = text
	}
	for _, c := range change {
		c(&v)
	}
	r.volumes = append(r.volumes, v)
	r.pass()
}

func (r *rig) setPolicy(id, text string) {
	for i := range r.volumes {
		if r.volumes[i].ID == id {
			r.volumes[i].Metadata = map[string]string{policy.Key: text}
		}
	}
	r.pass()
}

func (r *rig) pass() time.Duration {
	r.t.Helper()
	wait := r.s.Pass(r.t.Context())
	r.due = r.clock.Now().Add(wait)
	return wait
}

// until lets time pass, with all passes that are due.
func (r *rig) until(text string) {
	r.t.Helper()
	to, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		r.t.Fatal(err)
	}
	for {
		now := r.clock.Now()
		if !now.Before(r.due) {
			r.pass()
		}
		if r.due.After(to) {
			break
		}
		r.clock.Advance(r.due.Sub(now))
	}
	if d := to.Sub(r.clock.Now()); d > 0 {
		r.clock.Advance(d)
	}
}

// made says which backups there are, the oldest first.
func (r *rig) made() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.backups {
		kind := "full"
		if b.IsIncremental {
			kind = "incr"
		}
		slot := strings.TrimPrefix(b.Metadata[policy.SlotKey], "2026-")
		if slot == "" && b.Name != nil {
			slot = *b.Name
		}
		all = append(all, slot+" "+kind)
	}
	return strings.Join(all, ", ")
}

func (r *rig) wantMade(want string) {
	r.t.Helper()
	if got := r.made(); got != want {
		r.t.Fatalf("at %s the backups are\n     %s\nwant %s", r.clock.Now(), got, want)
	}
}

func (r *rig) explain(id string) *policy.Explanation {
	r.t.Helper()
	e, err := r.s.ExplainPolicy(r.t.Context(), driver.Caller{ProjectID: project, Role: driver.Member}, id, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return e.(*policy.Explanation)
}

func (r *rig) problem(id string) string { return r.explain(id).Problem }

func (r *rig) protected() []schedule.Protected {
	r.t.Helper()
	all, err := r.s.Protected(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// always returns a fault that lasts.
func always(kind driver.Kind, text string) func() error {
	return func() error { return driver.Errorf(kind, "%s", text) }
}
