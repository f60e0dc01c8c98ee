package schedule

import (
	"context"
	"fmt"

	"cindergate/driver"
	"cindergate/internal/policy"
)

// Probed is what a login finds at a backend.
type Probed struct {
	ProjectID         string
	Volumes, Policies int // in the project, and those of them that say something about a policy
	Traits            driver.ScheduleTraits
}

func (p Probed) String() string {
	how := "backups tell their slot in their metadata"
	if !p.Traits.BackupMetadata {
		how = "backups tell their slot in their names"
	}
	return fmt.Sprintf("%d volumes, %d with a policy in their metadata; %s", p.Volumes, p.Policies, how)
}

// Probe logs in at a backend, and lists volumes and one backup. It changes nothing.
func Probe(ctx context.Context, cloud Cloud, login Login) (found Probed, err error) {
	caller, err := login.Caller(ctx)
	if err != nil {
		return found, err
	}
	found.ProjectID = caller.ProjectID
	if found.Traits, err = cloud.ScheduleTraits(ctx); err != nil {
		return found, err
	}
	volumes, err := cloud.AllVolumes(ctx, caller)
	if err != nil {
		return found, err
	}
	found.Volumes = len(volumes)
	for i := range volumes {
		if policy.Has(volumes[i].Metadata) {
			found.Policies++
		}
	}
	_, err = cloud.ListBackups(ctx, caller, driver.Query{Limit: 1})
	return found, err
}
