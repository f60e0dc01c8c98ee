package otc

import (
	"context"
	"errors"

	"cindergate/driver"
)

// Places reports the endpoints of the backup service and of EVS, and the functions that the
// configuration leaves out. Without a token it checks only that the backup service answers,
// and asks is false.
func (v *Volumes) Places(ctx context.Context, caller driver.Caller, backups *Service) (findings []string, asks bool, err error) {
	if caller.Token == "" {
		return []string{"nobody to log in as: looked only whether " + backups.Name() + " answers"}, false, backups.Check(ctx)
	}
	var problems []error
	for _, s := range []*Service{backups, v.EVS} {
		if !s.Exists() {
			findings = append(findings, "without "+s.Name()+": no volumes, no restore without volume_id, and force is not asked for")
			continue
		}
		at, err := s.Endpoint(ctx, caller)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		findings = append(findings, s.Name()+" is at "+at.String())
	}
	if v.EVS.Exists() && v.DefaultType == "" {
		findings = append(findings, "restore_volume_type is not set: no restore without volume_id of a backup whose volume is gone")
	}
	return findings, len(problems) == 0, errors.Join(problems...)
}
