package vbs

import (
	"context"
	"errors"
	"fmt"

	"cindergate/driver"
	"cindergate/driver/otc"
)

// Probe implements driver.Prober: where the services are, whether they answer, the
// caller's quotas, and what the configuration leaves out.
func (d *Driver) Probe(ctx context.Context, who driver.Caller) ([]string, error) {
	if who.Token == "" {
		return []string{"nobody to log in as: looked only whether VBS answers"}, d.Check(ctx)
	}
	var findings []string
	var problems []error
	for _, s := range []*otc.Service{d.vbs, d.EVS} {
		if !s.Exists() {
			findings = append(findings, "without "+s.Name()+": no volumes, no restore without volume_id, and force is not asked for")
			continue
		}
		at, err := s.Endpoint(ctx, who)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		findings = append(findings, s.Name()+" is at "+at.String())
	}
	if len(problems) > 0 {
		return findings, errors.Join(problems...)
	}
	if _, err := d.ListBackups(ctx, who, driver.Query{Filters: []driver.Filter{{Column: "status", Value: string(driver.BackupError)}}}); err != nil {
		problems = append(problems, fmt.Errorf("list backups by %s: %w", d.o.Native, err))
	} else {
		findings = append(findings, "lists backups by its native "+d.o.Native)
	}
	quotas, err := d.Quotas(ctx, who, who.ProjectID)
	if err != nil {
		problems = append(problems, fmt.Errorf("quotas: %w", err))
	}
	for _, q := range quotas {
		findings = append(findings, fmt.Sprintf("quota of %s: %d of %s in use", q.Resource, q.InUse, limit(q.Limit)))
	}
	if d.EVS.Exists() && d.DefaultType == "" {
		findings = append(findings, "restore_volume_type is not set: no restore without volume_id of a backup whose volume is gone")
	}
	return findings, errors.Join(problems...)
}

func limit(n int) string {
	if n < 0 {
		return "any number"
	}
	return fmt.Sprint(n)
}
