package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/gateway"
	"cindergate/identity"
	"cindergate/identity/accounts"
	"cindergate/internal/openstack"
)

// callers makes the authenticator that the configuration selects, and the handlers that it
// needs, by path prefix. clouds is nil unless the default users are in use.
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
	o.Base, o.Client = base, client
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

// accountsFile is the database of projects and users that were created through the identity
// API.
const accountsFile = "identity.db"

// openAccounts opens the database of the embedded identity service. It returns nil if that
// service is off, or if there is neither a database nor a data directory.
func openAccounts(ctx context.Context, c *config.Config) (*accounts.DB, error) {
	if c.Auth != "embedded" || c.Data == "" && c.Database.Reveal() == "" {
		return nil, nil
	}
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return nil, err
		}
	}
	kept, err := accounts.Open(ctx, cmp.Or(c.Database.Reveal(), filepath.Join(c.Data, accountsFile)))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return kept, nil
}

func openKeystone(c *config.Keystone) (*gateway.Keystone, error) {
	transport, err := openstack.NewTransport(openstack.Options{
		Name: "keystone", CAFile: c.CAFile, AnswerTimeout: c.Timeout, MaxAnswer: c.MaxAnswer, Wrap: watched,
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
