package swift

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/swauth"

	"cindergate/internal/chunk/object"
)

// Login is who the store is at Swift.
type Login struct {
	// AuthURL is Keystone's endpoint, or that of Swift's own tempauth with Version 1.
	AuthURL string
	// Version is 3 (Keystone) or 1 (tempauth: X-Auth-User and X-Auth-Key); 0: 3.
	Version int
	// User and Key are a login. With Version 1, User is account:user.
	User, Key                          string
	UserDomain, Project, ProjectDomain string
	// An application credential may replace them.
	ApplicationCredentialID, ApplicationCredentialSecret string
	Region                                               string // of the catalogue; "": the first
	// Interface is public, internal or admin; "": public.
	Interface string
	// StorageURL replaces the URL of the account that the login returns.
	StorageURL string
	// By logs in, with that HTTP client, where the fields above do not suffice. It is called
	// again when the token has expired.
	By func(ctx context.Context, c http.Client) (*gophercloud.ServiceClient, error)
}

// session is a login that is made when it is first needed.
type session struct {
	login      Login
	account    *trusted // of a project; nil: that of the login
	http       http.Client
	renewAfter time.Duration

	mu      sync.Mutex
	current *gophercloud.ServiceClient
	since   time.Time
}

// service returns the account's client with a valid token, as far as is known.
func (s *session) service(ctx context.Context) (*gophercloud.ServiceClient, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return s.current, nil
	}
	service, err := s.authenticate(ctx)
	if err != nil {
		return nil, refusedLogin(err)
	}
	if s.login.StorageURL != "" {
		service.Endpoint = gophercloud.NormalizeURL(s.login.StorageURL)
	}
	s.current, s.since = service, time.Now()
	return service, nil
}

// renew logs in again, unless that has just been done.
func (s *session) renew(ctx context.Context) error {
	s.mu.Lock()
	if s.current != nil && time.Since(s.since) < s.renewAfter {
		s.mu.Unlock()
		return nil
	}
	s.current = nil
	s.mu.Unlock()
	_, err := s.service(ctx)
	return err
}

// forget makes the next request log in again.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = nil
}

// options are the login at Keystone, with a scope.
func (l Login) options(scope *gophercloud.AuthScope) gophercloud.AuthOptions {
	o := gophercloud.AuthOptions{IdentityEndpoint: l.AuthURL}
	if l.ApplicationCredentialID != "" {
		o.ApplicationCredentialID, o.ApplicationCredentialSecret = l.ApplicationCredentialID, l.ApplicationCredentialSecret
		return o
	}
	o.Username, o.Password, o.DomainID, o.Scope = l.User, l.Key, l.UserDomain, scope
	return o
}

func (s *session) authenticate(ctx context.Context) (*gophercloud.ServiceClient, error) {
	if s.login.By != nil {
		return s.login.By(ctx, s.http)
	}
	provider, err := openstack.NewClient(s.login.AuthURL)
	if err != nil {
		return nil, err
	}
	provider.HTTPClient = s.http
	if s.login.Version == 1 {
		provider.IdentityBase = gophercloud.NormalizeURL(strings.TrimSuffix(strings.TrimSuffix(s.login.AuthURL, "/"), "/auth/v1.0"))
		return swauth.NewObjectStorageV1(ctx, provider, swauth.AuthOpts{User: s.login.User, Key: s.login.Key})
	}
	if s.account != nil {
		if err := s.account.authenticate(ctx, provider, s.login); err != nil {
			return nil, err
		}
	} else {
		o := s.login.options(&gophercloud.AuthScope{ProjectName: s.login.Project, DomainID: s.login.ProjectDomain})
		if err := openstack.AuthenticateV3(ctx, provider, &o, gophercloud.EndpointOpts{}); err != nil {
			return nil, err
		}
	}
	availability := gophercloud.Availability(s.login.Interface)
	if availability == "" {
		availability = gophercloud.AvailabilityPublic
	}
	return openstack.NewObjectStorageV1(provider, gophercloud.EndpointOpts{Region: s.login.Region, Availability: availability})
}

// refusedLogin says that it was the login that failed. Wrong credentials are not repeated.
func refusedLogin(err error) error {
	code := status(err)
	var known *object.Error
	switch {
	case errors.As(err, &known):
		if known.Kind == object.Expired {
			return &object.Error{Kind: object.Denied, Text: "the login was refused", Err: err}
		}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return &object.Error{Kind: object.Denied, Text: "the login was refused", Err: err}
	case code != 0:
		return answered(code, err)
	case errors.As(err, new(*gophercloud.ErrEndpointNotFound)), errors.As(err, new(gophercloud.ErrEndpointNotFound)):
		return &object.Error{Kind: object.Refused, Text: "the catalogue has no object-store in that region", Err: err}
	}
	return err
}
