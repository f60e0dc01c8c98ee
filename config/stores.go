package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/viper"
)

// Drivers of backup stores.
const (
	StoreDir   = "dir"
	StoreS3    = "s3"
	StoreSwift = "swift"
)

// Values of SwiftStore.Auth.
const (
	SwiftSingleUser = "single_user"
	SwiftPerUser    = "per_user"
)

// LocalStore is the name of the backup store in the data directory, which is always there.
const LocalStore = "local"

// Store is a place for the backups of the embedded backend.
type Store struct {
	// Driver is dir, s3 or swift.
	Driver string     `mapstructure:"driver"`
	Dir    DirStore   `mapstructure:"dir"`
	S3     S3Store    `mapstructure:"s3"`
	Swift  SwiftStore `mapstructure:"swift"`
}

// DirStore is a directory, such as a mount that a cinder-backup uses as well.
type DirStore struct {
	// Path is absolute, and must exist.
	Path string `mapstructure:"path"`
}

// Network is how a store on the network is reached.
type Network struct {
	// CAFile has PEM certificates to trust besides the system's; Insecure trusts any.
	CAFile   string `mapstructure:"ca_file"`
	Insecure bool   `mapstructure:"insecure"`
	// ConnectTimeout and AnswerTimeout bound a connection and the wait for an answer, and
	// StallTimeout how long no byte may move.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	AnswerTimeout  time.Duration `mapstructure:"answer_timeout"`
	StallTimeout   time.Duration `mapstructure:"stall_timeout"`
	// Uploads is how many objects are sent at once.
	Uploads int `mapstructure:"uploads"`
	// Patience is how long a request that fails is repeated before the job fails, and
	// RetryBudget how many repetitions a second all requests may cause.
	Patience    time.Duration `mapstructure:"patience"`
	RetryBudget float64       `mapstructure:"retry_budget"`
}

// S3Store is a bucket of S3 or of a service that speaks its protocol.
type S3Store struct {
	// Endpoint is an http or https URL without a path.
	Endpoint string `mapstructure:"endpoint"`
	Region   string `mapstructure:"region"`
	// Bucket is that of backups that name none.
	Bucket string `mapstructure:"bucket"`
	// AccessKey and SecretKey are fixed credentials; without them they are read from
	// CredentialsFile, in the format of ~/.aws/credentials, and without that they are those
	// of the machine's role.
	AccessKey       string `mapstructure:"access_key"`
	SecretKey       Secret `mapstructure:"secret_key"`
	CredentialsFile string `mapstructure:"credentials_file"`
	Profile         string `mapstructure:"profile"`
	// VirtualHost puts the bucket into the host name.
	VirtualHost bool `mapstructure:"virtual_host"`
	// SSECustomerKey has the 32 bytes of the key of SSE-C: Cinder's backup_s3_sse_customer_key.
	SSECustomerKey Secret `mapstructure:"sse_customer_key"`
	// ObjectLock is the mode of S3 Object Lock for the objects of locked backups: off, governance or compliance.
	ObjectLock string `mapstructure:"object_lock"`
	Network    `mapstructure:",squash"`
}

// SwiftStore is a container of Swift.
type SwiftStore struct {
	// AuthURL is Keystone's endpoint with /v3, or with AuthVersion 1 that of Swift's tempauth.
	AuthURL     string `mapstructure:"auth_url"`
	AuthVersion int    `mapstructure:"auth_version"`
	// Auth says whose account holds the backups, as Cinder's backup_swift_auth: single_user
	// for that of User, per_user for that of the backup's project.
	Auth string `mapstructure:"auth"`
	// TrustRoles are the roles that a user of a project passes on to User with per_user.
	TrustRoles []string `mapstructure:"trust_roles"`
	User       string   `mapstructure:"user"`
	// Key is the user's password.
	Key           Secret `mapstructure:"key"`
	UserDomain    string `mapstructure:"user_domain"`
	Project       string `mapstructure:"project"`
	ProjectDomain string `mapstructure:"project_domain"`
	// An application credential may replace user and key.
	ApplicationCredentialID     string `mapstructure:"application_credential_id"`
	ApplicationCredentialSecret Secret `mapstructure:"application_credential_secret"`
	Region                      string `mapstructure:"region"`
	Interface                   string `mapstructure:"interface"`
	// StorageURL replaces the account's URL in the catalogue.
	StorageURL string `mapstructure:"storage_url"`
	// Container is that of backups that name none.
	Container     string `mapstructure:"container"`
	StoragePolicy string `mapstructure:"storage_policy"`
	Network       `mapstructure:",squash"`
}

var networkDefaults = map[string]any{
	"connect_timeout": "5s", "answer_timeout": "60s", "stall_timeout": "60s", "uploads": 16, "patience": "5m", "retry_budget": 10,
}

// storeDefaults are the defaults of what only one driver has.
var storeDefaults = map[string]map[string]any{
	StoreS3:    {"region": "us-east-1", "bucket": "volumebackups", "profile": "default", "object_lock": "off"},
	StoreSwift: {"auth_version": 3, "auth": SwiftSingleUser, "user_domain": "default", "project_domain": "default", "interface": "public", "container": "volumebackups"},
}

// fillStores adds the defaults of what stores leave out.
func fillStores(v *viper.Viper) {
	stores := v.GetStringMap("stores")
	for _, s := range stores {
		store, _ := s.(map[string]any)
		for name, own := range storeDefaults {
			settings, ok := store[name].(map[string]any)
			if !ok {
				continue
			}
			for _, defaults := range []map[string]any{networkDefaults, own} {
				for key, value := range defaults {
					setAbsent(settings, key, value)
				}
			}
		}
	}
	if len(stores) > 0 {
		v.Set("stores", stores)
	}
}

// storeName is what a store may be called: users write the name, and it comes before a ":".
var storeName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (c *Config) validateStores(bad problem) {
	for name, s := range c.Stores {
		key := "stores." + name
		if !storeName.MatchString(name) {
			bad(key, "a name has 1 to 63 of the characters a-z, 0-9, '-' and '_', and begins with a letter or digit")
		}
		if name == LocalStore {
			bad(key, "this name is that of the store in the data directory")
		}
		switch s.Driver {
		case StoreDir:
			if !filepath.IsAbs(s.Dir.Path) {
				bad(key+".dir.path", "%q is not an absolute path", s.Dir.Path)
			}
		case StoreS3:
			s.S3.validate(key+".s3", bad)
		case StoreSwift:
			s.Swift.validate(key+".swift", bad)
			if s.Swift.Auth == SwiftPerUser && c.Auth != "keystone" {
				bad(key+".swift.auth", "per_user needs auth: keystone, not %q: a trust for the account is made with the caller's token", c.Auth)
			}
		default:
			checkOneOf(key+".driver", s.Driver, bad, StoreDir, StoreS3, StoreSwift)
		}
	}
	if _, ok := c.Stores[c.DefaultStore]; !ok && c.DefaultStore != LocalStore {
		bad("default_store", "%q is neither %s nor one of the stores", c.DefaultStore, LocalStore)
	}
	if len(c.Stores) > 0 && !c.Embeds() {
		bad("stores", "no backend has the driver %s: nothing would be stored there", DriverEmbedded)
	}
}

func (n *Network) validate(key string, bad problem) {
	for name, d := range map[string]time.Duration{"connect_timeout": n.ConnectTimeout, "answer_timeout": n.AnswerTimeout,
		"stall_timeout": n.StallTimeout, "patience": n.Patience} {
		checkTime(key+"."+name, d, bad)
	}
	if n.Uploads < 1 || n.Uploads > 256 {
		bad(key+".uploads", "%d is not between 1 and 256", n.Uploads)
	}
	if n.RetryBudget <= 0 {
		bad(key+".retry_budget", "must be more than 0")
	}
}

// ObjectLockOff is the value of object_lock of a store that locks no objects.
const ObjectLockOff = "off"

// sseKey is the length of a key of SSE-C in bytes.
const sseKey = 32

func (s *S3Store) validate(key string, bad problem) {
	checkURL(key+".endpoint", s.Endpoint, bad)
	if (s.AccessKey == "") != (s.SecretKey == "") {
		bad(key, "access_key and secret_key go together")
	}
	if s.AccessKey != "" && s.CredentialsFile != "" {
		bad(key, "access_key and credentials_file exclude each other")
	}
	if n := len(s.SSECustomerKey.Reveal()); n != 0 && n != sseKey {
		bad(key+".sse_customer_key", "it has %d bytes, not %d", n, sseKey)
	}
	checkOneOf(key+".object_lock", s.ObjectLock, bad, ObjectLockOff, "governance", "compliance")
	s.Network.validate(key, bad)
}

func (s *SwiftStore) validate(key string, bad problem) {
	checkURL(key+".auth_url", s.AuthURL, bad)
	if s.AuthVersion != 1 && s.AuthVersion != 3 {
		bad(key+".auth_version", "%d is neither 3 (Keystone) nor 1 (tempauth)", s.AuthVersion)
	}
	checkOneOf(key+".auth", s.Auth, bad, SwiftSingleUser, SwiftPerUser)
	if s.Auth == SwiftPerUser {
		s.validatePerUser(key, bad)
	} else if len(s.TrustRoles) > 0 {
		bad(key+".trust_roles", "it is only used with auth: per_user")
	}
	switch user := s.User != "" && s.Key != ""; {
	case s.ApplicationCredentialID != "":
		if s.ApplicationCredentialSecret == "" || s.User != "" {
			bad(key, "application_credential_id goes with application_credential_secret and without user")
		}
	case !user:
		bad(key, "user with key or key_file, or an application credential, is required")
	case s.AuthVersion == 3 && s.Project == "" && s.Auth != SwiftPerUser:
		bad(key+".project", "must not be empty: it is the account that the backups are in")
	}
	checkOneOf(key+".interface", s.Interface, bad, "public", "internal", "admin")
	if s.StorageURL != "" {
		checkURL(key+".storage_url", s.StorageURL, bad)
	}
	s.Network.validate(key, bad)
}

// validatePerUser checks what only matters with per_user.
func (s *SwiftStore) validatePerUser(key string, bad problem) {
	if s.AuthVersion != 3 {
		bad(key+".auth", "per_user needs auth_version 3, not %d: only Keystone knows trusts", s.AuthVersion)
	}
	if s.ApplicationCredentialID != "" {
		bad(key+".application_credential_id", "per_user needs user with key or key_file: Keystone gives an application credential no token for a trust")
	}
	if s.StorageURL != "" {
		bad(key+".storage_url", "it is the URL of one account, and per_user uses those of all projects")
	}
	if slices.Contains(s.TrustRoles, "") {
		bad(key+".trust_roles", "the name of a role must not be empty")
	}
}
