package schedule

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/database"
	"cindergate/internal/policy"
)

// retry is the time after which a volume is looked at again whose policy could not be followed.
const retry = 10 * time.Minute

// maxConfirmed is how many resources that a list lacks are asked for in one pass.
const maxConfirmed = 100

// work notes the policies of all volumes, and looks at those where something is due.
func (p *pass) work(ctx context.Context) error {
	for id, at := range p.visits {
		if p.scenes[id] == nil && !at.After(p.now) { // a volume without a policy whose backups expire
			p.scenes[id] = &scene{id: id}
		}
	}
	var due []*scene
	confirmed := 0
	for _, id := range slices.Sorted(maps.Keys(p.scenes)) {
		sc := p.scenes[id]
		if sc.volume == nil && sc.row != nil && sc.row.Gone.IsZero() {
			if confirmed++; confirmed > maxConfirmed {
				delete(p.scenes, id)
				continue
			}
			gone, err := p.confirmGone(ctx, sc)
			if err != nil {
				return err
			}
			if !gone { // the list lacks it although it is there
				delete(p.scenes, id)
				continue
			}
		}
		if sc.volume != nil || sc.row != nil {
			if err := p.note(ctx, sc); err != nil {
				return err
			}
		}
		if p.isDue(sc) {
			due = append(due, sc)
		}
	}
	for _, at := range p.visits {
		p.until(at)
	}
	if len(due) == 0 && !p.sweep {
		return nil
	}
	backups, err := allBackups(ctx, p.o.Cloud, p.caller, "")
	if err != nil {
		return err
	}
	if p.sweep {
		due = p.all(backups)
	}
	for _, sc := range due {
		sc.backups = backups[sc.id]
		delete(p.visits, sc.id)
		if err := p.look(ctx, sc); err != nil {
			if ctx.Err() != nil || p.stops(err) {
				p.visit(sc.id, p.now)
				return err
			}
			p.visit(sc.id, p.now.Add(retry))
			p.o.Log.Error("the policy of a volume", zap.String("backend", p.o.Backend), zap.String("volume_id", sc.id), zap.Error(err))
		}
	}
	if p.sweep {
		p.sweepAt = p.now.Add(sweepEvery)
	}
	return nil
}

// stops reports whether an error concerns the backend or the database, and not one volume.
func (p *pass) stops(err error) bool {
	switch driver.KindOf(err) {
	case driver.Unavailable, driver.Unauthorized, driver.OverLimit:
		return true
	}
	return errors.As(err, new(*database.Away))
}

// confirmGone reports whether the cloud says that a volume is gone.
func (p *pass) confirmGone(ctx context.Context, sc *scene) (bool, error) {
	_, err := p.o.Cloud.GetVolume(ctx, p.caller, sc.id)
	if driver.KindOf(err) != driver.NotFound {
		return false, err
	}
	sc.row.Gone, sc.changed = p.now, true
	return true, nil
}

// all returns the scenes of all volumes that have rows, or backups that expire.
func (p *pass) all(backups map[string][]driver.Backup) []*scene {
	for id, of := range backups {
		if p.scenes[id] == nil && slices.ContainsFunc(of, func(b driver.Backup) bool { return b.Metadata[policy.ExpiresKey] != "" }) {
			p.scenes[id] = &scene{id: id}
		}
	}
	var all []*scene
	for _, id := range slices.Sorted(maps.Keys(p.scenes)) {
		all = append(all, p.scenes[id])
	}
	return all
}

// note stores which policy a volume has, and since when, and says in the log what is wrong with it.
func (p *pass) note(ctx context.Context, sc *scene) error {
	is := watched{VolumeID: sc.id, ProjectID: p.caller.ProjectID}
	if sc.row != nil {
		is = *sc.row
	}
	if v := sc.volume; v != nil {
		is.Gone = time.Time{}
		sc.policy, is.Problem = p.policyOf(v)
		text := heldText(v)
		switch {
		case sc.row == nil && restored(v) && policy.Has(v.Metadata):
			is.Held = text
		case is.Held != text || !restored(v):
			is.Held = ""
		}
		if is.Held != "" && sc.policy != nil {
			is.Problem = "The volume was made by a restore, so its policy (" + sc.policy.From + ") waits. Change the metadata " + policy.Key + " of the volume to begin."
			sc.policy = nil
		}
	} else {
		is.Problem = ""
	}
	text := ""
	if sc.policy != nil {
		text = sc.policy.String()
	}
	if is.ProjectID != p.caller.ProjectID || !policy.SameSlots(is.Policy, text) || sc.row == nil {
		is.Since = p.now
	}
	is.ProjectID = p.caller.ProjectID
	if is.Policy != text {
		sc.changed = true
	}
	is.Policy = text
	if sc.row != nil && is == *sc.row && !sc.changed {
		return nil
	}
	if is.Problem != "" && (sc.row == nil || sc.row.Problem != is.Problem) {
		p.o.Log.Warn("a backup policy is not followed as it says", zap.String("backend", p.o.Backend), zap.String("volume_id", sc.id), zap.String("project_id", is.ProjectID), zap.String("problem", is.Problem))
	}
	sc.row = &is
	return p.o.Rows.put(ctx, p.o.Backend, &is)
}

// heldText returns the policy's metadata of a volume as [watched.Held] has it.
func heldText(v *driver.Volume) string {
	return v.Metadata[policy.Key] + "\n" + v.Metadata[policy.NameKey]
}

// isDue reports whether something is to be done that needs the backups of a volume.
func (p *pass) isDue(sc *scene) bool {
	at, known := p.visits[sc.id]
	if known && !at.After(p.now) || sc.changed || slices.ContainsFunc(sc.runs, func(r *run) bool { return r.Ended.IsZero() }) {
		return true
	}
	if sc.policy == nil || sc.policy.Paused {
		return false
	}
	slot, next := sc.policy.Around(sc.id, p.now)
	p.until(next)
	return p.claims(sc, slot)
}

// claims reports whether a slot is to have a run.
func (p *pass) claims(sc *scene, slot time.Time) bool {
	return policy.Claims(slot, sc.row.Since, sc.row.Slot, p.now)
}

// look does what is due for a volume.
func (p *pass) look(ctx context.Context, sc *scene) error {
	if sc.row != nil {
		if sc.policy != nil && !sc.policy.Paused {
			slot, next := sc.policy.Around(sc.id, p.now)
			p.until(next)
			if p.claims(sc, slot) {
				if err := p.claim(ctx, sc, slot); err != nil {
					return err
				}
			}
		}
		if err := p.settle(ctx, sc); err != nil {
			return err
		}
	}
	return p.expire(ctx, sc)
}

// claim inserts the run of a slot.
func (p *pass) claim(ctx context.Context, sc *scene, slot time.Time) error {
	r := &run{VolumeID: sc.id, ProjectID: p.caller.ProjectID, Slot: slot, State: waiting, Created: p.now}
	var over time.Time // the slot that the row has, if a clock was wrong
	if policy.WrongClock(sc.row.Slot, p.now) {
		over = sc.row.Slot
	}
	won, err := p.o.Rows.claim(ctx, p.o.Backend, r, over)
	if won {
		sc.runs = append([]*run{r}, sc.runs...)
	}
	return err
}
