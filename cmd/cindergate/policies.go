package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/internal/policy"
)

// openPolicies reads the policies of the configuration, whose copies the copier makes.
func openPolicies(c *config.Config, copier driver.Copier) (policy.Book, error) {
	book := policy.Book{Named: map[string]policy.Policy{}, Default: c.Policies.Default, Projects: c.Policies.Projects}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Policies.Named)) {
		p, err := policy.Parse(c.Policies.Named[name])
		if err == nil && p.Copy != "" {
			err = copier.Check(p.Copy)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("policies.named.%s: %w", name, err))
		}
		book.Named[name] = p
	}
	return book, errors.Join(problems...)
}

// watchPolicies shows in the metrics how the policies of volumes are followed.
func watchPolicies(m *gateway.Metrics, d *embedded.Driver) {
	m.WatchPolicies(func(ctx context.Context) ([]gateway.Protected, error) {
		all, err := d.Protected(ctx)
		shown := make([]gateway.Protected, len(all))
		for i, p := range all {
			shown[i] = gateway.Protected(p)
		}
		return shown, err
	})
}

// watchJobs shows in the metrics what waits and what runs.
func watchJobs(m *gateway.Metrics, d *embedded.Driver) {
	m.WatchJobs(func(ctx context.Context) ([]driver.Job, error) {
		page, err := d.ListJobs(ctx, driver.Caller{Role: driver.Admin}, driver.Query{AllProjects: true, Limit: -1})
		return page.Items, err
	})
}
