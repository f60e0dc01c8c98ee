package schedule

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// keptRuns is how many ended runs without a backup a volume has.
const keptRuns = 50

// settle goes on with the runs of a volume that have not ended, and forgets old ones that have no backup.
func (p *pass) settle(ctx context.Context, sc *scene) error {
	sc.runs = slices.DeleteFunc(sc.runs, func(r *run) bool { return r.ProjectID != p.caller.ProjectID })
	without := 0
	for i, r := range sc.runs {
		var err error
		switch {
		case r.State == running:
			err = p.watch(ctx, sc, r)
		case r.State == asking:
			err = p.resolve(ctx, sc, r, i == 0)
		case r.State == waiting:
			err = p.attempt(ctx, sc, r, i == 0)
		case r.BackupID == "" || !r.Gone.IsZero():
			if without++; without > keptRuns {
				err = p.o.Rows.forget(ctx, p.o.Backend, r)
			}
		}
		if err != nil {
			return err
		}
		if r.Ended.IsZero() {
			p.until(p.now.Add(p.o.Poll))
			p.until(r.NotBefore)
		}
	}
	return nil
}

// backup returns a backup of the volume by its id.
func (sc *scene) backup(id string) *driver.Backup {
	if i := slices.IndexFunc(sc.backups, func(b driver.Backup) bool { return b.ID == id }); i >= 0 {
		return &sc.backups[i]
	}
	return nil
}

// made returns the backup that says that it is of a run's slot, and that no other run has made.
func (sc *scene) made(r *run) *driver.Backup {
	for i := range sc.backups {
		b := &sc.backups[i]
		if isOf(b, r.Slot) && !slices.ContainsFunc(sc.runs, func(other *run) bool { return other != r && other.BackupID == b.ID }) {
			return b
		}
	}
	return nil
}

// watch ends the run whose backup has ended.
func (p *pass) watch(ctx context.Context, sc *scene, r *run) error {
	b := sc.backup(r.BackupID)
	if b == nil {
		_, err := p.o.Cloud.GetBackup(ctx, p.caller, r.BackupID)
		if driver.KindOf(err) != driver.NotFound {
			return err // it is there although the list lacks it: the next pass will see
		}
		r.Gone = p.now
		return p.end(ctx, sc, r, running, failed, "The backup was deleted before it was complete.")
	}
	switch b.Status {
	case driver.BackupCreating:
		return nil
	case driver.BackupError:
		return p.end(ctx, sc, r, running, failed, cmp.Or(b.FailReason, "The status of the backup is error."))
	case driver.BackupDeleting:
		return p.end(ctx, sc, r, running, failed, "The backup was deleted before it was complete.")
	}
	return p.end(ctx, sc, r, running, done, r.Reason)
}

// adopt takes over a backup that the cloud made for a run although its answer did not arrive.
func (p *pass) adopt(ctx context.Context, sc *scene, r *run, b *driver.Backup) error {
	from := r.State
	r.State, r.BackupID, r.NotBefore, r.Reason = running, b.ID, time.Time{}, "The cloud's answer was lost; the backup was found by its slot."
	ours, err := p.o.Rows.set(ctx, p.o.Backend, r, from)
	if err != nil || !ours {
		return err
	}
	return p.watch(ctx, sc, r)
}

// resolve finds out what came of a request for a backup without an answer.
func (p *pass) resolve(ctx context.Context, sc *scene, r *run, newest bool) error {
	if b := sc.made(r); b != nil {
		return p.adopt(ctx, sc, r, b)
	}
	if at := r.Asked.Add(doubt); p.now.Before(at) {
		p.until(at)
		return nil
	}
	return p.attempt(ctx, sc, r, newest)
}

// attempt asks for the backup of a run, if it is the volume's last one and there is none.
func (p *pass) attempt(ctx context.Context, sc *scene, r *run, newest bool) error {
	if until := p.over(sc, newest); until != "" {
		reason := strings.ToUpper(until[:1]) + until[1:]
		if r.Reason != "" {
			reason = r.Reason + " That did not change until " + until
		}
		return p.end(ctx, sc, r, r.State, failed, reason)
	}
	if b := sc.made(r); b != nil {
		if r.Attempts > 0 {
			return p.adopt(ctx, sc, r, b)
		}
		// It is not deleted by a policy either, for this run did not make it.
		return p.end(ctx, sc, r, waiting, skipped, "Somebody else has made backup "+b.ID+" for this run.")
	}
	if p.now.Before(r.NotBefore) {
		return nil
	}
	before := *r
	mine, err := p.o.Rows.take(ctx, p.o.Backend, r, p.o.Clock.Now().UTC())
	if err != nil || !mine {
		return err
	}
	kind := sc.policy.Next(states(sc.volume, sc.backups, sc.slots()))
	b, err := p.ask(ctx, spec(sc.volume, &sc.policy.Policy, r.Slot, kind.Incremental, p.traits.BackupMetadata))
	if err != nil {
		return p.refused(ctx, sc, r, &before, err)
	}
	p.unanswered = 0
	r.State, r.BackupID, r.Reason, r.NotBefore = running, b.ID, kind.Reason, time.Time{}
	sc.backups = append(sc.backups, b)
	_, err = p.o.Rows.set(ctx, p.o.Backend, r, asking)
	return err
}

// over says until when a run that has no backup could have begun; "": it still can.
func (p *pass) over(sc *scene, newest bool) string {
	switch {
	case !newest:
		return "the next run was due."
	case sc.volume == nil:
		return "the project did not have the volume any more."
	case sc.policy == nil:
		return "the volume had no policy any more."
	case sc.policy.Paused:
		return "the policy was paused."
	}
	return ""
}

// ask sends the request for a backup.
func (p *pass) ask(ctx context.Context, spec driver.BackupSpec) (driver.Backup, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return p.o.Cloud.CreateBackup(ctx, p.caller, spec)
}

// maxUnanswered is how many requests for backups in a row may have no answer in one pass.
const maxUnanswered = 3

// refused stores what came of a request for a backup that has failed. before is the run before it.
func (p *pass) refused(ctx context.Context, sc *scene, r, before *run, cause error) error {
	var known *driver.Error
	reason := "An internal error occurred; the log of the gateway has it."
	if errors.As(cause, &known) && known.Kind != driver.Internal {
		reason = known.Message
	}
	r.Reason = reason
	kind := driver.KindOf(cause)
	limited := kind == driver.OverLimit && driver.ReasonOf(cause) == driver.RateLimited
	switch {
	case limited, kind == driver.InvalidState, kind == driver.Unauthorized && p.traits.BackupMetadata:
		// The cloud has said that it makes none now.
		r.State, r.NotBefore = waiting, p.now.Add(pause(p.o.Poll, r.Attempts))
		if limited {
			r.NotBefore, r.Attempts = p.now.Add(max(p.o.Poll, min(known.RetryAfter, longestAsk))), before.Attempts
		}
		if _, err := p.o.Rows.set(ctx, p.o.Backend, r, asking); err != nil || kind == driver.InvalidState {
			return err
		}
		return cause
	case kind == driver.InvalidInput, kind == driver.OverLimit, kind == driver.NotSupported, kind == driver.Forbidden && p.traits.BackupMetadata:
		return p.end(ctx, sc, r, asking, failed, reason)
	}
	// Nobody knows whether there will be one: VBS and CBR make it in a job, which may go on.
	p.o.Log.Warn("it is not known whether a backup is being made", zap.String("backend", p.o.Backend), zap.String("volume_id", sc.id), zap.Error(cause))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, err := p.o.Rows.set(ctx, p.o.Backend, r, asking); err != nil {
		return err
	}
	p.until(r.Asked.Add(doubt))
	if p.unanswered++; p.unanswered >= maxUnanswered || kind == driver.Unauthorized {
		return cause
	}
	return nil
}

// pause returns how long a run waits after a number of attempts in vain.
func pause(poll time.Duration, attempts int) time.Duration {
	return min(max(poll, time.Minute)<<min(max(attempts-1, 0), 5), 30*time.Minute)
}

// end stores how a run ended that is in the state from.
func (p *pass) end(ctx context.Context, sc *scene, r *run, from, state, reason string) error {
	r.State, r.Reason, r.Ended = state, reason, p.now
	ended, err := p.o.Rows.end(ctx, p.o.Backend, r, from)
	if err != nil || !ended {
		return err
	}
	if state == failed {
		p.o.Log.Warn("a run of a backup policy has failed", zap.String("backend", p.o.Backend), zap.String("volume_id", sc.id), zap.Time("slot", r.Slot), zap.String("backup_id", r.BackupID), zap.String("reason", reason))
	}
	p.o.Ended(state)
	return nil
}

// slots returns the slots of the backups that runs have made, by id.
func (sc *scene) slots() map[string]time.Time {
	slots := map[string]time.Time{}
	for _, r := range sc.runs {
		if r.BackupID != "" {
			slots[r.BackupID] = r.Slot
		}
	}
	return slots
}

// rules returns the policy whose rules decide what is kept; nil: there is none, so all is.
func (sc *scene) rules() *policy.Policy {
	if sc.policy == nil {
		return nil
	}
	return &sc.policy.Policy
}
