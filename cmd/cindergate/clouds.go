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

// cloudsFile, in the data directory, tells OpenStack clients how to log in.
const cloudsFile = "clouds.yaml"

// demoUsers are the users of a fresh installation, one cloud each.
var demoUsers = []struct{ name, project, role string }{
	{"demo", "demo", "member"},
	{"demo-reader", "demo", "reader"},
	{"alt", "alt", "member"},
	{"admin", "admin", "admin"},
}

// demoClouds are the default users with their random passwords. clouds.yaml is
// where the passwords live: one that is missing there is made anew.
type demoClouds struct{ passwords map[string]string }

// cloudsDocument is what openstacksdk reads.
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

// write replaces the file in one step, readable by its owner only.
func (d *demoClouds) write(path, url, region string) error {
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
	f, err := os.CreateTemp(filepath.Dir(path), "."+cloudsFile+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone after the rename
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
