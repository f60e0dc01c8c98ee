package config

import (
	"strings"

	"github.com/spf13/viper"
)

// CopyTarget is the login by which a backend with the driver cinder takes copies of backups of
// the embedded backend. The endpoint and the trusted certificates are those of the backend.
type CopyTarget struct {
	// AuthURL is the Keystone of the backend's cloud, with /v3; "" is keystone.url.
	AuthURL string `mapstructure:"auth_url"`
	// ApplicationCredentialID is the id of an application credential there. The copies are in its
	// project.
	ApplicationCredentialID string `mapstructure:"application_credential_id"`
	// Its secret, or the name of a variable of the environment that has it.
	ApplicationCredentialSecret    Secret `mapstructure:"application_credential_secret"`
	ApplicationCredentialSecretEnv string `mapstructure:"application_credential_secret_env"`
	// Region and Interface choose the Swift account in the catalogue, for a real Cinder; "": any
	// region.
	Region    string `mapstructure:"region"`
	Interface string `mapstructure:"interface"`
}

// fillCopies adds the defaults of what the login for copies leaves out.
func fillCopies(v *viper.Viper, backend map[string]any) {
	settings, ok := backend["copies"].(map[string]any)
	if !ok {
		return
	}
	setAbsent(settings, "interface", "public")
	setAbsent(settings, "auth_url", v.GetString("keystone.url"))
}

// maxBackendName bounds the name of a backend that takes copies: users write it as a value of
// metadata.
const maxBackendName = 255

func (c *CopyTarget) validate(name, driver string, bad problem) {
	key := "backends." + name + ".copies"
	if driver != DriverCinder {
		bad(key, "only a backend with the driver %s takes copies, which may be another Cindergate or a real Cinder", DriverCinder)
	}
	if len(name) > maxBackendName || strings.TrimSpace(name) != name {
		bad(key, "the name of a backend that takes copies has at most %d bytes and neither begins nor ends with a blank", maxBackendName)
	}
	checkURL(key+".auth_url", c.AuthURL, bad)
	if c.ApplicationCredentialID == "" {
		bad(key+".application_credential_id", "must not be empty")
	}
	if (c.ApplicationCredentialSecret == "") == (c.ApplicationCredentialSecretEnv == "") {
		bad(key, "exactly one of application_credential_secret, application_credential_secret_env and application_credential_secret_file is required")
	}
	checkOneOf(key+".interface", c.Interface, bad, "public", "internal", "admin")
}

// Copies say how the embedded backend copies its backups to other backends.
type Copies struct {
	// Workers is how many copies run at once.
	Workers int `mapstructure:"workers"`
	// Attempts is how often a copy is tried in a row while its backend cannot be reached.
	Attempts int `mapstructure:"attempts"`
}

func (c *Copies) validate(key string, bad problem) {
	if c.Workers < 1 || c.Workers > 64 {
		bad(key+".workers", "%d is not between 1 and 64", c.Workers)
	}
	if c.Attempts < 1 || c.Attempts > 1000 {
		bad(key+".attempts", "%d is not between 1 and 1000", c.Attempts)
	}
}
