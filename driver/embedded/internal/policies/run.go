package policies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/meta"
	"cindergate/internal/policy"
)

// keptRuns is how many ended runs without a backup a volume has.
const keptRuns = 50

// settle ends the runs whose backups have ended, and forgets old runs that have no backup.
func (ps *Policies) settle(ctx context.Context, s *scene) error {
	if s.volume == nil {
		if err := ps.giveUpWaiting(ctx, s, "the project did not have the volume any more."); err != nil {
			return err
		}
	}
	live := map[string]*meta.Backup{}
	for _, b := range s.backups {
		live[b.ID] = b
	}
	without := 0
	for _, r := range s.runs {
		var err error
		switch b := live[r.BackupID]; {
		case r.State == meta.RunRunning && (b == nil || b.Status == driver.BackupDeleting && b.ServiceMetadata == ""):
			err = ps.end(ctx, s, r, meta.RunFailed, "The backup was deleted before it was complete.")
		case r.State == meta.RunRunning && b.Status == driver.BackupError:
			err = ps.end(ctx, s, r, meta.RunFailed, cmp.Or(b.FailReason, "The status of the backup was set to error."))
		case r.State == meta.RunRunning && b.Status != driver.BackupCreating:
			err = ps.end(ctx, s, r, meta.RunDone, "")
		case b == nil && r.State != meta.RunWaiting:
			if without++; without > keptRuns {
				err = ps.core.Write(ctx, func(tx *meta.Tx) error { return tx.RemovePolicyRun(r.ID) })
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end stores how a run ended that is still as s shows it, and tells the user why it failed unless its
// backup has done so.
func (ps *Policies) end(ctx context.Context, s *scene, r *meta.PolicyRun, state, reason string) error {
	ended, seen := false, r.State
	err := ps.core.Write(ctx, func(tx *meta.Tx) error {
		ended = false
		row, err := tx.PolicyRun(r.ID)
		if err != nil || row == nil || row.State != seen || !row.EndedAt.IsZero() {
			return err
		}
		ended = true
		row.State, row.Reason, row.EndedAt = state, reason, tx.Now
		*r = *row
		if err := tx.PutPolicyRun(row); err != nil {
			return err
		}
		if s.volume == nil {
			return nil
		}
		p, err := protection(tx, row.VolumeID)
		if err != nil || p == nil {
			return err
		}
		if state == meta.RunFailed {
			p.Failures++
			if row.BackupID == "" {
				text := fmt.Sprintf("The backup that was due %s was not made: %s", row.Slot.UTC().Format(time.RFC3339), reason)
				if err := ps.core.AddMessage(tx, caller(s.volume.ProjectID, s.volume.UserID), core.ActionBackup, core.DetailPolicy, core.VolumeResource, row.VolumeID, text); err != nil {
					return err
				}
			}
		} else {
			p.Failures, p.LastSuccess = 0, row.Slot
		}
		s.protection = *p
		return tx.PutProtection(p)
	})
	if err == nil && ended {
		ps.ended(state)
	}
	return err
}

// protection returns what is known about the policy of a volume; nil: the volume is gone.
func protection(tx *meta.Tx, volumeID string) (*meta.Protection, error) {
	if v, err := tx.Volume(volumeID); err != nil || v == nil {
		return nil, err
	}
	p, err := tx.Protection(volumeID)
	if p == nil {
		p = &meta.Protection{VolumeID: volumeID}
	}
	return p, err
}

// caller returns who asks for the backups and deletes of a project.
func caller(projectID, userID string) driver.Caller {
	return driver.Caller{ProjectID: projectID, UserID: userID, Role: driver.Member, RequestID: "req-" + uuid.NewString()}
}

// follow begins the run that is due, and goes on with one that waits. It returns the time of the
// next look.
func (ps *Policies) follow(ctx context.Context, s *scene) (time.Time, error) {
	if err := ps.note(ctx, s); err != nil {
		return time.Time{}, err
	}
	if s.policy == nil {
		return time.Time{}, ps.giveUpWaiting(ctx, s, "the volume had no policy any more.")
	}
	slot, next := s.policy.Around(s.key.VolumeID, s.now)
	if s.protection.Held || s.policy.Paused {
		return next, ps.giveUpWaiting(ctx, s, "the policy was paused.")
	}
	if lateAt := slot.Add(s.policy.Delay(s.key.VolumeID) + late); !ps.core.Here(s.volume.Host) && !s.now.After(lateAt) {
		return lateAt.Add(time.Microsecond), nil
	}
	if policy.Claims(slot, s.protection.Since, s.protection.Slot, s.now) {
		if err := ps.claim(ctx, s, slot); err != nil {
			return next, err
		}
	}
	if err := ps.attempt(ctx, s); err != nil {
		return next, err
	}
	if i := s.waiting(); i >= 0 {
		next = sooner(next, s.now.Add(retry))
	}
	return next, nil
}

// note stores which policy a volume has, and since when, and tells the user of a mistake in it.
func (ps *Policies) note(ctx context.Context, s *scene) error {
	if s.volume == nil {
		return nil
	}
	text, problem := "", ""
	switch {
	case s.problem != nil:
		problem = "The volume is not backed up: " + s.problem.Error() + "."
	case s.policy != nil && s.protection.Held:
		problem = "The volume was made by a restore, so its policy (" + s.policy.From + ") waits. Set the metadata " + policy.Key + " of the volume to begin."
	case s.policy != nil:
		text = s.policy.String()
		_, problem = ps.backups.PolicyLock(s.policy.Lock, s.now)
	}
	if text == s.protection.Policy && problem == s.protection.Problem {
		return nil
	}
	return ps.core.Write(ctx, func(tx *meta.Tx) error {
		p, err := protection(tx, s.key.VolumeID)
		if err != nil || p == nil {
			return err
		}
		if !policy.SameSlots(p.Policy, text) {
			p.Since = tx.Now
		}
		p.Policy = text
		if p.Problem != problem {
			p.Problem = problem
			if problem != "" {
				if err := ps.core.AddMessage(tx, caller(s.volume.ProjectID, s.volume.UserID), core.ActionBackup, core.DetailPolicy, core.VolumeResource, s.volume.ID, problem); err != nil {
					return err
				}
			}
		}
		s.protection = *p
		return tx.PutProtection(p)
	})
}

// late is how long another gateway waits for the one that has the volume's file, which begins its runs.
const late = 10 * time.Minute

// claim inserts the run of a slot. A run that waits for an earlier slot has missed its time.
func (ps *Policies) claim(ctx context.Context, s *scene, slot time.Time) error {
	if err := ps.giveUpWaiting(ctx, s, "the next run was due."); err != nil {
		return err
	}
	var run *meta.PolicyRun
	err := ps.core.Write(ctx, func(tx *meta.Tx) error {
		run = nil
		p, err := protection(tx, s.key.VolumeID)
		if err != nil || p == nil || !policy.Claims(slot, time.Time{}, p.Slot, tx.Now) {
			return err // another gateway was faster
		}
		if known, err := tx.PolicyRun(meta.RunID(s.key.VolumeID, slot)); err != nil || known != nil {
			return err
		}
		p.Slot = slot
		run = &meta.PolicyRun{ID: meta.RunID(s.key.VolumeID, slot), VolumeID: s.key.VolumeID, ProjectID: s.key.ProjectID,
			Slot: slot, State: meta.RunWaiting, CreatedAt: tx.Now}
		s.protection = *p
		return errors.Join(tx.PutProtection(p), tx.PutPolicyRun(run))
	})
	if err == nil && run != nil {
		s.runs = append([]*meta.PolicyRun{run}, s.runs...)
	}
	return err
}

// waiting returns the index of the run that waits; -1: none.
func (s *scene) waiting() int {
	return slices.IndexFunc(s.runs, func(r *meta.PolicyRun) bool { return r.State == meta.RunWaiting })
}

func (ps *Policies) giveUpWaiting(ctx context.Context, s *scene, until string) error {
	i := s.waiting()
	if i < 0 {
		return nil
	}
	reason := strings.ToUpper(until[:1]) + until[1:]
	if why := s.runs[i].Reason; why != "" {
		reason = why + " That did not change until " + until
	}
	return ps.end(ctx, s, s.runs[i], meta.RunFailed, reason)
}

// errTaken says that another gateway makes the backup of a run.
var errTaken = errors.New("the run has been taken")

// attempt makes the backup of the run that waits, if the volume can be backed up now.
func (ps *Policies) attempt(ctx context.Context, s *scene) error {
	i := s.waiting()
	if i < 0 {
		return nil
	}
	r := s.runs[i]
	print := ps.fingerprint(s.volume)
	if same := s.unchanged(print); same != "" && !s.policy.Always {
		return ps.end(ctx, s, r, meta.RunSkipped, "Nothing has changed since backup "+same+".")
	}
	kind := s.policy.Next(s.states())
	volumeName := ""
	if s.volume.Name != nil {
		volumeName = *s.volume.Name
	}
	name := s.policy.BackupName(volumeName, s.key.VolumeID, r.Slot)
	spec := driver.BackupSpec{VolumeID: s.key.VolumeID, Name: &name, Incremental: kind.Incremental || kind.Synthetic, Force: true,
		Metadata: map[string]string{policy.SlotKey: r.Slot.UTC().Format(time.RFC3339)}}
	if kind.Synthetic {
		spec.Metadata[policy.SyntheticKey] = policy.SyntheticFull
	}
	if lock, _ := ps.backups.PolicyLock(s.policy.Lock, ps.core.Clock.Now()); lock != "" {
		spec.Metadata[policy.LockKey] = lock
	}
	if s.policy.Copy != "" {
		spec.Metadata[driver.CopyTo] = s.policy.Copy
	}
	var row *meta.PolicyRun
	b, err := ps.backups.CreateFor(ctx, caller(s.volume.ProjectID, s.volume.UserID), spec, func(tx *meta.Tx, b *meta.Backup) (err error) {
		if row, err = tx.PolicyRun(r.ID); err != nil {
			return err
		}
		if row == nil || row.State != meta.RunWaiting {
			return errTaken
		}
		row.State, row.BackupID, row.Reason, row.Fingerprint = meta.RunRunning, b.ID, kind.Reason, print
		return tx.PutPolicyRun(row)
	})
	switch {
	case err == nil:
		s.runs[i] = row
		s.backups = append(s.backups, &meta.Backup{Backup: b})
		return nil
	case errors.Is(err, errTaken), ctx.Err() != nil:
		return ctx.Err()
	}
	var known *driver.Error
	reason := "An internal error occurred; the log of the service has it."
	if errors.As(err, &known) && known.Kind != driver.Internal {
		reason = known.Message
	}
	switch driver.KindOf(err) {
	case driver.InvalidState, driver.Unavailable, driver.NotFound: // it may be possible soon
		return ps.wait(ctx, r, reason)
	case driver.Internal:
		ps.failed(ctx, s.key, err)
		return ps.wait(ctx, r, reason)
	}
	return ps.end(ctx, s, r, meta.RunFailed, reason)
}

// wait stores why a run waits.
func (ps *Policies) wait(ctx context.Context, r *meta.PolicyRun, reason string) error {
	if r.Reason == reason {
		return nil
	}
	return ps.core.Write(ctx, func(tx *meta.Tx) error {
		row, err := tx.PolicyRun(r.ID)
		if err != nil || row == nil || row.State != meta.RunWaiting {
			return err
		}
		row.Reason = reason
		*r = *row
		return tx.PutPolicyRun(row)
	})
}
