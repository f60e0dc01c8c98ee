package vbs

import (
	"context"
	"errors"
	"fmt"

	"cindergate/driver"
)

// Probe implements driver.Prober. It reports the endpoints, whether the services answer,
// the caller's quotas, and the functions that the configuration leaves out.
func (d *Driver) Probe(ctx context.Context, caller driver.Caller) ([]string, error) {
	findings, asks, err := d.Places(ctx, caller, d.vbs)
	if !asks {
		return findings, err
	}
	var problems []error
	if _, err := d.ListBackups(ctx, caller, driver.Query{Filters: []driver.Filter{{Column: "status", Value: string(driver.BackupError)}}}); err != nil {
		problems = append(problems, fmt.Errorf("list backups by %s: %w", d.o.Native, err))
	} else {
		findings = append(findings, "lists backups by its native "+d.o.Native)
	}
	quotas, err := d.Quotas(ctx, caller, caller.ProjectID)
	if err != nil {
		problems = append(problems, fmt.Errorf("quotas: %w", err))
	}
	for _, q := range quotas {
		findings = append(findings, fmt.Sprintf("quota of %s: %d of %s in use", q.Resource, q.InUse, limit(q.Limit)))
	}
	return findings, errors.Join(problems...)
}

func limit(n int) string {
	if n < 0 {
		return "any number"
	}
	return fmt.Sprint(n)
}
