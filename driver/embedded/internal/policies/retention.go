package policies

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/backups"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// states returns the backups as package policy needs them.
func (s *scene) states() []policy.Backup {
	slots := map[string]time.Time{}
	for _, r := range s.runs {
		if r.BackupID != "" {
			slots[r.BackupID] = r.Slot
		}
	}
	states := make([]policy.Backup, len(s.backups))
	for i, b := range s.backups {
		states[i] = policy.Backup{ID: b.ID, ParentID: b.ParentID, Slot: slots[b.ID], CreatedAt: b.DataTimestamp,
			Complete: complete(b), Status: string(b.Status), Fixed: !backups.CanBeRebased(b), Locked: b.LockedUntil, Outgrown: s.volume != nil && s.volume.Size > b.Size}
		if value := b.Metadata[policy.ExpiresKey]; value != "" {
			if at, err := policy.ParseExpiry(value, b.CreatedAt); err == nil {
				states[i].Expires = at
			}
		}
	}
	return states
}

// complete reports whether a backup can be restored, as far as its row says.
func complete(b *meta.Backup) bool {
	return b.Status == driver.BackupAvailable || b.Status == driver.BackupRestoring
}

// newest returns the complete backup with the newest data that is not among going; nil: there is none.
func (s *scene) newest(going map[string]*meta.Backup) (newest *meta.Backup) {
	for _, b := range s.backups {
		if going[b.ID] == nil && complete(b) && (newest == nil || b.DataTimestamp.After(newest.DataTimestamp)) {
			newest = b
		}
	}
	return newest
}

// rules returns the policy whose rules decide what is kept; nil: there is none, so all is.
func (s *scene) rules() *policy.Policy {
	if s.policy == nil || s.protection.Held {
		return nil
	}
	return &s.policy.Policy
}

// expire deletes the backups that nothing keeps. It returns the time at which the next one
// expires.
func (ps *Policies) expire(ctx context.Context, s *scene) (time.Time, error) {
	states := s.states()
	var next time.Time
	for _, b := range states {
		for _, at := range []time.Time{b.Expires, b.Locked} {
			if at.After(s.now) {
				next = sooner(next, at)
			}
		}
	}
	decisions := policy.Decide(s.rules(), states, s.now, ps.backups.Rebases())
	byID := map[string]*meta.Backup{}
	for i, b := range s.backups {
		if decisions[i].Keep {
			continue
		}
		switch at := backups.DeletableAt(b); {
		case at.After(s.now):
			next = sooner(next, at)
			continue
		case b.Status == driver.BackupRestoring:
			next = sooner(next, s.now.Add(retry))
			continue
		}
		byID[b.ID] = b
	}
	goers := slices.DeleteFunc(policy.Goers(states, decisions), func(id string) bool { return byID[id] == nil })
	if len(goers) == 0 {
		return next, nil
	}
	sound, err := ps.newestIsSound(ctx, s, byID)
	if err != nil || !sound {
		return sooner(next, s.now.Add(rescanAlone)), err
	}
	for _, id := range goers {
		b := byID[id]
		switch err := ps.backups.DeleteBackup(ctx, caller(b.ProjectID, b.UserID), id); {
		case err == nil:
			ps.core.Log.Info("a backup is deleted by the policy of its volume", zap.String("backup_id", id), zap.String("volume_id", s.key.VolumeID), zap.String("project_id", b.ProjectID))
		case driver.KindOf(err) == driver.InvalidState, driver.KindOf(err) == driver.NotFound, driver.KindOf(err) == driver.Unavailable:
			// It is in use, or a backup that builds on it is being deleted: the end of that calls.
			next = sooner(next, s.now.Add(retry))
		default:
			return next, err
		}
	}
	return next, nil
}

// newestIsSound reports whether all objects of the newest complete backup are there that does not go, or there
// is none. Otherwise nothing is deleted, and the user is told.
func (ps *Policies) newestIsSound(ctx context.Context, s *scene, going map[string]*meta.Backup) (bool, error) {
	newest := s.newest(going)
	if newest == nil { // all that there are expire: the policy's rules keep one
		return true, nil
	}
	damage, err := ps.backups.Damage(ctx, newest)
	if err != nil {
		return false, err
	}
	problem := ""
	if damage != "" {
		problem = "No older backup is deleted, because the newest one, " + newest.ID + ", cannot be restored: " + damage
	}
	if problem == s.protection.Blocked {
		return problem == "", nil
	}
	return problem == "", ps.core.Write(ctx, func(tx *meta.Tx) error {
		p, err := protection(tx, s.key.VolumeID)
		if err != nil || p == nil {
			return err
		}
		p.Blocked = problem
		s.protection = *p
		if err := tx.PutProtection(p); err != nil || problem == "" {
			return err
		}
		return ps.core.AddMessage(tx, caller(newest.ProjectID, newest.UserID), core.ActionDeleteBackup, core.DetailPolicy, core.VolumeResource, s.key.VolumeID, problem)
	})
}
