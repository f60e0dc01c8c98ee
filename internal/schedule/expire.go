package schedule

import (
	"context"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// maxDeleted is how many backups of a volume one pass deletes.
const maxDeleted = 100

// expire deletes the backups that nothing keeps.
func (p *pass) expire(ctx context.Context, sc *scene) error {
	whole, err := p.whole(ctx, sc)
	if err != nil || !whole {
		return err
	}
	slots := sc.slots()
	all := states(sc.volume, sc.backups, slots)
	for _, b := range all {
		if b.Expires.After(p.now) {
			p.visit(sc.id, b.Expires)
			p.until(b.Expires)
		}
	}
	decisions := policy.Decide(sc.rules(), all, p.now, p.traits.Independent)
	deleted := 0
	for _, id := range policy.Goers(all, decisions) {
		b := sc.backup(id)
		_, scheduled := slots[id]
		if !scheduled && b.Metadata[policy.ExpiresKey] == "" || b.VolumeID != sc.id || b.Status != driver.BackupAvailable {
			continue
		}
		if b.HasDependents { // of those that go, the children are deleted first
			p.visit(sc.id, p.now.Add(p.o.Poll))
			continue
		}
		if deleted++; deleted > maxDeleted {
			p.visit(sc.id, p.now.Add(p.o.Poll))
			return nil
		}
		switch err := p.o.Cloud.DeleteBackup(ctx, p.caller, id); driver.KindOf(err) {
		case driver.InvalidState, driver.NotFound, driver.Conflict:
			// It is in use, or a backup that builds on it is still there.
			p.visit(sc.id, p.now.Add(retry))
			p.o.Log.Info("a backup that no rule keeps cannot be deleted now", zap.String("backup_id", id), zap.String("volume_id", sc.id), zap.Error(err))
		default:
			if err != nil {
				return err
			}
			p.o.Log.Info("a backup is deleted by the policy of its volume", zap.String("backend", p.o.Backend), zap.String("backup_id", id), zap.String("volume_id", sc.id), zap.String("project_id", p.caller.ProjectID))
		}
	}
	return nil
}

// whole reports whether the list has all backups that runs have made and that are not gone. A list that lacks
// one of them is cut short or old, and nothing is deleted by it.
func (p *pass) whole(ctx context.Context, sc *scene) (bool, error) {
	blocked, asked := "", 0
	for _, r := range sc.runs {
		if r.State != done || !r.Gone.IsZero() || sc.backup(r.BackupID) != nil {
			continue
		}
		if asked++; asked > maxConfirmed {
			blocked = "No backup is deleted yet: many of those that runs made are not in the list."
			break
		}
		_, err := p.o.Cloud.GetBackup(ctx, p.caller, r.BackupID)
		switch {
		case driver.KindOf(err) == driver.NotFound:
			r.Gone = p.now
			if err := p.o.Rows.markGone(ctx, p.o.Backend, r); err != nil {
				return false, err
			}
		case err != nil:
			return false, err
		default:
			blocked = "No backup is deleted, because the backend's list lacks backup " + r.BackupID + ", which it still has."
		}
	}
	if sc.row != nil && sc.row.Blocked != blocked {
		if blocked != "" {
			p.o.Log.Warn("a list of backups is not whole", zap.String("backend", p.o.Backend), zap.String("volume_id", sc.id), zap.String("problem", blocked))
		}
		sc.row.Blocked = blocked
		if err := p.o.Rows.put(ctx, p.o.Backend, sc.row); err != nil {
			return false, err
		}
	}
	return blocked == "", nil
}

// Protected is what operators watch of a volume with a policy.
type Protected struct {
	ProjectID, VolumeID string
	LastSuccess         time.Time // the slot of the last run that did not fail; before the first one, when the policy was set
	Failures            int       // runs that failed since then
	Problem             bool      // the policy cannot be followed, or not as it says
	Idle                bool      // none is in force
}

// Protected returns the volumes that have a policy, or ask for one that cannot be followed.
func (s *Scheduler) Protected(ctx context.Context) ([]Protected, error) {
	rows, err := s.o.Rows.volumes(ctx, s.o.Backend)
	if err != nil {
		return nil, err
	}
	var all []Protected
	for _, w := range rows {
		parsed, bad := policy.Parse(w.Policy)
		problem := w.Problem != "" && w.Held == "" || w.Blocked != ""
		inForce := w.Policy != "" && bad == nil && !parsed.Paused
		if !inForce && !problem || !w.Gone.IsZero() {
			continue
		}
		last := w.LastSuccess
		if last.IsZero() {
			last = w.Since
		}
		all = append(all, Protected{w.ProjectID, w.VolumeID, last, w.Failures, problem, !inForce})
	}
	return all, nil
}

// LastLook returns when the backend was looked at last without an error, by any gateway; zero: never.
func (s *Scheduler) LastLook(ctx context.Context) (time.Time, error) {
	return s.o.Rows.lastLook(ctx, s.o.Backend)
}
