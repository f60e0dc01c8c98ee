package embedded

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/chunk/chunktest"
)

// scrubbed runs a scrub and returns the result of each backup.
func (r *rig) scrubbed(o ScrubOptions) map[string]Scrubbed {
	r.t.Helper()
	got := map[string]Scrubbed{}
	o.Report = func(s Scrubbed) { got[s.BackupID] = s }
	check(r.t, r.Scrub(r.t.Context(), o))
	return got
}

// chainOfTwo makes a full backup and an incremental one, and a second full one.
func (r *rig) chainOfTwo() (full, more, other driver.Backup) {
	r.t.Helper()
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	full = r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	r.fill(v.ID, 2)
	more = r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true, Metadata: map[string]string{"k": "v"}})
	r.settle()
	other = r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	return full, more, other
}

// spoil flips a bit of an object. It returns a function that repairs it.
func (r *rig) spoil(b driver.Backup, suffix string) (repair func()) {
	r.t.Helper()
	key := r.attempt(r.row(b.ID), 1) + suffix
	good := r.store.Objects()[key]
	bad := bytes.Clone(good)
	if len(bad) == 0 {
		r.t.Fatal("no object " + key)
	}
	bad[len(bad)/2] ^= 1
	r.store.Set(key, bad)
	return func() { r.store.Set(key, good) }
}

// A scrub shows damage in the backup and in those that depend on it, tells their project,
// and takes it back once the damage is gone.
func TestScrubShowsDamage(t *testing.T) {
	r := newRig(t)
	full, more, other := r.chainOfTwo()
	for id, s := range r.scrubbed(ScrubOptions{Workers: 2}) {
		if s.Result != ScrubOK || s.Objects == 0 || s.ProjectID != "alpha" {
			t.Errorf("%s: %+v", id, s)
		}
	}
	repair := r.spoil(full, "-00002")
	before := len(r.store.Objects())
	got := r.scrubbed(ScrubOptions{})
	if got[full.ID].Result != backups.ScrubDamaged || got[more.ID].Result != backups.ScrubDamaged || got[other.ID].Result != ScrubOK {
		t.Fatal(got)
	}
	if after := len(r.store.Objects()); after != before {
		t.Fatalf("%d objects, before %d", after, before)
	}
	for _, id := range []string{full.ID, more.ID} {
		b := r.wantBackup(id, driver.BackupError)
		if !strings.HasPrefix(b.FailReason, "Scrub found damage: ") || !strings.Contains(b.FailReason, "-00002 ") || b.Metadata["cindergate:damaged"] == "" {
			t.Errorf("%q %v", b.FailReason, b.Metadata)
		}
	}
	r.wantBackup(other.ID, driver.BackupAvailable)
	messages, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: 100})
	check(t, err)
	if len(messages.Items) != 2 || !strings.Contains(messages.Items[0].UserMessage, "Scrub found damage") {
		t.Errorf("%+v", messages.Items)
	}
	r.scrubbed(ScrubOptions{}) // finds the same
	if messages, err := r.ListMessages(t.Context(), alpha, driver.Query{Limit: 100}); err != nil || len(messages.Items) != 2 {
		t.Errorf("%d messages, %v", len(messages.Items), err)
	}

	repair()
	if got := r.scrubbed(ScrubOptions{Sample: 0.99}); got[full.ID].Result != ScrubOK {
		t.Error("a sample is no proof", got)
	}
	r.wantBackup(full.ID, driver.BackupError)
	if got := r.scrubbed(ScrubOptions{}); got[full.ID].Result != backups.ScrubRepaired || got[more.ID].Result != backups.ScrubRepaired {
		t.Error(got)
	}
	b := r.wantBackup(more.ID, driver.BackupAvailable)
	if b.FailReason != "" || len(b.Metadata) != 1 || b.Metadata["k"] != "v" {
		t.Errorf("%+v", b)
	}
	r.wantBackup(full.ID, driver.BackupAvailable)
}

// Damage in an object of a parent damages only those backups that still need the object.
func TestScrubOfReplacedObject(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ChunkSize = small })
	v := r.volume(alpha, 1)
	r.fill(v.ID, 1)
	full := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID})
	r.settle()
	more := r.backup(alpha, driver.BackupSpec{VolumeID: v.ID, Incremental: true})
	r.settle()
	r.spoil(full, "-00001")
	got := r.scrubbed(ScrubOptions{})
	if got[full.ID].Result != backups.ScrubDamaged || got[more.ID].Result != backups.ScrubDamaged || !strings.Contains(got[more.ID].Reason, full.ID) {
		t.Error(got)
	}
}

// Damaged digests of a full backup do not damage an incremental one, which has its own.
func TestScrubOfDigests(t *testing.T) {
	r := newRig(t)
	full, more, _ := r.chainOfTwo()
	r.spoil(full, "_sha256file")
	got := r.scrubbed(ScrubOptions{})
	if got[full.ID].Result != backups.ScrubDamaged || got[more.ID].Result != ScrubOK {
		t.Error(got)
	}
	restore, err := r.RestoreBackup(t.Context(), alpha, more.ID, driver.RestoreTarget{})
	check(t, err)
	r.settle()
	r.wantVolume(restore.VolumeID, core.Available)
}

// A backup in another status, or one that failed for another reason, is left as it is.
func TestScrubLeavesOthers(t *testing.T) {
	r := newRig(t)
	full, more, other := r.chainOfTwo()
	check(t, r.ResetBackupStatus(t.Context(), admin, other.ID, "error"))
	check(t, r.DeleteBackup(t.Context(), alpha, more.ID)) // not yet performed
	r.spoil(other, "_metadata")
	got := r.scrubbed(ScrubOptions{})
	if len(got) != 1 || got[full.ID].Result != ScrubOK {
		t.Error(got)
	}
	if b := r.wantBackup(other.ID, driver.BackupError); b.FailReason != "" {
		t.Error(b.FailReason)
	}
	r.wantBackup(more.ID, driver.BackupDeleting)
}

// A store that is away, or that fails, says nothing about backups.
func TestScrubWithoutItsStore(t *testing.T) {
	down := errors.New("down")
	for name, faults := range map[string][]chunktest.Fault{
		"away":               {{Op: chunktest.Check, Err: down}},
		"away in the middle": {{Op: chunktest.Get, Nth: 2, Err: down}, {Op: chunktest.Check, Nth: 2, Err: down}},
		"unmounted":          {{Op: chunktest.Get, Nth: 2, Err: fs.ErrNotExist}, {Op: chunktest.Check, Nth: 2, Err: down}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			full, more, other := r.chainOfTwo()
			for _, f := range faults {
				r.store.Inject(f)
			}
			if err := r.Scrub(t.Context(), ScrubOptions{}); err == nil {
				t.Error("no error")
			}
			for _, b := range []driver.Backup{full, more, other} {
				r.wantBackup(b.ID, driver.BackupAvailable)
			}
		})
	}
	r := newRig(t)
	full, _, other := r.chainOfTwo()
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: full.ID + "-00001", Err: down})
	got := r.scrubbed(ScrubOptions{})
	if got[full.ID].Result != backups.ScrubUnreadable || got[other.ID].Result != ScrubOK {
		t.Error(got)
	}
	r.wantBackup(full.ID, driver.BackupAvailable)
}

// A store without the objects that it had, whose marker is still there, is damaged.
func TestScrubOfMissingObjects(t *testing.T) {
	r := newRig(t)
	full, _, other := r.chainOfTwo()
	r.store.Set(r.attempt(r.row(full.ID), 1)+"-00001", nil)
	got := r.scrubbed(ScrubOptions{})
	if got[full.ID].Result != backups.ScrubDamaged || !strings.Contains(got[full.ID].Reason, "is missing") || got[other.ID].Result != ScrubOK {
		t.Error(got)
	}
	r.wantBackup(full.ID, driver.BackupError)
}

// seen is an Observer that counts scrubbed backups and scrub jobs.
type seen struct {
	nobody
	mu      sync.Mutex
	results []string
	jobs    chan string
}

func (s *seen) Scrubbed(result string, _ int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, result)
}

func (s *seen) JobDone(kind, outcome string, _ int64, _ time.Duration) {
	if kind == "scrub" {
		s.jobs <- outcome
	}
}

// A schedule scrubs at once and then once per interval, also across restarts.
func TestScheduledScrub(t *testing.T) {
	observer := &seen{jobs: make(chan string, 10)}
	fake := clockwork.NewFakeClockAt(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	r := newRig(t, func(o *Options) { o.Observer = observer })
	full, _, _ := r.chainOfTwo()
	r.spoil(full, "-00001")
	r.opts.ScrubInterval, r.opts.Clock, r.opts.Lease = 24*time.Hour, fake, 240*time.Hour
	r.reopen()

	run := func(steps func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		steps()
		cancel()
		check(t, <-done)
	}
	run(func() {
		if got := <-observer.jobs; got != "ok" {
			t.Error(got)
		}
	})
	r.wantBackup(full.ID, driver.BackupError)
	if !slices.Contains(observer.results, backups.ScrubDamaged) || len(observer.results) != 3 {
		t.Error(observer.results)
	}
	r.reopen()
	run(func() {
		// Workers of all queues, the messages and the schedule wait.
		check(t, fake.BlockUntilContext(t.Context(), 6))
		select {
		case <-observer.jobs:
			t.Error("scrubbed again before the interval has passed")
		default:
		}
		fake.Advance(24 * time.Hour)
		<-observer.jobs
	})
	if len(observer.results) != 6 {
		t.Error(observer.results)
	}
}

// A requeued scrub continues after the last chain that it has finished.
func TestScrubContinues(t *testing.T) {
	observer := &seen{jobs: make(chan string, 10)}
	r := newRig(t, func(o *Options) { o.Observer, o.ScrubInterval = observer, time.Hour })
	r.chainOfTwo()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	hit, never := make(chan struct{}), make(chan struct{})
	chains := []string{}
	all, err := r.core.DB.AllBackups(t.Context())
	check(t, err)
	for b := range all.All() {
		if b.ParentID == "" {
			chains = append(chains, b.ID)
		}
	}
	slices.Sort(chains)
	r.store.Inject(chunktest.Fault{Op: chunktest.Get, Key: chains[1] + "_sha256file", Hit: hit, Block: never})
	go func() { done <- r.Run(ctx) }()
	select {
	case <-hit:
	case out := <-observer.jobs:
		t.Fatal(out, observer.results)
	}
	cancel()
	check(t, <-done)
	if got := <-observer.jobs; got != "released" {
		t.Fatal(got)
	}
	before := len(observer.results)
	if before == 0 {
		t.Fatal("nothing was done")
	}
	r.reopen()
	r.settle()
	if got := <-observer.jobs; got != "ok" || len(observer.results) != 3 {
		t.Errorf("%s: %v, of which %d before the restart", got, observer.results, before)
	}
}
