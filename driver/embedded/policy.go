package embedded

import (
	"context"
	"errors"
	"time"

	"cindergate/driver"
	"cindergate/driver/embedded/internal/core"
	"cindergate/internal/policy"
)

type (
	// PolicyExplanation says what the policy of a volume does, and why.
	PolicyExplanation = policy.Explanation
	// ExplainedBackup is a backup of a [PolicyExplanation].
	ExplainedBackup = policy.ExplainedBackup
)

var _ driver.PolicyExplainer = (*Driver)(nil)

// PolicyOf explains the policy of a volume; with a text, as if the volume had that policy. It
// changes nothing.
func (d *Driver) PolicyOf(ctx context.Context, volumeID, text string) (*PolicyExplanation, error) {
	return d.policies.Explain(ctx, volumeID, text)
}

// ExplainPolicy implements [driver.PolicyExplainer]. Its value is a [PolicyExplanation].
func (d *Driver) ExplainPolicy(ctx context.Context, who driver.Caller, volumeID, text string) (any, error) {
	v, err := d.GetVolume(ctx, who, volumeID)
	if err != nil {
		return nil, err
	}
	e, err := d.PolicyOf(ctx, v.ID, text)
	if wrong := (*policy.SyntaxError)(nil); errors.As(err, &wrong) {
		return nil, driver.Errorf(driver.InvalidInput, "Invalid input received: policy: %s.", wrong)
	}
	if err != nil {
		return nil, core.Classify(err)
	}
	return e, nil
}

// Protected is what operators watch of a volume that has a policy.
type Protected struct {
	ProjectID, VolumeID string
	// LastSuccess is the slot of the last run that was done or had nothing to do. Before the first one,
	// it is when the policy was set.
	LastSuccess time.Time
	Failures    int  // runs that failed since then
	Problem     bool // the volume asks for a policy that cannot be followed
	Idle        bool // none is in force
}

// Protected returns the volumes whose policy is in force, neither paused nor waiting, and those that ask for
// one that cannot be followed.
func (d *Driver) Protected(ctx context.Context) ([]Protected, error) {
	rows, err := d.core.DB.Protections(ctx)
	if err != nil {
		return nil, core.Classify(err)
	}
	var all []Protected
	paused := map[string]bool{} // by the text of the policy, which many volumes share
	for _, p := range rows {
		if p.Held || p.Policy == "" && p.Problem == "" {
			continue
		}
		off, known := paused[p.Policy]
		if !known {
			parsed, err := policy.Parse(p.Policy)
			off = err != nil || parsed.Paused
			paused[p.Policy] = off
		}
		if off && p.Policy != "" {
			continue
		}
		v, err := d.core.DB.Volume(ctx, p.VolumeID)
		if err != nil {
			return nil, core.Classify(err)
		}
		if v == nil {
			continue
		}
		last := p.LastSuccess
		if last.IsZero() {
			last = p.Since
		}
		all = append(all, Protected{v.ProjectID, v.ID, last, p.Failures, p.Problem != "", p.Policy == ""})
	}
	return all, nil
}
