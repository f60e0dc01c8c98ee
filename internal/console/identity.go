package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
)

// keystone is the identity service that users log in to.
type keystone struct {
	url       string
	transport http.RoundTripper
}

func newKeystone(at string, transport http.RoundTripper) (*keystone, error) {
	if _, err := url.Parse(at); err != nil {
		return nil, err
	}
	return &keystone{at, transport}, nil
}

// tokenInfo is what the console reads of a token (keystone's GET /v3/auth/tokens).
type tokenInfo struct {
	Token struct {
		ExpiresAt time.Time `json:"expires_at"`
		User      struct {
			Name   string                `json:"name"`
			Domain struct{ Name string } `json:"domain"`
		} `json:"user"`
		Project struct{ ID, Name string } `json:"project"`
	} `json:"token"`
}

// client returns a client of the identity service with a token, or without one.
func (k *keystone) client(token string) (*gophercloud.ServiceClient, error) {
	provider, err := openstack.NewClient(k.url)
	if err != nil {
		return nil, err
	}
	provider.HTTPClient.Transport = k.transport
	provider.HTTPClient.Timeout = 30 * time.Second
	provider.UserAgent.Prepend("cindergate-console")
	provider.SetToken(token)
	return openstack.NewIdentityV3(provider, gophercloud.EndpointOpts{})
}

// login makes a token.
func (k *keystone) login(ctx context.Context, o gophercloud.AuthOptions) (token string, info tokenInfo, err error) {
	client, err := k.client("")
	if err != nil {
		return "", info, err
	}
	scope, err := o.ToTokenV3ScopeMap()
	if err != nil {
		return "", info, err
	}
	body, err := o.ToTokenV3CreateMap(scope)
	if err != nil {
		return "", info, err
	}
	answer, err := client.Post(ctx, client.ServiceURL("auth", "tokens")+"?nocatalog=1", body, &info, &gophercloud.RequestOpts{
		OkCodes: []int{http.StatusCreated, http.StatusOK}, OmitHeaders: []string{"X-Auth-Token"},
	})
	if err != nil {
		return "", info, refusalOf(err)
	}
	return answer.Header.Get("X-Subject-Token"), info, nil
}

// show returns what a token is.
func (k *keystone) show(ctx context.Context, token string) (info tokenInfo, err error) {
	client, err := k.client(token)
	if err != nil {
		return info, err
	}
	_, err = client.Get(ctx, client.ServiceURL("auth", "tokens")+"?nocatalog=1", &info, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"}, OkCodes: []int{http.StatusOK},
	})
	return info, refusalOf(err)
}

// revoke ends a token.
func (k *keystone) revoke(ctx context.Context, token string) error {
	client, err := k.client(token)
	if err != nil {
		return err
	}
	_, err = client.Delete(ctx, client.ServiceURL("auth", "tokens"), &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Subject-Token": token}, OkCodes: []int{http.StatusNoContent},
	})
	return refusalOf(err)
}

// refusalOf makes a fault of an answer of the identity service. Its text is what users see; other
// errors may hold addresses, and are for the log.
func refusalOf(err error) error {
	var unexpected gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &unexpected) {
		if unexpected.Actual == http.StatusUnauthorized || unexpected.Actual == http.StatusNotFound {
			return &fault{http.StatusUnauthorized, "The identity service refuses this login: a name, the password or the project is wrong, or the token has ended."}
		}
		return &fault{unexpected.Actual, "The identity service answers: " + faultText(unexpected.Actual, unexpected.Body)}
	}
	return err
}
