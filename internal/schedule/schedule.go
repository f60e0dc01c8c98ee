// Package schedule follows the backup policies of volumes in clouds that have no schedules: it asks a backend
// for backups when they are due, with a login of its own, and deletes those that no rule keeps any more.
//
// Package policy decides. A run is a row for a volume and a slot, in a database that several gateways may share:
// whoever inserts it makes the backup. The cloud and the row are no transaction. So the row says that the
// backup is asked for before it is, and the backup says what slot it is of; whoever finds such a row without an
// answer looks for the backup, and asks again only when a request on its way would have arrived.
//
// Nothing is done because something is missing: a list that fails or lacks what the cloud still has is no reason
// to delete a backup or to forget a run. Only backups that a row names are deleted by the rules of a policy.
package schedule

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/panics"
	"cindergate/internal/policy"
)

// Options configure a Scheduler.
type Options struct {
	Backend string // its name: rows are stored under it
	Cloud   Cloud
	Login   Login
	Book    policy.Book
	Rows    *Rows
	Poll    time.Duration      // between two looks at the volumes; 0: 2 min
	Clock   clockwork.Clock    // nil: the system's
	Log     *zap.Logger        // nil: none
	Ended   func(state string) // is told how runs end: done, skipped or failed; nil: nobody is
}

// Scheduler follows the policies of one backend. [Scheduler.Run] and [Scheduler.Pass] must not run at once; the
// other methods are safe for concurrent use.
type Scheduler struct {
	o Options

	// Only passes use these.
	failed  int // passes in a row
	sweepAt time.Time
	visits  map[string]time.Time // when a volume has to be looked at, by id
}

// Times between looks.
const (
	sweepEvery = time.Hour        // at all backups, for what expires
	shortest   = 10 * time.Second // between two passes
	longest    = 15 * time.Minute // while the cloud is away
	longestAsk = time.Hour        // that a cloud may have us wait
)

// Times of a request for a backup.
const (
	askTime = 4 * time.Minute  // after which it is given up
	doubt   = 10 * time.Minute // after which it cannot arrive any more
)

// New returns a Scheduler. It sends no request.
func New(o Options) *Scheduler {
	if o.Poll == 0 {
		o.Poll = 2 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = clockwork.NewRealClock()
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Ended == nil {
		o.Ended = func(string) {}
	}
	return &Scheduler{o: o, visits: map[string]time.Time{}}
}

// Backend returns the name of the backend.
func (s *Scheduler) Backend() string { return s.o.Backend }

// Run follows the policies until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	for {
		wait := jittered(s.Pass(ctx))
		select {
		case <-ctx.Done():
			return nil
		case <-s.o.Clock.After(wait):
		}
	}
}

// jittered adds up to a tenth, so that gateways do not all look at once.
func jittered(d time.Duration) time.Duration {
	return d + rand.N(d/10+1) // #nosec G404 -- not a secret
}

// Pass does all that is due, and returns the time until the next pass.
func (s *Scheduler) Pass(ctx context.Context) time.Duration {
	var next time.Time
	err := func() (err error) {
		defer func() { err = errors.Join(err, panics.Recovered(recover())) }()
		next, err = s.pass(ctx)
		return err
	}()
	now := s.o.Clock.Now()
	if err == nil {
		s.failed = 0
		return min(max(next.Sub(now), shortest), s.o.Poll)
	}
	if ctx.Err() != nil {
		return s.o.Poll
	}
	wait := min(s.o.Poll<<min(s.failed, 10), longest)
	s.failed++
	var known *driver.Error
	if errors.As(err, &known) && known.RetryAfter > wait {
		wait = min(known.RetryAfter, longestAsk)
	}
	s.o.Log.Warn("the policies of a remote backend cannot be followed now", zap.String("backend", s.o.Backend), zap.Duration("again_in", wait), zap.Error(err))
	return max(wait, shortest)
}

// pass looks at all volumes, and does what is due. It returns when something is next.
func (s *Scheduler) pass(ctx context.Context) (next time.Time, err error) {
	p, err := s.survey(ctx)
	if err != nil {
		return next, err
	}
	if err := p.work(ctx); err != nil {
		if driver.KindOf(err) == driver.Unauthorized {
			s.o.Login.Reject(p.caller.Token)
		}
		return next, err
	}
	return p.next, s.o.Rows.looked(ctx, s.o.Backend, p.now)
}

// pass is one look at a backend.
type pass struct {
	*Scheduler
	now        time.Time
	caller     driver.Caller
	traits     driver.ScheduleTraits
	sweep      bool // all backups are looked at
	scenes     map[string]*scene
	next       time.Time
	unanswered int // requests for backups
}

// until has the next pass begin at a time at the latest.
func (p *pass) until(at time.Time) {
	if !at.IsZero() && (p.next.IsZero() || at.Before(p.next)) {
		p.next = at
	}
}

// visit has a volume looked at again at a time at the latest.
func (p *pass) visit(id string, at time.Time) {
	if was, known := p.visits[id]; !known || at.Before(was) {
		p.visits[id] = at
	}
}

// scene is what a pass knows about a volume.
type scene struct {
	id      string
	volume  *driver.Volume // nil: it is gone, or has no policy and never had one
	policy  *policy.Effective
	row     *watched // nil: there is none
	runs    []*run   // the newest first
	backups []driver.Backup
	changed bool // the policy is another one since the last pass
}

// survey reads the volumes and what is known of them.
func (s *Scheduler) survey(ctx context.Context) (*pass, error) {
	caller, err := s.o.Login.Caller(ctx)
	if err != nil {
		return nil, err
	}
	p := &pass{Scheduler: s, now: s.o.Clock.Now().UTC(), caller: caller, scenes: map[string]*scene{}}
	p.sweep = !p.now.Before(s.sweepAt) || policy.WrongClock(s.sweepAt, p.now.Add(sweepEvery))
	p.until(p.now.Add(s.o.Poll))
	if p.traits, err = s.o.Cloud.ScheduleTraits(ctx); err != nil {
		return nil, err
	}
	volumes, err := s.o.Cloud.AllVolumes(ctx, caller)
	if err != nil {
		if driver.KindOf(err) == driver.Unauthorized {
			s.o.Login.Reject(caller.Token)
		}
		return nil, err
	}
	rows, err := s.o.Rows.volumes(ctx, s.o.Backend)
	if err != nil {
		return nil, err
	}
	runs, err := s.o.Rows.runs(ctx, s.o.Backend, "")
	if err != nil {
		return nil, err
	}
	for i := range volumes {
		v := &volumes[i]
		if v.ProjectID == "" {
			v.ProjectID = caller.ProjectID
		}
		row := rows[v.ID]
		if v.ProjectID == caller.ProjectID && (row != nil || restored(v) || s.o.Book.Concerns(v.Metadata, nil, v.ProjectID)) {
			p.scenes[v.ID] = &scene{id: v.ID, volume: v, row: row, runs: runs[v.ID]}
		}
	}
	for id, row := range rows {
		if p.scenes[id] == nil && row.ProjectID == caller.ProjectID {
			p.scenes[id] = &scene{id: id, row: row, runs: runs[id]}
		}
	}
	return p, nil
}
