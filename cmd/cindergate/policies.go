package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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
func watchPolicies(m *gateway.Metrics, backends map[string]driver.Driver, followed *schedules) {
	m.WatchPolicies(func(ctx context.Context) ([]gateway.Protected, error) {
		var shown []gateway.Protected
		for _, d := range backends {
			own, ok := d.(*embedded.Driver)
			if !ok {
				continue
			}
			all, err := own.Protected(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				shown = append(shown, gateway.Protected(p))
			}
		}
		for _, s := range followed.all {
			all, err := s.Protected(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				shown = append(shown, gateway.Protected(p))
			}
		}
		return shown, nil
	})
	if len(followed.all) == 0 {
		return
	}
	m.WatchPolicyBackends(func(ctx context.Context) (map[string]time.Time, error) {
		looks := map[string]time.Time{}
		for _, s := range followed.all {
			at, err := s.LastLook(ctx)
			if err != nil {
				return nil, err
			}
			looks[s.Backend()] = at
		}
		return looks, nil
	})
}

// watchJobs shows in the metrics what waits and what runs.
func watchJobs(m *gateway.Metrics, d *embedded.Driver) {
	m.WatchJobs(func(ctx context.Context) ([]driver.Job, error) {
		page, err := d.ListJobs(ctx, driver.Caller{Role: driver.Admin}, driver.Query{AllProjects: true, Limit: -1})
		return page.Items, err
	})
}
