// Package policies backs volumes up by the policies in their metadata, and deletes the backups that
// no rule keeps any more.
//
// A run of a policy is a row for a volume and a slot of its schedule. The transaction that makes the
// backup also changes the row, so a slot has at most one backup, however many gateways there are
// and whenever they die.
package policies

import (
	"context"
	"time"

	"go.uber.org/zap"

	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// Policies follows the policies of all volumes.
type Policies struct {
	core    *core.Core
	backups *backups.Backups
	ended   func(outcome string)

	// Only the goroutine of Run uses these.
	due      map[core.AttentionKey]time.Time // when a volume has to be looked at
	seen     map[string]sight                // volumes, by id, as they were at the last look
	rescanAt time.Time
	passedAt time.Time // of the last pass
}

// New returns a Policies. ended is called with the outcome of each run: done, skipped or failed.
func New(c *core.Core, bs *backups.Backups, ended func(outcome string)) *Policies {
	return &Policies{core: c, backups: bs, ended: ended, due: map[core.AttentionKey]time.Time{}, seen: map[string]sight{}}
}

// Times between looks.
const (
	rescanAlone  = time.Hour   // at all volumes: nothing is missed, but a default may have been changed
	rescanShared = time.Minute // where other gateways change volumes, too
	retry        = time.Minute // at a volume that is busy
)

// Run follows the policies until ctx ends. The calling goroutine counts as work.
func (ps *Policies) Run(ctx context.Context) {
	for ctx.Err() == nil {
		ps.core.WaitFor(ctx, ps.Pass(ctx), ps.core.Attention.Bell)
	}
}

// Pass does all that is due, and returns the time until something is.
func (ps *Policies) Pass(ctx context.Context) time.Duration {
	now := ps.core.Clock.Now()
	called := ps.core.Attention.Take()
	all := core.AttentionKey{}
	whole := called[all] || policy.WrongClock(ps.passedAt, now) // the clock was set back: what is due is not known any more
	ps.passedAt = now
	if whole || !now.Before(ps.rescanAt) {
		if err := ps.rescan(ctx, now, whole); err != nil {
			ps.failed(ctx, all, err)
			ps.rescanAt = now.Add(retry)
		} else {
			ps.rescanAt = now.Add(rescanAlone)
			if ps.core.Several() {
				ps.rescanAt = now.Add(rescanShared)
			}
		}
	}
	for key := range called {
		if key != all {
			ps.due[key] = now
		}
	}
	next := ps.rescanAt
	for key, at := range ps.due {
		if ctx.Err() != nil {
			return 0
		}
		if !at.After(now) {
			var err error
			if at, err = ps.look(ctx, key); err != nil {
				ps.failed(ctx, key, err)
				at = now.Add(retry)
			}
			if !at.IsZero() && !at.After(now) { // the database's clock is a little behind this one
				at = now.Add(time.Second)
			}
			ps.due[key] = at
		}
		if at.IsZero() {
			delete(ps.due, key)
		} else if at.Before(next) {
			next = at
		}
	}
	return max(next.Sub(now), 0)
}

func (ps *Policies) failed(ctx context.Context, key core.AttentionKey, err error) {
	if ctx.Err() == nil {
		ps.core.Log.Error("the policy of a volume", zap.String("volume_id", key.VolumeID), zap.Error(err))
	}
}

// sight is what a rescan compares of a volume with the rescan before. Another gateway may have changed it.
type sight struct {
	updatedAt        int64  // of the volume, in microseconds
	typeText, typeOf string // what its type says about policies
}

// rescan finds the volumes that have a policy or had one, and the backups that expire, and makes those due
// that are new or have been changed; with all: all of them.
func (ps *Policies) rescan(ctx context.Context, now time.Time, all bool) error {
	ctx, err := ps.core.Current(ctx)
	if err != nil {
		return err
	}
	volumes, err := ps.core.DB.AllVolumes(ctx)
	if err != nil {
		return err
	}
	backups, err := ps.core.DB.AllBackups(ctx)
	if err != nil {
		return err
	}
	protections, err := ps.core.DB.Protections(ctx)
	if err != nil {
		return err
	}
	seen, watched := map[string]sight{}, map[string]bool{}
	for _, p := range protections {
		watched[p.VolumeID] = p.Policy != "" || p.Problem != ""
	}
	specs := map[string]map[string]string{}
	for v := range volumes.All() {
		of, known := specs[v.VolumeTypeID]
		if !known {
			if of, err = ps.typeSpecs(ctx, v.VolumeTypeID); err != nil {
				return err
			}
			specs[v.VolumeTypeID] = of
		}
		key := core.AttentionKey{ProjectID: v.ProjectID, VolumeID: v.ID}
		if !ps.core.Policies.Concerns(v.Metadata, of, v.ProjectID) && !watched[v.ID] {
			continue
		}
		is := sight{v.UpdatedAt.UnixMicro(), of[policy.Key], of[policy.NameKey]}
		seen[v.ID] = is
		if _, known := ps.due[key]; all || !known || ps.seen[v.ID] != is {
			ps.due[key] = now
		}
	}
	for b := range backups.All() {
		key := core.AttentionKey{ProjectID: b.ProjectID, VolumeID: b.VolumeID}
		if _, known := ps.due[key]; !known && b.Metadata[policy.ExpiresKey] != "" {
			ps.due[key] = now
		}
	}
	ps.seen = seen
	return nil
}

func (ps *Policies) typeSpecs(ctx context.Context, typeID string) (map[string]string, error) {
	t, err := ps.core.DB.VolumeType(ctx, typeID)
	if err != nil || t == nil {
		return nil, err
	}
	return t.ExtraSpecs, nil
}

// scene is what one look at a volume sees.
type scene struct {
	key        core.AttentionKey
	now        time.Time
	volume     *meta.Volume // nil: it is deleted
	policy     *policy.Effective
	problem    error // why there is no policy although one is asked for
	protection meta.Protection
	runs       []*meta.PolicyRun // the newest first
	backups    []*meta.Backup
}

// see reads what there is about a volume.
func (ps *Policies) see(ctx context.Context, key core.AttentionKey) (s scene, err error) {
	err = ps.core.Read(ctx, func(tx *meta.Tx) error {
		s = scene{key: key, now: tx.Now, protection: meta.Protection{VolumeID: key.VolumeID}}
		v, err := tx.Volume(key.VolumeID)
		if err != nil {
			return err
		}
		if v != nil && v.ProjectID == key.ProjectID {
			s.volume = v
			var specs map[string]string
			t, err := tx.VolumeType(v.VolumeTypeID)
			if err != nil {
				return err
			}
			if t != nil {
				specs = t.ExtraSpecs
			}
			s.policy, s.problem = ps.core.Policies.Of(v.Metadata, specs, v.ProjectID)
			p, err := tx.Protection(v.ID)
			if err != nil {
				return err
			}
			if p != nil {
				s.protection = *p
			}
		}
		runs, err := tx.PolicyRuns(key.VolumeID)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.ProjectID == key.ProjectID {
				s.runs = append(s.runs, r)
			}
		}
		s.backups, err = tx.BackupsOfVolume(key.ProjectID, key.VolumeID)
		return err
	})
	return s, err
}

// look does what is due for a volume. It returns the time of the next look, by this process's clock; zero: there
// is none.
func (ps *Policies) look(ctx context.Context, key core.AttentionKey) (time.Time, error) {
	asked := ps.core.Clock.Now()
	s, err := ps.see(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	if err := ps.settle(ctx, &s); err != nil {
		return time.Time{}, err
	}
	next, err := ps.follow(ctx, &s)
	if err != nil {
		return time.Time{}, err
	}
	later, err := ps.expire(ctx, &s)
	if next = sooner(next, later); !next.IsZero() {
		// Slots go by the clock of the database, which may be fast or slow.
		next = next.Add(asked.Sub(s.now).Truncate(time.Second))
	}
	return next, err
}

// sooner returns the earlier of two times; a zero time is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
