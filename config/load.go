package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// EnvPrefix begins the environment's variables: CINDERGATE_LOG_LEVEL is log.level.
const EnvPrefix = "CINDERGATE"

// otelEnv are variables that OpenTelemetry's specification gives to settings. Those of
// Cindergate's own come first.
var otelEnv = map[string]string{
	"tracing.endpoint":     "OTEL_EXPORTER_OTLP_ENDPOINT",
	"tracing.headers":      "OTEL_EXPORTER_OTLP_HEADERS",
	"tracing.ca_file":      "OTEL_EXPORTER_OTLP_CERTIFICATE",
	"tracing.service_name": "OTEL_SERVICE_NAME",
}

// Load reads the configuration: defaults, then the YAML file (path "" for none),
// then the environment, then flags whose names are keys. It reports all mistakes
// at once, each with the name of its key.
func Load(path string, flags *pflag.FlagSet) (Config, error) {
	v := viper.New()
	for key, value := range defaults {
		v.SetDefault(key, value)
	}
	v.SetEnvPrefix(EnvPrefix)
	v.SetEnvKeyReplacer(strings.NewReplacer(".", "_"))
	v.AutomaticEnv()
	for key, name := range otelEnv {
		if err := v.BindEnv(key, EnvPrefix+"_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_")), name); err != nil {
			return Config{}, err
		}
	}
	if flags != nil {
		if err := v.BindPFlags(flags); err != nil {
			return Config{}, err
		}
	}
	if path != "" {
		v.SetConfigFile(path)
		v.SetConfigType("yaml")
		if err := v.ReadInConfig(); err != nil {
			return Config{}, fmt.Errorf("configuration file %s: %w", path, err)
		}
	}
	fillBackends(v)
	fillStores(v)
	var c Config
	var problems []error
	v, err := withSecretFiles(v, func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	})
	if err != nil {
		return c, err
	}
	if err := v.UnmarshalExact(&c); err != nil {
		problems = append(problems, err)
		c = Config{}
		_ = v.Unmarshal(&c) // what can be read is validated as well
	}
	c.complete()
	return c, errors.Join(append(problems, c.Validate())...)
}

// complete fills in what is derived from other settings.
func (c *Config) complete() {
	if len(c.Backends) == 0 {
		c.Backends = map[string]Backend{DriverEmbedded: {Driver: DriverEmbedded}}
	}
	for name, b := range c.Backends {
		switch b.Driver {
		case DriverVBS:
			b.VBS.complete(&c.Keystone)
		case DriverCBR:
			b.CBR.complete(&c.Keystone)
		}
		c.Backends[name] = b
	}
	if c.DefaultBackend == "" && len(c.Backends) == 1 {
		for name := range c.Backends {
			c.DefaultBackend = name
		}
	}
}

// Embeds reports whether a backend stores its data itself, in the data directory.
func (c *Config) Embeds() bool {
	for _, b := range c.Backends {
		if b.Driver == DriverEmbedded {
			return true
		}
	}
	return false
}

// UnknownEnv returns the variables of an environment that look like settings and are not.
// They are misspelt, or come from elsewhere: Kubernetes sets CINDERGATE_PORT for a service
// of the name cindergate.
func UnknownEnv(environ []string) []string {
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, EnvPrefix+"_")
		if !ours || rest == "CONFIG" {
			continue
		}
		known := false
		for key := range defaults {
			known = known || strings.EqualFold(strings.ReplaceAll(key, ".", "_"), rest)
		}
		if !known {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// Validate checks all settings and reports all problems.
func (c *Config) Validate() error {
	var problems []error
	bad := func(key, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	oneOf := func(key, value string, valid ...string) {
		if !slices.Contains(valid, value) {
			bad(key, "%q is none of %s", value, strings.Join(valid, ", "))
		}
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "%q is not host:port", c.Listen)
	}
	if c.Data == "" && (c.Embeds() || c.Auth == "embedded" && len(c.Identity.Users) == 0) {
		bad("data", "a directory is required")
	}
	if c.Data == "" && c.Database == "" && c.FollowsRemotePolicies() {
		bad("data", "runs of policies are kept there, or in a database")
	}
	if url := c.Database.Reveal(); url != "" {
		if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
			bad("database", "the value does not begin with postgres://; without it, the database is a file in the data directory")
		}
		if c.Embeds() && c.DefaultStore == LocalStore {
			bad("default_store", "%s is the store in the data directory of one gateway; with database, all gateways must reach it: name one of the stores", LocalStore)
		}
	}
	if c.Metrics.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Metrics.Listen); err != nil {
			bad("metrics.listen", "%q is not host:port", c.Metrics.Listen)
		} else if c.Metrics.Listen == c.Listen {
			bad("metrics.listen", "%q is the address of listen", c.Metrics.Listen)
		}
	}
	c.Tracing.validate(bad)
	c.validateBackends(bad)
	c.validateStores(bad)
	c.Policies.validate(bad)
	if c.PublicURL != "" {
		checkURL("public_url", c.PublicURL, bad)
	}
	oneOf("auth", c.Auth, "embedded", "keystone", "noauth")
	oneOf("ui", c.UI, ConsoleAuto, ConsoleOff, ConsoleTenant, ConsoleAdmin, ConsoleAll)
	c.validateWire(bad)
	if c.Auth == "keystone" {
		c.Keystone.validate(bad)
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "auto", "json", "console")
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		bad("tls", "certificate and key go together")
	}
	if c.HTTP.MaxBody < 1024 {
		bad("http.max_body", "%d bytes is less than 1024", c.HTTP.MaxBody)
	}
	for key, d := range map[string]int64{
		"http.header_timeout": int64(c.HTTP.HeaderTimeout), "http.read_timeout": int64(c.HTTP.ReadTimeout),
		"http.idle_timeout": int64(c.HTTP.IdleTimeout), "http.shutdown_timeout": int64(c.HTTP.ShutdownTimeout),
		"http.health_timeout":     int64(c.HTTP.HealthTimeout),
		"identity.token_lifetime": int64(c.Identity.TokenLifetime), "identity.tokens_per_user": int64(c.Identity.TokensPerUser),
		"identity.logins.per_address": int64(c.Identity.Logins.PerAddress), "identity.logins.per_user": int64(c.Identity.Logins.PerUser),
	} {
		if d <= 0 {
			bad(key, "must be more than 0")
		}
	}
	for key, n := range map[string]int64{
		"http.write_timeout": int64(c.HTTP.WriteTimeout), "http.max_connections": int64(c.HTTP.MaxConnections),
		"http.max_requests": int64(c.HTTP.MaxRequests), "http.max_requests_per_project": int64(c.HTTP.MaxRequestsPerProject),
		"http.health_cache": int64(c.HTTP.HealthCache), "identity.logins.queue": int64(c.Identity.Logins.Queue),
		"identity.logins.failures_per_address": int64(c.Identity.Logins.FailuresPerAddress),
		"identity.logins.failures_per_user":    int64(c.Identity.Logins.FailuresPerUser),
	} {
		if n < 0 {
			bad(key, "must not be negative")
		}
	}
	if _, err := c.HTTP.Proxies(); err != nil {
		bad("http.trusted_proxies", "%v", err)
	}
	c.Identity.validateCatalog(bad)
	if c.Identity.Region == "" {
		bad("identity.region", "must not be empty")
	}
	oneOf("embedded.compression", c.Embedded.Compression, "zstd", "zlib", "none")
	if n := c.Embedded.BlockSize; n != 0 && (n < 32<<10 || n > 64<<20 || n&(n-1) != 0) {
		bad("embedded.block_size", "%d is neither 0, for automatic, nor a power of two from 32768 to 67108864 bytes", n)
	}
	if c.Embedded.Workers < 1 || c.Embedded.Workers > 64 {
		bad("embedded.workers", "%d is not between 1 and 64", c.Embedded.Workers)
	}
	for key, value := range map[string]string{
		"embedded.host": c.Embedded.Host, "embedded.availability_zone": c.Embedded.AvailabilityZone,
	} {
		if value == "" {
			bad(key, "must not be empty")
		}
	}
	if every := c.Embedded.Scrub.Interval; every < 0 || every > 0 && every < time.Minute {
		bad("embedded.scrub.interval", "%s is neither 0, for no schedule, nor at least 1m", every)
	}
	if dir := c.Embedded.SharedVolumes; dir != "" {
		if !filepath.IsAbs(dir) {
			bad("embedded.shared_volumes", "%q is not an absolute path", dir)
		}
		if c.Database == "" {
			bad("embedded.shared_volumes", "gateways can share volumes only if they share a database: set database")
		}
	}
	if c.Embedded.Lease < time.Second || c.Embedded.Lease > time.Hour {
		bad("embedded.lease", "%s is not between 1s and 1h", c.Embedded.Lease)
	}
	if c.Embedded.UploadExpiry < time.Minute {
		bad("embedded.upload_expiry", "%s is less than 1m", c.Embedded.UploadExpiry)
	}
	c.Embedded.Copies.validate("embedded.copies", bad)
	if c.Embedded.MaxLock < 0 {
		bad("embedded.max_lock", "%s is less than 0", c.Embedded.MaxLock)
	}
	checkOneOf("embedded.delete_parents", c.Embedded.DeleteParents, bad, "refuse", "rebase")
	if _, err := ParseShare(c.Embedded.Scrub.Sample); err != nil {
		bad("embedded.scrub.sample", "%v", err)
	}
	q := c.Embedded.Quotas
	for key, limit := range map[string]int{
		"volumes": q.Volumes, "snapshots": q.Snapshots, "gigabytes": q.Gigabytes, "backups": q.Backups,
		"per_volume_gigabytes": q.PerVolumeGigabytes, "backup_gigabytes": q.BackupGigabytes, "groups": q.Groups,
	} {
		if limit < -1 {
			bad("embedded.quotas."+key, "%d is less than -1 (no limit)", limit)
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}
