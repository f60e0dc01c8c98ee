package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/identity"
)

// probeTime limits how long one backend may take to answer.
const probeTime = 30 * time.Second

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Read the configuration and report every mistake", Args: cobra.NoArgs,
		Long: `Read the configuration and report every mistake at once, each with its key.

Users, password hashes and certificates are checked, too. A variable CINDERGATE_* that
is no setting is a warning. With --online the identity service and each remote backend
are asked what is there, and an object is written, read, listed and deleted in each
backup store.`,
		Example: "  cindergate config check --config cindergate.yaml\n  cindergate config check --config cindergate.yaml --online",
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in, where the file does not say it")
	cmd.Flags().String("listen", "", "`address` to serve on, where the file does not say it")
	cmd.Flags().String("auth", "", "`who` callers are, where the file does not say it")
	online := cmd.Flags().Bool("online", false, "also log in to the identity service and to each remote backend, and try each backup store")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range config.UnknownEnv(os.Environ()) {
			fmt.Fprintf(cmd.OutOrStdout(), "warning: %s: no such setting\n", name)
		}
		c, err := config.Load(*path, settingFlags(cmd))
		if err := errors.Join(err, checkIdentity(&c), checkFiles(cmd.Context(), &c)); err != nil {
			return fmt.Errorf("the configuration is not valid:\n%w", err)
		}
		if err := identity.CheckCatalog(configuredCatalog(c.Identity.Catalog)); err != nil {
			return fmt.Errorf("the configuration is not valid:\nidentity: %w", err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
		if !*online {
			return nil
		}
		return checkOnline(cmd.Context(), &c, cmd.OutOrStdout())
	}
	return cmd
}

// checkFiles reads the certificates that the configuration names, and what goes with the spans.
func checkFiles(ctx context.Context, c *config.Config) error {
	var problems []error
	if c.TLS.Certificate != "" && c.TLS.Key != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.Certificate, c.TLS.Key); err != nil {
			problems = append(problems, fmt.Errorf("tls: %w", err))
		}
	}
	if _, err := openTracing(ctx, c, zap.NewNop()); err != nil {
		problems = append(problems, err)
	}
	if c.Auth == "keystone" && c.Keystone.URL != "" {
		if _, err := openKeystone(&c.Keystone); err != nil {
			problems = append(problems, err)
		}
	}
	if _, err := openStores(c, zap.NewNop()); err != nil {
		problems = append(problems, err)
	}
	copier, err := openCopier(c, zap.NewNop())
	if err != nil {
		problems = append(problems, err)
	}
	if _, err := openPolicies(c, copier); err != nil {
		problems = append(problems, err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		if c.Backends[name].Policies != nil {
			if _, err := openPolicyLogin(c, name); err != nil {
				problems = append(problems, err)
			}
		}
		open, known := drivers[c.Backends[name].Driver]
		if !known || c.Backends[name].Driver == config.DriverEmbedded {
			continue
		}
		if _, err := open(ctx, name, c, zap.NewNop(), observers{metrics: gateway.NewMetrics()}); err != nil {
			problems = append(problems, fmt.Errorf("backends.%s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// checkOnline checks everything outside this machine. It skips an embedded backend, because
// the gateway that owns its data may be running.
func checkOnline(ctx context.Context, c *config.Config, out io.Writer) error {
	var problems []error
	var self driver.Caller
	if c.Auth == "keystone" {
		caller, err := probeKeystone(ctx, &c.Keystone)
		if err != nil {
			problems = append(problems, fmt.Errorf("keystone: %w", err))
		} else {
			fmt.Fprintf(out, "keystone: logged in as %s, and validated a token\n", c.Keystone.Username)
			if !caller.IsAdmin() {
				fmt.Fprintf(out, "keystone: %s is no admin in project %s: a Keystone may not let it validate the tokens of others\n",
					c.Keystone.Username, c.Keystone.Project)
			}
		}
		self = caller
	}
	for _, name := range slices.Sorted(maps.Keys(c.Backends)) {
		if c.Backends[name].Driver == config.DriverEmbedded {
			continue
		}
		if err := probe(ctx, name, c, self, out); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append(problems, probeCopies(ctx, c, out), probePolicies(ctx, c, out), probeStores(ctx, c, out))...)
}

func probeKeystone(ctx context.Context, c *config.Keystone) (driver.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	keystone, err := openKeystone(c)
	if err != nil {
		return driver.Caller{}, err
	}
	return keystone.Self(ctx)
}

func probe(ctx context.Context, name string, c *config.Config, self driver.Caller, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	d, err := drivers[c.Backends[name].Driver](ctx, name, c, zap.NewNop(), observers{metrics: gateway.NewMetrics()})
	if err != nil {
		return err
	}
	prober, ok := d.(driver.Prober)
	if !ok {
		return nil
	}
	findings, err := prober.Probe(ctx, self)
	for _, line := range findings {
		fmt.Fprintf(out, "%s: %s\n", name, line)
	}
	return err
}
