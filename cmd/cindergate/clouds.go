package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"cindergate/identity"
)

// Files in the data directory that tell OpenStack clients how to log in: clouds.yaml with
// all clouds, and environment files of demo and admin for clients that do not read
// clouds.yaml, such as cinder.
const (
	cloudsFile  = "clouds.yaml"
	openrcFile  = "openrc"
	adminrcFile = "adminrc"
)

// demoUsers are the users of a fresh installation, one cloud each.
var demoUsers = []struct{ name, project, role string }{
	{"demo", "demo", "member"},
	{"demo-reader", "demo", "reader"},
	{"alt", "alt", "member"},
	{"admin", "admin", "admin"},
}

// demoClouds are the default users with their random passwords. clouds.yaml stores the
// passwords; a password that is missing there is generated again.
type demoClouds struct{ passwords map[string]string }

// cloudsDocument is the form of clouds.yaml that openstacksdk reads.
type cloudsDocument struct {
	Clouds map[string]cloud `yaml:"clouds"`
}

type cloud struct {
	Auth             cloudAuth `yaml:"auth"`
	RegionName       string    `yaml:"region_name"`
	IdentityVersion  string    `yaml:"identity_api_version"`
	VolumeAPIVersion string    `yaml:"volume_api_version"`
}

type cloudAuth struct {
	AuthURL         string `yaml:"auth_url"`
	Username        string `yaml:"username"`
	Password        string `yaml:"password"`
	ProjectName     string `yaml:"project_name"`
	UserDomainID    string `yaml:"user_domain_id"`
	ProjectDomainID string `yaml:"project_domain_id"`
}

func loadClouds(path string) (*demoClouds, error) {
	var have cloudsDocument
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := yaml.Unmarshal(text, &have); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	d := &demoClouds{map[string]string{}}
	for _, u := range demoUsers {
		d.passwords[u.name] = have.Clouds[u.name].Auth.Password
		if d.passwords[u.name] == "" {
			d.passwords[u.name] = identity.NewPassword()
		}
	}
	return d, nil
}

func (d *demoClouds) users() []identity.User {
	users := make([]identity.User, len(demoUsers))
	for i, u := range demoUsers {
		users[i] = identity.User{
			Name: u.name, Secret: identity.Generated(d.passwords[u.name]), Projects: map[string]string{u.project: u.role},
		}
	}
	return users
}

// write writes clouds.yaml, openrc and adminrc. Only their owner can read them.
func (d *demoClouds) write(dir, url, region string) error {
	doc := cloudsDocument{map[string]cloud{}}
	for _, u := range demoUsers {
		doc.Clouds[u.name] = cloud{
			Auth: cloudAuth{
				AuthURL: url + "/identity/v3", Username: u.name, Password: d.passwords[u.name], ProjectName: u.project,
				UserDomainID: identity.DefaultDomain, ProjectDomainID: identity.DefaultDomain,
			},
			RegionName: region, IdentityVersion: "3", VolumeAPIVersion: "3",
		}
	}
	text, err := yaml.Marshal(doc)
	if err != nil {
		return err
	}
	return errors.Join(
		replace(filepath.Join(dir, openrcFile), doc.Clouds["demo"].environment()),
		replace(filepath.Join(dir, adminrcFile), doc.Clouds["admin"].environment()),
		replace(filepath.Join(dir, cloudsFile), text), // last: programs that wait for it need the others
	)
}

// environment returns a shell script that sets the environment variables of a cloud.
func (c cloud) environment() []byte {
	return fmt.Appendf(nil, "unset OS_CLOUD OS_CLIENT_CONFIG_FILE\nexport OS_AUTH_URL=%s OS_USERNAME=%s OS_PASSWORD=%s OS_PROJECT_NAME=%s \\\n"+
		"    OS_USER_DOMAIN_ID=%s OS_PROJECT_DOMAIN_ID=%s OS_REGION_NAME=%s OS_IDENTITY_API_VERSION=3\n",
		c.Auth.AuthURL, c.Auth.Username, c.Auth.Password, c.Auth.ProjectName,
		c.Auth.UserDomainID, c.Auth.ProjectDomainID, c.RegionName)
}

// replace atomically writes a file with mode 0600.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails harmlessly after the rename
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
