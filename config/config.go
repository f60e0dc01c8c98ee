// Package config is every setting of Cindergate: its name, its default and what it
// is for.
package config

import "time"

// Config is the whole configuration.
type Config struct {
	// Listen is the address to serve on.
	Listen string `mapstructure:"listen"`
	// Data is the directory that everything is kept in.
	Data string `mapstructure:"data"`
	// Database is where the embedded backend, the embedded identity service, the policies of remote
	// backends and the sessions of the console keep their rows: postgres://…, which several gateways share; "": files in Data. It may hold a password.
	Database Secret `mapstructure:"database"`
	// PublicURL is what links in answers begin with; "" is the address that the
	// client used.
	PublicURL string `mapstructure:"public_url"`
	// Auth is where callers log in: embedded (the identity section), keystone (the
	// keystone section) or noauth (everybody is an admin; the token is user:project).
	Auth string `mapstructure:"auth"`
	// UI says who may use the console, the pages below /ui/: off, tenant, admin, all, or auto. See
	// [Config.Console].
	UI string `mapstructure:"ui"`
	// UIWire has the console show admins the last requests, without secrets.
	UIWire   bool     `mapstructure:"ui_wire"`
	TLS      TLS      `mapstructure:"tls"`
	Log      Log      `mapstructure:"log"`
	HTTP     HTTP     `mapstructure:"http"`
	Metrics  Metrics  `mapstructure:"metrics"`
	Tracing  Tracing  `mapstructure:"tracing"`
	API      API      `mapstructure:"api"`
	Identity Identity `mapstructure:"identity"`
	Keystone Keystone `mapstructure:"keystone"`
	Embedded Embedded `mapstructure:"embedded"`
	// Stores are where the embedded backend keeps backups, by name, besides the data directory.
	Stores map[string]Store `mapstructure:"stores"`
	// DefaultStore is the store of new backups that name none.
	DefaultStore string `mapstructure:"default_store"`
	// Policies say when volumes are backed up.
	Policies Policies `mapstructure:"policies"`
	// Backends are where backups live, by name; none is one called embedded.
	Backends map[string]Backend `mapstructure:"backends"`
	// DefaultBackend serves projects that Projects does not name; it may be left out
	// if there is but one backend.
	DefaultBackend string `mapstructure:"default_backend"`
	// Projects maps a project's id to its backend.
	Projects map[string]string `mapstructure:"projects"`
}

// Drivers of backends.
const (
	DriverEmbedded = "embedded"
	DriverCinder   = "cinder"
	DriverVBS      = "vbs"
	DriverCBR      = "cbr"
)

// Backend is one place where backups live.
type Backend struct {
	// Driver is embedded, cinder, vbs or cbr.
	Driver string `mapstructure:"driver"`
	Cinder Cinder `mapstructure:"cinder"`
	VBS    VBS    `mapstructure:"vbs"`
	CBR    CBR    `mapstructure:"cbr"`
	// Copies lets the backend take copies of backups; nil: it takes none.
	Copies *CopyTarget `mapstructure:"copies"`
	// Policies lets the gateway follow the backup policies of the backend's volumes; nil: it does not.
	Policies *PolicyLogin `mapstructure:"policies"`
}

// Keystone is the identity service that validates tokens.
type Keystone struct {
	// URL is its endpoint, with /v3.
	URL string `mapstructure:"url"`
	// The gateway's own user, which may validate tokens.
	Username      string `mapstructure:"username"`
	Password      Secret `mapstructure:"password"`
	Project       string `mapstructure:"project"`
	UserDomain    string `mapstructure:"user_domain"`
	ProjectDomain string `mapstructure:"project_domain"`
	CAFile        string `mapstructure:"ca_file"`
	// CacheSize tokens are remembered for CacheTime, invalid ones for RejectTime.
	CacheSize  int           `mapstructure:"cache_size"`
	CacheTime  time.Duration `mapstructure:"cache_time"`
	RejectTime time.Duration `mapstructure:"reject_time"`
	Timeout    time.Duration `mapstructure:"timeout"`
	// Roles that make an admin, a member and a reader; * is any role.
	AdminRoles  []string `mapstructure:"admin_roles"`
	MemberRoles []string `mapstructure:"member_roles"`
	ReaderRoles []string `mapstructure:"reader_roles"`
	// ServiceRoles make a token one of a service, for X-Service-Token; with
	// ServiceRolesRequired no other is accepted there.
	ServiceRoles         []string `mapstructure:"service_roles"`
	ServiceRolesRequired bool     `mapstructure:"service_roles_required"`
	// ServiceTypes are what access rules of application credentials may call this service.
	ServiceTypes []string `mapstructure:"service_types"`
	// MaxAnswer is the largest answer that is read, in bytes.
	MaxAnswer int64 `mapstructure:"max_answer"`
}

// TLS names PEM files; both or none.
type TLS struct {
	Certificate string `mapstructure:"certificate"`
	Key         string `mapstructure:"key"`
}

// Log says what is logged, to standard error.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `mapstructure:"level"`
	// Format is json, console, or auto: console on a terminal.
	Format string `mapstructure:"format"`
}

// HTTP bounds what one client can take.
type HTTP struct {
	// MaxBody is the largest request body, in bytes.
	MaxBody int64 `mapstructure:"max_body"`
	// HeaderTimeout, ReadTimeout and IdleTimeout end connections that are too slow
	// to send their headers, their request, or the next one.
	HeaderTimeout time.Duration `mapstructure:"header_timeout"`
	ReadTimeout   time.Duration `mapstructure:"read_timeout"`
	IdleTimeout   time.Duration `mapstructure:"idle_timeout"`
	// WriteTimeout ends connections to clients that do not take any more of an answer; 0
	// does not.
	WriteTimeout time.Duration `mapstructure:"write_timeout"`
	// MaxConnections is how many connections there may be; 0: any number.
	MaxConnections int `mapstructure:"max_connections"`
	// MaxRequests is how many requests backends work on at once, and
	// MaxRequestsPerProject how many of one project; 0: any number.
	MaxRequests           int `mapstructure:"max_requests"`
	MaxRequestsPerProject int `mapstructure:"max_requests_per_project"`
	// HealthCache is how long an answer of /healthz or /healthcheck is remembered; 0: not at
	// all.
	HealthCache time.Duration `mapstructure:"health_cache"`
	// HealthTimeout is how long each backend may take to say whether it is well.
	HealthTimeout time.Duration `mapstructure:"health_timeout"`
	// TrustedProxies are addresses and networks of proxies whose X-Forwarded-For, -Host
	// and -Proto are believed.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// ShutdownTimeout is how long requests may take to end after SIGTERM.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// Metrics says where operators read metrics.
type Metrics struct {
	// Listen is the address of a listener for /metrics, /healthcheck, /healthz and /livez only; "": the
	// public listener serves /metrics.
	Listen string `mapstructure:"listen"`
}

// Tracing says where spans are sent to, by OTLP over HTTP.
type Tracing struct {
	// Endpoint is the collector's URL without /v1/traces; "": nothing is recorded.
	Endpoint string `mapstructure:"endpoint"`
	// Headers are sent with the spans: KEY=VALUE,KEY=VALUE, values URL-encoded.
	Headers Secret `mapstructure:"headers"`
	CAFile  string `mapstructure:"ca_file"`
	// ServiceName is the name of the program in the spans.
	ServiceName string `mapstructure:"service_name"`
	// Sample is the share of the traces that are recorded, such as 5%.
	Sample string `mapstructure:"sample"`
}

// API enables further APIs besides Block Storage.
type API struct {
	// VBS enables the native API of Huawei's Volume Backup Service: cloudbackups and jobs.
	VBS bool `mapstructure:"vbs"`
}

// Identity is the embedded identity service.
type Identity struct {
	// Region is the region of the catalogue.
	Region string `mapstructure:"region"`
	// TokenLifetime is how long a token is valid.
	TokenLifetime time.Duration `mapstructure:"token_lifetime"`
	// TokensPerUser is how many tokens a user may have; one more ends the oldest.
	TokensPerUser int    `mapstructure:"tokens_per_user"`
	Logins        Logins `mapstructure:"logins"`
	// Users replace the default ones.
	Users                  []User                  `mapstructure:"users"`
	ApplicationCredentials []ApplicationCredential `mapstructure:"application_credentials"`
	// Catalog names services besides the gateway's own.
	Catalog []CatalogEntry `mapstructure:"catalog"`
}

// Logins bounds what logins with slow hashes may cost.
type Logins struct {
	// Queue is how many may wait for their turn; 0: none.
	Queue int `mapstructure:"queue"`
	// PerAddress is how many one client address may have at once, and PerUser how many of
	// these may name the same user.
	PerAddress int `mapstructure:"per_address"`
	PerUser    int `mapstructure:"per_user"`
	// FailuresPerAddress and FailuresPerUser are how many may fail a minute; 0: any number.
	FailuresPerAddress int `mapstructure:"failures_per_address"`
	FailuresPerUser    int `mapstructure:"failures_per_user"`
}

// User is a user of the embedded identity service.
type User struct {
	Name string `mapstructure:"name"`
	// PasswordHash is a bcrypt or argon2id hash.
	PasswordHash Secret `mapstructure:"password_hash"`
	// Projects are the projects with the role in each: reader, member or admin.
	Projects []Assignment `mapstructure:"projects"`
}

// CatalogEntry is a service of the catalogue.
type CatalogEntry struct {
	// Type is the type of the service, such as object-store. compute, network and image
	// replace the stubs.
	Type string `mapstructure:"type"`
	// Name is the name of the service, such as swift.
	Name string `mapstructure:"name"`
	// URL is its endpoint; %(project_id)s in it is the id of the caller's project.
	URL string `mapstructure:"url"`
}

// Assignment is a role in a project.
type Assignment struct {
	Project string `mapstructure:"project"`
	Role    string `mapstructure:"role"`
}

// ApplicationCredential is a login of a program.
type ApplicationCredential struct {
	ID         string `mapstructure:"id"`
	Name       string `mapstructure:"name"`
	SecretHash Secret `mapstructure:"secret_hash"`
	User       string `mapstructure:"user"`
	Project    string `mapstructure:"project"`
	Role       string `mapstructure:"role"`
}

// Embedded is the backend that stores volumes and backups itself, below the data
// directory.
type Embedded struct {
	// Installation is the id that the data directory must have; "" takes any, and
	// makes a new one in an empty directory. The log says the id of a new one, and
	// the file .cindergate-id holds it.
	Installation string `mapstructure:"installation"`
	// Compression of new backups: zstd, zlib or none.
	Compression string `mapstructure:"compression"`
	// BlockSize is the number of bytes per digest of new full backups; 0: chosen by what the
	// volume holds.
	BlockSize int64 `mapstructure:"block_size"`
	// Workers is how many backups, restores and copies run at once.
	Workers int `mapstructure:"workers"`
	// Host and AvailabilityZone are what services and volumes show.
	Host             string `mapstructure:"host"`
	AvailabilityZone string `mapstructure:"availability_zone"`
	// Scrub says when the stored backups are read without being asked.
	Scrub Scrub `mapstructure:"scrub"`
	// SharedVolumes is a directory on a file system that all gateways have mounted, with the
	// volumes of all of them; "": each has its own in its data directory. It needs Database.
	SharedVolumes string `mapstructure:"shared_volumes"`
	// Lease is how long a job belongs to its worker without a sign of life, and half of the time
	// after which a gateway that shares a database counts as down.
	Lease time.Duration `mapstructure:"lease"`
	// UploadExpiry is how long an unfinished upload of a backup's content is kept after
	// something was sent.
	UploadExpiry time.Duration `mapstructure:"upload_expiry"`
	// DeleteParents says what a delete of a backup that others build on does: refuse, or rebase.
	DeleteParents string `mapstructure:"delete_parents"`
	// MaxLock is how long from now a backup can be locked; 0: not at all.
	MaxLock time.Duration `mapstructure:"max_lock"`
	// Copies are those of backups at other backends.
	Copies Copies `mapstructure:"copies"`
	// Quotas are the limits of a project that has none of its own; -1 is no limit.
	Quotas Quotas `mapstructure:"quotas"`
}

// Scrub is a schedule.
type Scrub struct {
	// Interval is the time between the starts of two scrubs; 0: none is scheduled.
	Interval time.Duration `mapstructure:"interval"`
	// Sample is the share of the data objects that a scrub reads; see [ParseShare].
	Sample string `mapstructure:"sample"`
}

// Quotas are Cinder's.
type Quotas struct {
	Volumes            int `mapstructure:"volumes"`
	Snapshots          int `mapstructure:"snapshots"`
	Gigabytes          int `mapstructure:"gigabytes"`
	PerVolumeGigabytes int `mapstructure:"per_volume_gigabytes"`
	Backups            int `mapstructure:"backups"`
	BackupGigabytes    int `mapstructure:"backup_gigabytes"`
	Groups             int `mapstructure:"groups"`
}

// defaults are all keys with their defaults. Every key needs one: viper reads the
// environment only for keys that it has seen.
var defaults = map[string]any{
	"listen":                               "127.0.0.1:8776",
	"data":                                 "",
	"database":                             "",
	"database_file":                        "",
	"public_url":                           "",
	"auth":                                 "embedded",
	"ui":                                   ConsoleAuto,
	"ui_wire":                              false,
	"tls.certificate":                      "",
	"tls.key":                              "",
	"log.level":                            "info",
	"log.format":                           "auto",
	"http.max_body":                        114688,
	"http.header_timeout":                  "10s",
	"http.read_timeout":                    "60s",
	"http.idle_timeout":                    "2m",
	"http.shutdown_timeout":                "10s",
	"http.write_timeout":                   "60s",
	"http.max_connections":                 4096,
	"http.max_requests":                    1024,
	"http.max_requests_per_project":        256,
	"http.health_cache":                    "1s",
	"http.health_timeout":                  "5s",
	"metrics.listen":                       "",
	"tracing.endpoint":                     "",
	"tracing.headers":                      "",
	"tracing.headers_file":                 "",
	"tracing.ca_file":                      "",
	"tracing.service_name":                 "cindergate",
	"tracing.sample":                       "100%",
	"http.trusted_proxies":                 []string{},
	"api.vbs":                              false,
	"identity.region":                      "RegionOne",
	"identity.token_lifetime":              "12h",
	"identity.tokens_per_user":             5000,
	"identity.logins.queue":                256,
	"identity.logins.per_address":          64,
	"identity.logins.per_user":             32,
	"identity.logins.failures_per_address": 120,
	"identity.logins.failures_per_user":    30,
	"identity.users":                       []any{},
	"identity.catalog":                     []any{},
	"identity.application_credentials":     []any{},
	"keystone.url":                         "",
	"keystone.username":                    "",
	"keystone.password":                    "",
	"keystone.password_file":               "",
	"keystone.project":                     "service",
	"keystone.user_domain":                 "default",
	"keystone.project_domain":              "default",
	"keystone.ca_file":                     "",
	"keystone.cache_size":                  10000,
	"keystone.cache_time":                  "1m",
	"keystone.reject_time":                 "10s",
	"keystone.timeout":                     "10s",
	"keystone.admin_roles":                 []string{"admin"},
	"keystone.member_roles":                []string{"member"},
	"keystone.reader_roles":                []string{"reader"},
	"keystone.service_roles":               []string{"service"},
	"keystone.service_roles_required":      true,
	"keystone.service_types":               []string{"block-storage", "volumev3", "volumev2", "volume"},
	"keystone.max_answer":                  4194304,
	"backends":                             map[string]any{},
	"default_backend":                      "",
	"projects":                             map[string]any{},
	"stores":                               map[string]any{},
	"policies.named":                       map[string]any{},
	"policies.default":                     "",
	"policies.projects":                    map[string]any{},
	"policies.remote.poll":                 "2m",
	"default_store":                        LocalStore,
	"embedded.installation":                "",
	"embedded.compression":                 "zstd",
	"embedded.block_size":                  0,
	"embedded.workers":                     2,
	"embedded.host":                        DefaultHost,
	"embedded.availability_zone":           "nova",
	"embedded.scrub.interval":              "0s",
	"embedded.scrub.sample":                "100%",
	"embedded.upload_expiry":               "24h",
	"embedded.lease":                       "30s",
	"embedded.shared_volumes":              "",
	"embedded.delete_parents":              "refuse",
	"embedded.max_lock":                    "9600h",
	"embedded.copies.workers":              2,
	"embedded.copies.attempts":             10,
	"embedded.quotas.volumes":              10,
	"embedded.quotas.snapshots":            10,
	"embedded.quotas.gigabytes":            1000,
	"embedded.quotas.per_volume_gigabytes": -1,
	"embedded.quotas.backups":              10,
	"embedded.quotas.backup_gigabytes":     1000,
	"embedded.quotas.groups":               10,
}

// DefaultHost is the default of embedded.host.
const DefaultHost = "cindergate"
