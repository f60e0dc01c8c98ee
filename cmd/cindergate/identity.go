package main

import (
	"errors"
	"fmt"
	"strings"

	"cindergate/config"
	"cindergate/identity"
)

// identityOptions converts the configured users and application credentials to
// identity.Options. It reports all errors at once, and also returns the valid part.
func identityOptions(c *config.Identity) (identity.Options, error) {
	users, err1 := configuredUsers(c.Users)
	credentials, err2 := configuredCredentials(c.ApplicationCredentials)
	l := c.Logins
	return identity.Options{
		Users: users, ApplicationCredentials: credentials, Region: c.Region, TokenLifetime: c.TokenLifetime,
		TokensPerUser: c.TokensPerUser,
		Logins: identity.Limits{
			Queue: l.Queue, PerAddress: l.PerAddress, PerUser: l.PerUser,
			FailuresPerAddress: l.FailuresPerAddress, FailuresPerUser: l.FailuresPerUser,
		},
	}, errors.Join(err1, err2)
}

// checkIdentity reports every error in the users and application credentials.
func checkIdentity(c *config.Config) error {
	if c.Auth != "embedded" {
		return nil
	}
	o, err := identityOptions(&c.Identity)
	if len(o.Users) == 0 {
		o.Users = (&demoClouds{}).users()
	}
	_, mistakes := identity.New(o)
	return errors.Join(err, underKey("identity", mistakes))
}

// underKey prefixes each of the joined errors with the name of their section.
func underKey(section string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(section + "." + strings.ReplaceAll(err.Error(), "\n", "\n"+section+"."))
}

func configuredUsers(users []config.User) ([]identity.User, error) {
	var out []identity.User
	var problems []error
	for i, u := range users {
		secret, err := identity.ParseHash(u.PasswordHash.Reveal())
		if err != nil {
			problems = append(problems, fmt.Errorf("identity.users[%d].password_hash: %w", i, err))
		}
		projects := map[string]string{}
		for j, a := range u.Projects {
			_, twice := projects[a.Project]
			switch {
			case a.Project == "":
				problems = append(problems, fmt.Errorf("identity.users[%d].projects[%d].project: must not be empty", i, j))
			case twice:
				problems = append(problems, fmt.Errorf("identity.users[%d].projects[%d].project: %q is there twice", i, j, a.Project))
			}
			projects[a.Project] = a.Role
		}
		out = append(out, identity.User{Name: u.Name, Secret: secret, Projects: projects})
	}
	return out, errors.Join(problems...)
}

func configuredCredentials(credentials []config.ApplicationCredential) ([]identity.ApplicationCredential, error) {
	var out []identity.ApplicationCredential
	var problems []error
	for i, a := range credentials {
		secret, err := identity.ParseHash(a.SecretHash.Reveal())
		if err != nil {
			problems = append(problems, fmt.Errorf("identity.application_credentials[%d].secret_hash: %w", i, err))
		}
		if a.ID == "" && a.Name == "" {
			problems = append(problems, fmt.Errorf("identity.application_credentials[%d]: id or name must not be empty", i))
		}
		out = append(out, identity.ApplicationCredential{
			ID: a.ID, Name: a.Name, Secret: secret, User: a.User, Project: a.Project, Role: a.Role,
		})
	}
	return out, errors.Join(problems...)
}
