package policy

import (
	"slices"
	"time"
)

// Explanation says what the policy of a volume does, and why.
type Explanation struct {
	VolumeID    string `json:"volume_id"`
	ProjectID   string `json:"project_id"`
	Backend     string `json:"backend,omitempty"` // that the volume is in; "": the embedded one
	Policy      string `json:"policy,omitempty"`  // "": it has none
	From        string `json:"from,omitempty"`    // where the policy stands
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
	Backup
	Name    string    `json:"name,omitempty"`
	Keep    bool      `json:"keep"`
	Reasons []string  `json:"reasons"`
	Goes    time.Time `json:"goes,omitzero"` // as far as the next runs tell
	// DataBytes is what it holds of the volume, without zeroes and before compression; nil: not known.
	DataBytes *int64 `json:"data_bytes,omitempty"`
}

// explainedRuns is how many runs an explanation shows.
const explainedRuns = 10

// AddRun adds a run, the newest first. Those that are too many are left out.
func (e *Explanation) AddRun(r ExplainedRun) {
	if len(e.Runs) < explainedRuns {
		e.Runs = append(e.Runs, r)
	}
}

// AddPlan adds what the policy will do to the volume, which has these backups.
func (e *Explanation) AddPlan(effective *Effective, backups []Backup, now time.Time) {
	p := &effective.Policy
	e.Policy, e.From, e.Paused = p.String(), effective.From, p.Paused
	e.Schedule, e.Keep = p.Schedule.String(), p.Keep.String()
	if p.Paused || e.Held {
		return
	}
	delay := p.Delay(e.VolumeID)
	for slot := p.Schedule.Next(now.Add(-delay)); len(e.Next) < 5; slot = p.Schedule.Next(slot) {
		e.Next = append(e.Next, slot.Add(delay))
	}
	kind := p.Next(backups)
	e.NextKind = "full: " + kind.Reason
	if kind.Incremental {
		e.NextKind = "incremental: " + kind.Reason
	}
}

// AddDecisions adds what happens to the backups, whose names are in the same order. rules is nil if the
// policy deletes nothing.
func (e *Explanation) AddDecisions(rules *Policy, backups []Backup, names []string, now time.Time) {
	goes := map[string]time.Time{}
	if rules != nil {
		goes = rules.Forecast(backups, now, e.Rebases)
	}
	for i, d := range Decide(rules, backups, now, e.Rebases) {
		e.Backups = append(e.Backups, ExplainedBackup{Backup: backups[i], Name: names[i], Keep: d.Keep, Reasons: d.Reasons, Goes: goes[d.ID]})
	}
	slices.SortStableFunc(e.Backups, func(a, b ExplainedBackup) int { return b.At().Compare(a.At()) })
}
