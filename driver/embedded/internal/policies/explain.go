package policies

import (
	"context"
	"slices"
	"strings"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/policy"
)

// Explanation says what the policy of a volume does, and why.
type Explanation struct {
	VolumeID    string `json:"volume_id"`
	ProjectID   string `json:"project_id"`
	Policy      string `json:"policy,omitempty"` // "": it has none
	From        string `json:"from,omitempty"`   // where the policy stands
	DryRun      bool   `json:"dry_run,omitempty"`
	Schedule    string `json:"schedule,omitempty"`
	Keep        string `json:"keep,omitempty"`
	Paused      bool   `json:"paused,omitempty"`
	Held        bool   `json:"held,omitempty"`    // the volume was made by a restore, and nobody has set the policy since
	Rebases     bool   `json:"rebases,omitempty"` // backups that others build on can go
	Problem     string `json:"problem,omitempty"`
	LastSuccess string `json:"last_success,omitempty"` // slot of the last run that was done or skipped
	Failures    int    `json:"failures"`               // since then

	Next     []time.Time       `json:"next"`
	NextKind string            `json:"next_kind,omitempty"`
	Runs     []ExplainedRun    `json:"runs"` // the newest first
	Backups  []ExplainedBackup `json:"backups"`
}

// ExplainedRun is a run of a policy.
type ExplainedRun struct {
	Slot     time.Time `json:"slot"`
	State    string    `json:"state"`
	BackupID string    `json:"backup_id,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// ExplainedBackup says whether a backup is kept, and why.
type ExplainedBackup struct {
	policy.Backup
	Name    string    `json:"name,omitempty"`
	Keep    bool      `json:"keep"`
	Reasons []string  `json:"reasons"`
	Goes    time.Time `json:"goes,omitzero"` // as far as the next runs tell
}

// explainedRuns is how many runs an explanation shows.
const explainedRuns = 10

// Explain explains the policy of a volume; with a text, as if the volume had that policy. It changes
// nothing.
func (ps *Policies) Explain(ctx context.Context, volumeID, text string) (*Explanation, error) {
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
	e := &Explanation{VolumeID: v.ID, ProjectID: v.ProjectID, Failures: s.protection.Failures, Held: s.protection.Held, Rebases: ps.backups.Rebases(),
		Next: []time.Time{}, Runs: []ExplainedRun{}, Backups: []ExplainedBackup{}}
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
	if s.protection.Blocked != "" {
		problems = append(problems, s.protection.Blocked)
	}
	e.Problem = strings.Join(problems, "; ")
	states := s.states()
	if s.policy != nil {
		e.plan(&s, states)
	}
	for _, r := range s.runs[:min(len(s.runs), explainedRuns)] {
		e.Runs = append(e.Runs, ExplainedRun{r.Slot, r.State, r.BackupID, r.Reason})
	}
	goes := map[string]time.Time{}
	if p := s.rules(); p != nil {
		goes = p.Forecast(states, s.now, ps.backups.Rebases())
	}
	for i, d := range policy.Decide(s.rules(), states, s.now, ps.backups.Rebases()) {
		b := ExplainedBackup{Backup: states[i], Keep: d.Keep, Reasons: d.Reasons, Goes: goes[d.ID]}
		if name := s.backups[i].Name; name != nil {
			b.Name = *name
		}
		e.Backups = append(e.Backups, b)
	}
	slices.SortStableFunc(e.Backups, func(a, b ExplainedBackup) int { return b.At().Compare(a.At()) })
	return e, nil
}

// plan adds what the policy will do.
func (e *Explanation) plan(s *scene, states []policy.Backup) {
	p := &s.policy.Policy
	e.Policy, e.From, e.Paused = p.String(), s.policy.From, p.Paused
	e.Schedule, e.Keep = p.Schedule.String(), p.Keep.String()
	if p.Paused || e.Held {
		return
	}
	delay := p.Delay(s.key.VolumeID)
	for slot := p.Schedule.Next(s.now.Add(-delay)); len(e.Next) < 5; slot = p.Schedule.Next(slot) {
		e.Next = append(e.Next, slot.Add(delay))
	}
	kind := p.Next(states)
	e.NextKind = "full: " + kind.Reason
	if kind.Incremental {
		e.NextKind = "incremental: " + kind.Reason
	}
}
