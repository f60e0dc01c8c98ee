package schedule

import (
	"context"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/internal/policy"
)

var _ driver.PolicyExplainer = (*Scheduler)(nil)

// ExplainPolicy implements [driver.PolicyExplainer]. It asks the cloud for the volume and its backups with the
// login of the schedules, for a caller who may see that login's project.
func (s *Scheduler) ExplainPolicy(ctx context.Context, caller driver.Caller, volumeID, text string) (any, error) {
	own, err := s.o.Login.Caller(ctx)
	if err != nil {
		return nil, err
	}
	if !caller.Owns(own.ProjectID) {
		return nil, driver.VolumeNotFound(volumeID)
	}
	return s.explain(ctx, own, volumeID, text)
}

func (s *Scheduler) explain(ctx context.Context, own driver.Caller, volumeID, text string) (*policy.Explanation, error) {
	v, err := s.o.Cloud.GetVolume(ctx, own, volumeID)
	if err != nil {
		return nil, err
	}
	if v.ProjectID == "" {
		v.ProjectID = own.ProjectID
	}
	if v.ID != volumeID || v.ProjectID != own.ProjectID {
		return nil, driver.VolumeNotFound(volumeID)
	}
	traits, err := s.o.Cloud.ScheduleTraits(ctx)
	if err != nil {
		return nil, err
	}
	backups, err := allBackups(ctx, s.o.Cloud, own, v.ID)
	if err != nil {
		return nil, err
	}
	rows, err := s.o.Rows.volumes(ctx, s.o.Backend)
	if err != nil {
		return nil, err
	}
	runs, err := s.o.Rows.runs(ctx, s.o.Backend, v.ID)
	if err != nil {
		return nil, err
	}
	sc := &scene{id: v.ID, volume: &v, row: rows[v.ID], runs: runs[v.ID], backups: backups[v.ID]}
	e := &policy.Explanation{VolumeID: v.ID, ProjectID: v.ProjectID, Backend: s.o.Backend, Rebases: traits.Independent,
		Next: []time.Time{}, Runs: []policy.ExplainedRun{}, Backups: []policy.ExplainedBackup{}}
	var problems []string
	var problem string
	if sc.policy, problem = s.policyOf(&v); problem != "" {
		problems = append(problems, problem)
	}
	if row := sc.row; row != nil {
		e.Failures, e.Held = row.Failures, row.Held != "" && row.Held == heldText(&v) && restored(&v)
		if !row.LastSuccess.IsZero() {
			e.LastSuccess = row.LastSuccess.Format(time.RFC3339)
		}
		if row.Blocked != "" {
			problems = append(problems, row.Blocked)
		}
	} else if sc.policy != nil {
		problems = append(problems, "The schedules have not seen this policy yet.")
	}
	if text != "" {
		p, err := policy.Parse(text)
		if err != nil {
			return nil, driver.Wrap(driver.InvalidInput, err, "Invalid input received: policy: %s.", err)
		}
		sc.policy, problems, e.DryRun, e.Held = &policy.Effective{Policy: p, From: "the command"}, nil, true, false
	}
	e.Problem = strings.Join(problems, " ")
	now := s.o.Clock.Now().UTC()
	all := states(sc.volume, sc.backups, sc.slots())
	if sc.policy != nil {
		e.AddPlan(sc.policy, all, now)
	}
	for _, r := range sc.runs {
		e.AddRun(policy.ExplainedRun{Slot: r.Slot, State: r.State, BackupID: r.BackupID, Reason: r.Reason})
	}
	names := make([]string, len(sc.backups))
	for i := range sc.backups { // states has sorted them
		if name := sc.backups[i].Name; name != nil {
			names[i] = *name
		}
	}
	rules := sc.rules()
	if e.Held {
		rules = nil
	}
	e.AddDecisions(rules, all, names, now)
	return e, nil
}
