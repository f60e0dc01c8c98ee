package meta

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Protection is a row of protections: what is known about the policy of a volume.
type Protection struct {
	VolumeID string
	// Held says that the volume was made by a restore, and that its policy waits until a user
	// sets it.
	Held bool
	// Policy is the text of the policy that is in force since Since. Slots before that do not count.
	Policy string
	Since  time.Time
	// Slot is the last slot that has a run.
	Slot        time.Time
	LastSuccess time.Time // the slot of the last run that was done or had nothing to do
	Failures    int       // runs that failed since then
	Problem     string    // what the user was told of the policy; "": nothing is wrong
	Blocked     string    // why nothing is deleted, as the user was told; "": no reason
}

var protections = table[Protection]{name: "protections", key: func(p *Protection) string { return p.VolumeID }, columns: []column[Protection]{
	{"id", func(p *Protection) any { return &p.VolumeID }},
	{"held", func(p *Protection) any { return &p.Held }},
	{"policy", func(p *Protection) any { return text{&p.Policy} }},
	{"since", func(p *Protection) any { return micros{&p.Since} }},
	{"slot", func(p *Protection) any { return micros{&p.Slot} }},
	{"last_success", func(p *Protection) any { return micros{&p.LastSuccess} }},
	{"failures", func(p *Protection) any { return &p.Failures }},
	{"problem", func(p *Protection) any { return text{&p.Problem} }},
	{"blocked", func(p *Protection) any { return text{&p.Blocked} }},
}}

// Protection returns what is known about the policy of a volume; nil: nothing.
func (tx *Tx) Protection(volumeID string) (*Protection, error) {
	return protections.get(tx.ctx, tx.q, volumeID)
}

// PutProtection inserts or replaces a row.
func (tx *Tx) PutProtection(p *Protection) error { return protections.put(tx.ctx, tx.q, p) }

// ForgetPolicy removes what is known about the policy of a volume, and its runs.
func (tx *Tx) ForgetPolicy(volumeID string) error {
	if _, err := tx.q.ExecContext(tx.ctx, "DELETE FROM policy_runs WHERE volume_id = $1", volumeID); err != nil {
		return fmt.Errorf("delete policy_runs: %w", err)
	}
	return protections.remove(tx.ctx, tx.q, volumeID)
}

// Protections returns all rows.
func (db *DB) Protections(ctx context.Context) ([]*Protection, error) {
	return protections.find(ctx, db.reader, "")
}

// The states of a run of a policy.
const (
	RunWaiting = "waiting" // for its volume
	RunRunning = "running" // its backup is being made
	RunDone    = "done"
	RunSkipped = "skipped" // nothing had changed
	RunFailed  = "failed"
)

// PolicyRun is a row of policy_runs: one slot of a volume's policy. A slot has at most one run.
type PolicyRun struct {
	ID        string // by [RunID]
	VolumeID  string
	ProjectID string
	Slot      time.Time
	State     string
	BackupID  string // "": none was made
	Reason    string // why it waits, failed or was skipped
	// Fingerprint identifies the content of the volume's file when the backup began; "" : unknown.
	Fingerprint string
	CreatedAt   time.Time
	EndedAt     time.Time // zero: it has not ended
}

// RunID returns the id of the run of a slot.
func RunID(volumeID string, slot time.Time) string {
	return volumeID + " " + strconv.FormatInt(slot.Unix(), 10)
}

var policyRuns = table[PolicyRun]{name: "policy_runs", key: func(r *PolicyRun) string { return r.ID }, columns: []column[PolicyRun]{
	{"id", func(r *PolicyRun) any { return &r.ID }},
	{"volume_id", func(r *PolicyRun) any { return &r.VolumeID }},
	{"project_id", func(r *PolicyRun) any { return &r.ProjectID }},
	{"slot", func(r *PolicyRun) any { return micros{&r.Slot} }},
	{"state", func(r *PolicyRun) any { return &r.State }},
	{"backup_id", func(r *PolicyRun) any { return text{&r.BackupID} }},
	{"reason", func(r *PolicyRun) any { return text{&r.Reason} }},
	{"fingerprint", func(r *PolicyRun) any { return text{&r.Fingerprint} }},
	{"created_at", func(r *PolicyRun) any { return micros{&r.CreatedAt} }},
	{"ended_at", func(r *PolicyRun) any { return micros{&r.EndedAt} }},
}}

// PolicyRun returns a run; nil if there is none of that id.
func (tx *Tx) PolicyRun(id string) (*PolicyRun, error) { return policyRuns.get(tx.ctx, tx.q, id) }

// PolicyRuns returns the runs of a volume, the newest first.
func (tx *Tx) PolicyRuns(volumeID string) ([]*PolicyRun, error) {
	return policyRuns.find(tx.ctx, tx.q, "WHERE volume_id = $1 ORDER BY slot DESC", volumeID)
}

// PutPolicyRun inserts or replaces a run.
func (tx *Tx) PutPolicyRun(r *PolicyRun) error { return policyRuns.put(tx.ctx, tx.q, r) }

// RemovePolicyRun removes the row of a run.
func (tx *Tx) RemovePolicyRun(id string) error { return policyRuns.remove(tx.ctx, tx.q, id) }
