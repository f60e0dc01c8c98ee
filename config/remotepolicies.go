package config

import (
	"time"

	"github.com/spf13/viper"
)

// RemotePolicies say how backup policies are followed at remote backends.
type RemotePolicies struct {
	// Poll is the time between two looks at a cloud's volumes.
	Poll time.Duration `mapstructure:"poll"`
}

func (r *RemotePolicies) validate(key string, bad problem) {
	if r.Poll < time.Minute || r.Poll > 5*time.Minute {
		bad(key+".poll", "%s is not between 1m and 5m", r.Poll)
	}
}

// PolicyLogin is the login by which the policies of volumes at a remote backend are followed: an application
// credential, or a user where the identity service has no application credentials. It is for one project. The
// endpoint and the trusted certificates are those of the backend.
type PolicyLogin struct {
	// AuthURL is the identity service of the backend's cloud, with /v3; "" is identity_url of the backend, or
	// keystone.url.
	AuthURL string `mapstructure:"auth_url"`
	// ApplicationCredentialID is the id of an application credential there.
	ApplicationCredentialID string `mapstructure:"application_credential_id"`
	// Its secret, or the name of a variable of the environment that has it.
	ApplicationCredentialSecret    Secret `mapstructure:"application_credential_secret"`
	ApplicationCredentialSecretEnv string `mapstructure:"application_credential_secret_env"`
	// Username is the name of a user, with the password or the name of a variable that has it, the name
	// of the user's domain, and the names of the project and its domain; "": the user's.
	Username          string `mapstructure:"username"`
	Password          Secret `mapstructure:"password"`
	PasswordEnv       string `mapstructure:"password_env"`
	UserDomainName    string `mapstructure:"user_domain_name"`
	ProjectName       string `mapstructure:"project_name"`
	ProjectDomainName string `mapstructure:"project_domain_name"`
}

// FollowsRemotePolicies reports whether a remote backend's policies are followed.
func (c *Config) FollowsRemotePolicies() bool {
	for _, b := range c.Backends {
		if b.Policies != nil {
			return true
		}
	}
	return false
}

// fillPolicyLogin adds the defaults of what the login for policies leaves out.
func fillPolicyLogin(v *viper.Viper, backend map[string]any) {
	settings, ok := backend["policies"].(map[string]any)
	if !ok {
		return
	}
	for _, name := range []string{DriverVBS, DriverCBR} {
		if cloud, ok := backend[name].(map[string]any); ok && cloud["identity_url"] != nil && cloud["identity_url"] != "" {
			setAbsent(settings, "auth_url", cloud["identity_url"])
		}
	}
	setAbsent(settings, "auth_url", v.GetString("keystone.url"))
	if domain, ok := settings["user_domain_name"]; ok {
		setAbsent(settings, "project_domain_name", domain)
	}
}

func (l *PolicyLogin) validate(name string, b *Backend, bad problem) {
	key := "backends." + name + ".policies"
	if b.Driver == DriverEmbedded {
		bad(key, "the driver %s follows the policies of its volumes by itself, without a login", DriverEmbedded)
	}
	if b.Driver == DriverVBS && b.VBS.EVSURL == None || b.Driver == DriverCBR && b.CBR.EVSURL == None {
		bad(key, "policies stand in the metadata of volumes, and evs_url is %s", None)
	}
	checkURL(key+".auth_url", l.AuthURL, bad)
	switch {
	case (l.ApplicationCredentialID == "") == (l.Username == ""):
		bad(key, "exactly one of application_credential_id and username is required")
	case l.ApplicationCredentialID != "":
		if (l.ApplicationCredentialSecret == "") == (l.ApplicationCredentialSecretEnv == "") {
			bad(key, "exactly one of application_credential_secret, application_credential_secret_env and application_credential_secret_file is required")
		}
		for setting, value := range map[string]string{
			"password": l.Password.Reveal(), "password_env": l.PasswordEnv, "user_domain_name": l.UserDomainName, "project_name": l.ProjectName, "project_domain_name": l.ProjectDomainName,
		} {
			if value != "" {
				bad(key+"."+setting, "has no effect with application_credential_id")
			}
		}
	default:
		if (l.Password == "") == (l.PasswordEnv == "") {
			bad(key, "exactly one of password, password_env and password_file is required")
		}
		for setting, value := range map[string]string{"user_domain_name": l.UserDomainName, "project_name": l.ProjectName} {
			if value == "" {
				bad(key+"."+setting, "must not be empty with username")
			}
		}
	}
}
