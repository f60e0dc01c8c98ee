package policies

import (
	"context"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/policy"
)

// Explain explains the policy of a volume; with a text, as if the volume had that policy. It changes
// nothing.
func (ps *Policies) Explain(ctx context.Context, volumeID, text string) (*policy.Explanation, error) {
	v, err := ps.core.DB.Volume(ctx, volumeID)
	if err != nil {
		return nil, core.Classify(err)
	}
	if v == nil {
		return nil, driver.VolumeNotFound(volumeID)
	}
	s, err := ps.see(ctx, core.AttentionKey{ProjectID: v.ProjectID, VolumeID: v.ID})
	if err != nil {
		return nil, err
	}
	e := &policy.Explanation{VolumeID: v.ID, ProjectID: v.ProjectID, Failures: s.protection.Failures, Held: s.protection.Held, Rebases: ps.backups.Rebases(),
		Next: []time.Time{}, Runs: []policy.ExplainedRun{}, Backups: []policy.ExplainedBackup{}}
	if !s.protection.LastSuccess.IsZero() {
		e.LastSuccess = s.protection.LastSuccess.Format(time.RFC3339)
	}
	if text != "" {
		p, err := policy.Parse(text)
		if err != nil {
			return nil, err
		}
		s.policy, s.problem, e.DryRun, e.Held, s.protection.Held = &policy.Effective{Policy: p, From: "the command"}, nil, true, false, false
	}
	var problems []string
	if s.problem != nil {
		problems = append(problems, s.problem.Error())
	}
	if s.policy != nil {
		if _, problem := ps.backups.PolicyLock(s.policy.Lock, s.now); problem != "" {
			problems = append(problems, problem)
		}
	}
	if s.protection.Blocked != "" {
		problems = append(problems, s.protection.Blocked)
	}
	e.Problem = strings.Join(problems, "; ")
	states := s.states()
	if s.policy != nil {
		e.AddPlan(s.policy, states, s.now)
	}
	for _, r := range s.runs {
		e.AddRun(policy.ExplainedRun{Slot: r.Slot, State: r.State, BackupID: r.BackupID, Reason: r.Reason})
	}
	names, holds := make([]string, len(s.backups)), map[string]*int64{}
	for i, b := range s.backups {
		holds[b.ID] = b.DataBytes
		if b.Name != nil {
			names[i] = *b.Name
		}
	}
	e.AddDecisions(s.rules(), states, names, s.now)
	for i := range e.Backups {
		e.Backups[i].DataBytes = holds[e.Backups[i].ID]
	}
	return e, nil
}
