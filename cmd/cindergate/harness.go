package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/config"
	"cindergate/internal/harness"
)

func harnessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "harness", Short: "Serve a cloud for tests, whose clock, faults and state a test controls", Args: cobra.NoArgs,
		Long: `Serve a cloud for tests until SIGTERM or SIGINT: the gateway with an empty embedded
backend and its Keystone, with the users demo, demo-reader, alt and admin, whose password
is harness. A second listener serves the API by which a test owns the clock, faults,
saved states and the record of requests. Both listeners are on loopback.

Once it serves, it prints a shell script that sets OS_AUTH_URL and the other variables of
OpenStack clients, and HARNESS_URL. With --ready-fd it prints that to another descriptor,
and closes it. Nothing is left behind when it ends.`,
		Example: `  cindergate harness
  cindergate harness --now 2026-01-01T00:00:00Z --seed 1 --control 127.0.0.1:8777
  cindergate harness --ready-fd 3 3>environment`,
	}
	listen := cmd.Flags().String("listen", "127.0.0.1:0", "loopback `address` to serve the cloud on; port 0: a free one")
	control := cmd.Flags().String("control", "127.0.0.1:0", "loopback `address` to serve the API of the harness on; port 0: a free one")
	now := cmd.Flags().String("now", "", "`time` at which the clock stands still (RFC 3339); without it, the clock runs")
	seed := cmd.Flags().Uint64("seed", 0, "`number` that determines ids and tokens; 0: they are random")
	dir := cmd.Flags().String("dir", "", "`directory` for the files of the cloud; without it, /dev/shm or the one for temporary files")
	ready := cmd.Flags().Int("ready-fd", 1, "`descriptor` to print the environment to")
	level := cmd.Flags().String("log-level", "warn", "least `level` to log: debug, info, warn or error")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o := harness.Options{Dir: *dir, Seed: *seed}
		if *now != "" {
			at, err := time.Parse(time.RFC3339Nano, *now)
			if err != nil {
				return usage(fmt.Errorf("--now: %q is no time such as 2026-01-01T00:00:00Z", *now))
			}
			o.Now = at
		}
		if *seed > 1<<53 {
			return usage(errors.New("--seed: must not be above 2^53"))
		}
		log, err := newLogger(config.Log{Level: *level, Format: "json"})
		if err != nil {
			return usage(fmt.Errorf("--log-level: %w", err))
		}
		defer log.Sync() //nolint:errcheck // standard error
		o.Log = log
		out := cmd.OutOrStdout()
		if *ready != 1 {
			if *ready < 0 {
				return usage(errors.New("--ready-fd: must not be below 0"))
			}
			file := os.NewFile(uintptr(*ready), "ready-fd")
			defer file.Close() // usually closed before
			out = file
		}
		return serveHarness(cmd.Context(), o, *listen, *control, out)
	}
	return cmd
}

// serveHarness serves until ctx ends.
func serveHarness(ctx context.Context, o harness.Options, listen, control string, out io.Writer) (err error) {
	public, err := harness.Listen(ctx, listen)
	if err != nil {
		return usage(fmt.Errorf("--listen: %w", err))
	}
	defer public.Close() // usually closed by Shutdown
	private, err := harness.Listen(ctx, control)
	if err != nil {
		return usage(fmt.Errorf("--control: %w", err))
	}
	defer private.Close()
	env, err := harness.Open(context.WithoutCancel(ctx), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	o.Log.Info("serving a cloud for tests", zap.Stringer("cloud", public.Addr()), zap.Stringer("control", private.Addr()))
	return serveControlled(ctx, env, env.API(), public, private, func() error {
		return printEnvironment(out, "http://"+public.Addr().String(), "http://"+private.Addr().String())
	})
}

// serveControlled serves a cloud and the API of its harness until ctx ends. ready is called once
// both are served.
func serveControlled(ctx context.Context, cloud, api http.Handler, public, private net.Listener, ready func() error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, served := range []struct {
		handler  http.Handler
		listener net.Listener
	}{{cloud, public}, {api, private}} {
		server := &http.Server{Handler: served.handler, ReadHeaderTimeout: time.Minute}
		group.Go(func() error {
			if err := server.Serve(served.listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), fakeGrace)
			defer cancel()
			if err := server.Shutdown(grace); err != nil {
				return server.Close()
			}
			return nil
		})
	}
	group.Go(ready)
	return group.Wait()
}

// printEnvironment prints a shell script for clients, and closes a file.
func printEnvironment(out io.Writer, cloud, control string) error {
	user := harness.Users[0]
	_, err := fmt.Fprintf(out, "unset OS_CLOUD OS_CLIENT_CONFIG_FILE\n"+
		"export OS_AUTH_URL=%s/identity/v3 OS_USERNAME=%s OS_PASSWORD=%s OS_PROJECT_NAME=%s \\\n"+
		"    OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default OS_REGION_NAME=%s OS_IDENTITY_API_VERSION=3\n"+
		"export HARNESS_URL=%s%s\n", cloud, user.Name, harness.Password, user.Project, harness.Region, control, harness.Prefix)
	if file, ok := out.(*os.File); ok && file != os.Stdout && err == nil {
		err = file.Close()
	}
	if err != nil {
		return fmt.Errorf("--ready-fd: %w", err)
	}
	return nil
}
