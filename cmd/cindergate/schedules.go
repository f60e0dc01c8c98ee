package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/internal/openstack"
	"cindergate/internal/policy"
	"cindergate/internal/schedule"
)

// schedulesFile is the database of the policies of remote backends in the data directory.
const schedulesFile = "schedules.db"

// schedules follow the policies of remote backends.
type schedules struct {
	rows *schedule.Rows // nil: no backend's policies are followed
	all  []*schedule.Scheduler
}

// openSchedules opens what follows the policies of the backends. It asks no cloud. ended is told how runs end.
func openSchedules(ctx context.Context, c *config.Config, backends map[string]driver.Driver, log *zap.Logger, ended func(string)) (*schedules, error) {
	s := &schedules{}
	if !c.FollowsRemotePolicies() {
		return s, nil
	}
	copier, err := openCopier(c, log)
	if err != nil {
		return nil, err
	}
	book, err := openPolicies(c, copier)
	if err != nil {
		return nil, err
	}
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return nil, err
		}
	}
	if s.rows, err = schedule.OpenRows(ctx, cmp.Or(c.Database.Reveal(), filepath.Join(c.Data, schedulesFile))); err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		d, opened := backends[name]
		if c.Backends[name].Policies == nil || !opened {
			continue
		}
		login, err := openPolicyLogin(c, name)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		cloud, ok := d.(schedule.Cloud)
		if !ok {
			return nil, errors.Join(fmt.Errorf("backends.%s.policies: its driver cannot list volumes", name), s.close())
		}
		s.all = append(s.all, schedule.New(schedule.Options{
			Backend: name, Cloud: cloud, Login: login, Book: book, Rows: s.rows, Poll: c.Policies.Remote.Poll, Log: log.Named(name), Ended: ended,
		}))
	}
	return s, nil
}

// openPolicyLogin makes the login by which the policies of a backend are followed. It sends no request.
func openPolicyLogin(c *config.Config, name string) (*openstack.Login, error) {
	b := c.Backends[name]
	l := b.Policies
	connect := &b.Cinder.Connection
	switch b.Driver {
	case config.DriverVBS:
		connect = &b.VBS.Connection
	case config.DriverCBR:
		connect = &b.CBR.Connection
	}
	secret, err := secretOf("application_credential_secret", l.ApplicationCredentialSecret, l.ApplicationCredentialSecretEnv)
	if err != nil {
		return nil, fmt.Errorf("backends.%s.policies.%w", name, err)
	}
	password, err := secretOf("password", l.Password, l.PasswordEnv)
	if err != nil {
		return nil, fmt.Errorf("backends.%s.policies.%w", name, err)
	}
	return openstack.NewLogin(connection(name, connect), openstack.Credential{
		IdentityURL: l.AuthURL, ID: l.ApplicationCredentialID, Secret: secret,
		Username: l.Username, Password: password, UserDomain: l.UserDomainName, Project: l.ProjectName, ProjectDomain: l.ProjectDomainName,
	})
}

// secretOf returns a secret of the configuration, or of the variable of the environment that it names.
// Errors never show it.
func secretOf(setting string, value config.Secret, env string) (string, error) {
	if env == "" {
		return value.Reveal(), nil
	}
	secret := os.Getenv(env)
	if secret == "" {
		return "", fmt.Errorf("%s_env: the environment has no variable %s, or it is empty", setting, env)
	}
	return secret, nil
}

// run follows the policies until ctx ends.
func (s *schedules) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, one := range s.all {
		group.Go(func() error { return one.Run(ctx) })
	}
	return group.Wait()
}

func (s *schedules) close() error {
	if s.rows == nil {
		return nil
	}
	return s.rows.Close()
}

// explain explains the policy of a volume at a backend; ok is false if that backend's policies are not followed.
func (s *schedules) explain(ctx context.Context, request explainRequest) (e *policy.Explanation, ok bool, err error) {
	for _, one := range s.all {
		if one.Backend() != request.Backend {
			continue
		}
		explained, err := one.ExplainPolicy(ctx, driver.Caller{Role: driver.Admin}, request.VolumeID, request.Policy)
		e, _ = explained.(*policy.Explanation)
		return e, true, err
	}
	return nil, false, nil
}

// explainStopped explains the policy of a volume at a remote backend while no gateway answers.
func explainStopped(ctx context.Context, c *config.Config, log *zap.Logger, request explainRequest) (*policy.Explanation, error) {
	d, err := drivers[c.Backends[request.Backend].Driver](ctx, request.Backend, c, log, observers{metrics: gateway.NewMetrics()})
	if err != nil {
		return nil, err
	}
	s, err := openSchedules(ctx, c, map[string]driver.Driver{request.Backend: d}, log, nil)
	if err != nil {
		return nil, err
	}
	e, _, err := s.explain(ctx, request)
	return e, errors.Join(err, s.close())
}

// explainedBackend returns the backend whose volumes a command is about: the one that is named, else the
// embedded one, else the only one whose policies are followed.
func explainedBackend(c *config.Config, name string) (string, error) {
	var followed []string
	embedded := ""
	for _, one := range slices.Sorted(maps.Keys(c.Backends)) {
		switch b := c.Backends[one]; {
		case b.Driver == config.DriverEmbedded:
			embedded = one
		case b.Policies == nil:
			continue
		}
		followed = append(followed, one)
	}
	switch {
	case len(followed) == 0:
		return "", errors.New("no backend has the driver embedded or a login for policies: its volumes have no policies here")
	case name != "":
		for _, one := range followed {
			if strings.EqualFold(one, name) {
				return one, nil
			}
		}
		return "", fmt.Errorf("--backend: %q is none of the backends whose policies are followed: %s", name, strings.Join(followed, ", "))
	case embedded != "":
		return embedded, nil
	case len(followed) > 1:
		return "", fmt.Errorf("--backend is required: the policies of several backends are followed: %s", strings.Join(followed, ", "))
	}
	return followed[0], nil
}

// probePolicies logs in at each backend whose policies are followed, and says what is there.
func probePolicies(ctx context.Context, c *config.Config, out io.Writer) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		if c.Backends[name].Policies == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		err := probePolicy(ctx, c, name, out)
		cancel()
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: policies: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

func probePolicy(ctx context.Context, c *config.Config, name string, out io.Writer) error {
	login, err := openPolicyLogin(c, name)
	if err != nil {
		return err
	}
	d, err := drivers[c.Backends[name].Driver](ctx, name, c, zap.NewNop(), observers{metrics: gateway.NewMetrics()})
	if err != nil {
		return err
	}
	cloud, ok := d.(schedule.Cloud)
	if !ok {
		return errors.New("its driver cannot list volumes")
	}
	found, err := schedule.Probe(ctx, cloud, login)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: policies are followed in project %s: %s\n", name, found.ProjectID, found)
	return nil
}

// explainerOf returns what explains the policies of a backend's volumes: the backend, or what follows them for
// it. nil: nobody does.
func explainerOf(name string, backend driver.Driver, followed *schedules) driver.PolicyExplainer {
	if own, ok := backend.(driver.PolicyExplainer); ok {
		return own
	}
	for _, s := range followed.all {
		if s.Backend() == name {
			return s
		}
	}
	return nil
}
