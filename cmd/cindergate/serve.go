package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/internal/systemd"
	"cindergate/internal/tracing"
)

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the Block Storage API", Args: cobra.NoArgs,
		Long: `Serve the Block Storage API until SIGTERM or SIGINT.

Without a configuration the embedded backend stores volumes and backups in the data
directory, and users of the built-in Keystone are in its file clouds.yaml. A signal
lets requests end and stops jobs at the next chunk; they go on after the next start.`,
		Example: `  cindergate serve --data DIR --listen 127.0.0.1:8776
  cindergate serve --config cindergate.yaml
  CINDERGATE_LOG_LEVEL=debug cindergate serve --data DIR --auth noauth`,
	}
	path := configFlag(cmd)
	cmd.Flags().String("data", "", "`directory` that everything is kept in")
	cmd.Flags().String("listen", "", "`address` to serve on")
	cmd.Flags().String("auth", "", "`who` callers are: embedded, keystone or noauth")
	project := cmd.Flags().String("adopt", "", "before serving, give the volumes and backups that the database does not know to the project with this `id`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, log, err := load(cmd, *path)
		if err != nil {
			return err
		}
		defer log.Sync() //nolint:errcheck // standard error
		if *project != "" {
			if err := adopt(cmd.Context(), &c, *project, log, cmd.OutOrStdout()); err != nil {
				return err
			}
		}
		return serve(cmd.Context(), &c, log)
	}
	return cmd
}

// load reads the configuration and makes the logger that it describes.
func load(cmd *cobra.Command, path string) (config.Config, *zap.Logger, error) {
	c, err := config.Load(path, settingFlags(cmd))
	if err != nil {
		return c, nil, fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	log, err := newLogger(c.Log)
	if err != nil {
		return c, nil, err
	}
	for _, name := range config.UnknownEnv(os.Environ()) {
		log.Warn("the environment has a variable that is no setting", zap.String("name", name))
	}
	return c, log, nil
}

// serve runs until ctx ends. Then it stops accepting connections, waits for open requests,
// stops the backends' jobs, and returns.
func serve(ctx context.Context, c *config.Config, log *zap.Logger) error {
	notify, err := systemd.New(ctx, os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	defer notify.Close()
	connections := gateway.NewConnections(maxConnections(c, log))
	listener, err := listen(ctx, c, connections, log)
	if err != nil {
		return err
	}
	defer listener.Close() // usually already closed by Shutdown
	traces, err := openTracing(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := traces.Close(ctx); err != nil {
			log.Warn("spans could not be sent", zap.Error(err))
		}
	}()
	metrics := gateway.NewMetrics()
	backends, err := openBackends(ctx, c, log, observers{metrics, traces})
	if err != nil {
		return err
	}
	defer func() {
		if err := closeBackends(backends); err != nil {
			log.Error("close the backends", zap.Error(err))
		}
	}()
	followed, err := openSchedules(ctx, c, backends, log, metrics.PolicyRun)
	if err != nil {
		return err
	}
	defer func() {
		if err := followed.close(); err != nil {
			log.Error("close the database of policies", zap.Error(err))
		}
	}()
	watchPolicies(metrics, backends, followed)
	commands := controlOf(ctx, c, backends, followed, log)
	defer commands.close()
	networks, err := c.HTTP.Proxies()
	if err != nil {
		return err
	}
	proxies := gateway.Proxies(networks)
	base := gateway.BaseURL(c.PublicURL, proxies)
	kept, err := openAccounts(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		if err := kept.Close(); err != nil {
			log.Error("close the identity service's database", zap.Error(err))
		}
	}()
	auth, mounts, clouds, err := callers(ctx, c, base, proxies.Client, kept, log)
	if err != nil {
		return err
	}
	var api *gateway.Server
	recorder, inspector := openWire(c)
	logins, err := openSessions(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		if err := logins.Close(); err != nil {
			log.Error("close the database of sessions", zap.Error(err))
		}
	}()
	pages, err := openConsole(c, consoleParts{auth, backends, followed, base, proxies.Client, func() *gateway.Server { return api }, recorder, logins}, log.Named("console"))
	if err != nil {
		return fmt.Errorf("ui: %w", err)
	}
	mounts = withConsole(mounts, pages)
	api = gateway.New(gateway.Options{
		Backends: backends, Default: c.DefaultBackend, Projects: c.Projects, Auth: auth, Log: log.Named("gateway"),
		Metrics: metrics, Base: base, MaxBody: c.HTTP.MaxBody, VBS: c.API.VBS, Mounts: mounts,
		MaxRequests: c.HTTP.MaxRequests, MaxRequestsPerProject: c.HTTP.MaxRequestsPerProject,
		BodyTimeout: c.HTTP.ReadTimeout, HealthTime: c.HTTP.HealthCache, HealthTimeout: c.HTTP.HealthTimeout,
		HideMetrics: c.Metrics.Listen != "", Tracer: traces.Tracer(), Inspector: inspector,
	})
	endpoints := []endpoint{newEndpoint(c, api, listener, connections, log)}
	if c.Metrics.Listen != "" {
		internal, err := openInternal(ctx, c, api.Internal(), log)
		if err != nil {
			return err
		}
		defer internal.listener.Close()
		endpoints = append(endpoints, internal)
	}
	group, ctx := errgroup.WithContext(ctx)
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	for _, d := range backends {
		if runner, ok := d.(driver.Runner); ok {
			group.Go(func() error { return runner.Run(jobs) })
		}
	}
	group.Go(func() error { return followed.run(jobs) })
	for _, e := range endpoints {
		group.Go(e.serve)
	}
	group.Go(commands.serve)
	if pages != nil {
		group.Go(func() error { return pages.Run(ctx) })
	}
	group.Go(func() error {
		<-ctx.Done()
		defer stopJobs()
		defer commands.close()
		log.Info("stopping")
		tell("STOPPING", notify.Stopping(), log)
		if pages != nil {
			pages.Stop()
		}
		// The operators' listener stays until the clients' requests have ended.
		for _, e := range endpoints {
			if err := e.stop(ctx, c.HTTP.ShutdownTimeout, log); err != nil {
				return err
			}
		}
		return nil
	})
	if err := announce(c, listener, clouds, log); err != nil {
		log.Error("write clouds.yaml", zap.Error(err))
	}
	tell("READY", notify.Ready(), log)
	group.Go(func() error {
		notify.Watch(ctx, clockwork.NewRealClock(), api.Alive, func(err error) { tell("WATCHDOG", err, log) })
		return nil
	})
	return group.Wait()
}

// openTracing prepares to send spans, if the configuration names a collector.
func openTracing(ctx context.Context, c *config.Config, log *zap.Logger) (*tracing.Tracing, error) {
	if c.Tracing.Endpoint == "" {
		return nil, nil
	}
	share, _ := config.ParseShare(c.Tracing.Sample) // config.Load has checked it
	traces, err := tracing.Open(ctx, tracing.Options{
		Endpoint: c.Tracing.Endpoint, Headers: c.Tracing.Headers.Reveal(), CAFile: c.Tracing.CAFile,
		Service: c.Tracing.ServiceName, Version: version, Sample: share,
		Failed: func(err error) { log.Warn("spans could not be sent", zap.Error(err)) },
	})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return traces, nil
}

// tell logs that systemd did not hear of a state.
func tell(state string, err error, log *zap.Logger) {
	if err != nil {
		log.Warn("systemd was not told of a state of the service", zap.String("state", state), zap.Error(err))
	}
}

func listen(ctx context.Context, c *config.Config, connections *gateway.Connections, log *zap.Logger) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	listener = connections.Listener(listener)
	if c.TLS.Certificate == "" {
		return listener, nil
	}
	pair, err := loadCertificate(c.TLS.Certificate, c.TLS.Key, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls: %w", err), listener.Close())
	}
	return tls.NewListener(listener, &tls.Config{GetCertificate: pair.get, MinVersion: tls.VersionTLS12}), nil
}
