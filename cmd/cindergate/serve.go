package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"cindergate/config"
	"cindergate/driver"
	"cindergate/gateway"
	"cindergate/identity"
	"cindergate/identity/accounts"
	"cindergate/internal/openstack"
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

// load reads the configuration and makes the log that it asks for.
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

// serve runs until ctx ends: it stops accepting, lets requests end, stops the
// backend's jobs, and returns.
func serve(ctx context.Context, c *config.Config, log *zap.Logger) error {
	connections := gateway.NewConnections(maxConnections(c, log))
	listener, err := listen(ctx, c, connections, log)
	if err != nil {
		return err
	}
	defer listener.Close() // closed by Shutdown as a rule
	metrics := gateway.NewMetrics()
	backends, err := openBackends(ctx, c, log, metrics)
	if err != nil {
		return err
	}
	defer func() {
		if err := closeBackends(backends); err != nil {
			log.Error("close the backends", zap.Error(err))
		}
	}()
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
	server := &http.Server{
		Handler: gateway.WriteTimeout(gateway.New(gateway.Options{
			Backends: backends, Default: c.DefaultBackend, Projects: c.Projects, Auth: auth, Log: log.Named("gateway"),
			Metrics: metrics, Base: base, MaxBody: c.HTTP.MaxBody, VBS: c.API.VBS, Mounts: mounts,
			MaxRequests: c.HTTP.MaxRequests, MaxRequestsPerProject: c.HTTP.MaxRequestsPerProject,
			BodyTimeout: c.HTTP.ReadTimeout, HealthTime: c.HTTP.HealthCache,
		}), c.HTTP.WriteTimeout),
		ReadHeaderTimeout: c.HTTP.HeaderTimeout, ReadTimeout: c.HTTP.ReadTimeout, IdleTimeout: c.HTTP.IdleTimeout,
		ConnState: connections.State,
		ErrorLog:  zap.NewStdLog(log.Named("http")),
	}
	group, ctx := errgroup.WithContext(ctx)
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	for _, d := range backends {
		if runner, ok := d.(driver.Runner); ok {
			group.Go(func() error { return runner.Run(jobs) })
		}
	}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		defer stopJobs()
		log.Info("stopping")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.HTTP.ShutdownTimeout)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			log.Warn("requests did not end in time", zap.Error(err))
			return server.Close()
		}
		return nil
	})
	if err := announce(c, listener, clouds, log); err != nil {
		log.Error("write clouds.yaml", zap.Error(err))
	}
	return group.Wait()
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

// callers makes what tells callers apart. clouds is nil unless the default users
// are in force.
func callers(
	ctx context.Context, c *config.Config, base, client func(*http.Request) string, kept *accounts.DB, log *zap.Logger,
) (gateway.Authenticator, map[string]http.Handler, *demoClouds, error) {
	switch c.Auth {
	case "noauth":
		return gateway.NoAuth{}, nil, nil, nil
	case "keystone":
		keystone, err := openKeystone(&c.Keystone)
		return keystone, nil, nil, err
	}
	o, err := identityOptions(&c.Identity)
	if err != nil {
		return nil, nil, nil, err
	}
	o.Now, o.Base, o.Client = time.Now, base, client
	o.Log, o.Catalog = log.Named("identity"), configuredCatalog(c.Identity.Catalog)
	var clouds *demoClouds
	if kept != nil {
		o.Store = kept
		if o.Made, err = kept.Load(ctx); err != nil {
			return nil, nil, nil, fmt.Errorf("identity: %w", err)
		}
	}
	if len(c.Identity.Users) == 0 {
		if clouds, err = loadClouds(filepath.Join(c.Data, cloudsFile)); err != nil {
			return nil, nil, nil, err
		}
		o.Users = clouds.users()
	}
	service, err := identity.New(o)
	if err != nil {
		return nil, nil, nil, underKey("identity", err)
	}
	mounts := map[string]http.Handler{"/identity": service.Handler(), "/image": service.Images(), "/compute": service.Compute(), "/network": service.Network()}
	return service, mounts, clouds, nil
}

// accountsFile has the projects and users that were made through the identity API.
const accountsFile = "identity.db"

// openAccounts opens the database of the embedded identity service; nil if there is no
// such service or no data directory.
func openAccounts(ctx context.Context, c *config.Config) (*accounts.DB, error) {
	if c.Auth != "embedded" || c.Data == "" {
		return nil, nil
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	kept, err := accounts.Open(ctx, filepath.Join(c.Data, accountsFile))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return kept, nil
}

func openKeystone(c *config.Keystone) (*gateway.Keystone, error) {
	transport, err := openstack.NewTransport(openstack.Options{
		Name: "keystone", CAFile: c.CAFile, AnswerTimeout: c.Timeout, MaxAnswer: c.MaxAnswer,
	})
	if err != nil {
		return nil, fmt.Errorf("keystone: %w", err)
	}
	keystone, err := gateway.NewKeystone(gateway.KeystoneOptions{
		URL: c.URL, Username: c.Username, Password: c.Password.Reveal(), Project: c.Project,
		UserDomain: c.UserDomain, ProjectDomain: c.ProjectDomain,
		AdminRoles: c.AdminRoles, MemberRoles: c.MemberRoles, ReaderRoles: c.ReaderRoles,
		ServiceRoles: c.ServiceRoles, AnyServiceToken: !c.ServiceRolesRequired, ServiceTypes: c.ServiceTypes,
		CacheSize: c.CacheSize, CacheTime: c.CacheTime, RejectTime: c.RejectTime, Timeout: c.Timeout, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("keystone: %w", err)
	}
	return keystone, nil
}

func configuredCatalog(entries []config.CatalogEntry) []identity.CatalogEntry {
	var out []identity.CatalogEntry
	for _, entry := range entries {
		out = append(out, identity.CatalogEntry{Type: entry.Type, Name: entry.Name, URL: entry.URL})
	}
	return out
}

// announce says how to reach the gateway, now that it serves.
func announce(c *config.Config, listener net.Listener, clouds *demoClouds, log *zap.Logger) error {
	url := ownURL(c, listener.Addr())
	log.Info("serving", zap.String("url", url), zap.String("version", version), zap.String("data", c.Data))
	if clouds == nil {
		return announceUsers(c, url)
	}
	path := filepath.Join(c.Data, cloudsFile)
	if err := clouds.write(c.Data, url, c.Identity.Region); err != nil {
		return err
	}
	if shown, err := filepath.Abs(path); err == nil {
		path = shown
	}
	_, err := fmt.Fprintf(os.Stdout, `
Cindergate serves %s. In another terminal:

  export OS_CLIENT_CONFIG_FILE=%s OS_CLOUD=demo
  openstack volume create --size 1 first
  openstack volume backup create --name b1 first
  openstack volume backup list

`, url, path)
	return err
}

// announceUsers says how the first user of the configuration logs in.
func announceUsers(c *config.Config, url string) error {
	if c.Auth != "embedded" || len(c.Identity.Users) == 0 || len(c.Identity.Users[0].Projects) == 0 {
		return nil
	}
	user := c.Identity.Users[0]
	_, err := fmt.Fprintf(os.Stdout, `
Cindergate serves %s, with the users of the configuration. In another terminal:

  export OS_AUTH_URL=%s/identity/v3 OS_USERNAME='%s' OS_PROJECT_NAME='%s' \
      OS_USER_DOMAIN_ID=%s OS_PROJECT_DOMAIN_ID=%s OS_REGION_NAME=%s OS_IDENTITY_API_VERSION=3
  read -rsp 'Password: ' OS_PASSWORD; export OS_PASSWORD
  openstack volume backup list

`, url, url, user.Name, user.Projects[0].Project, identity.DefaultDomain, identity.DefaultDomain, c.Identity.Region)
	return err
}

// ownURL is where clients on this machine reach the gateway.
func ownURL(c *config.Config, addr net.Addr) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
