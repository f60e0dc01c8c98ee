package openstack

import (
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
)

// Service returns a client for one service of the backend that uses the caller's token.
// microversion may be "".
func (t *Transport) Service(caller driver.Caller, kind, endpoint, microversion string) *gophercloud.ServiceClient {
	provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: t.To(kind, caller.ProjectID), CheckRedirect: noRedirect}}
	provider.UserAgent.Prepend("cindergate")
	provider.SetToken(string(caller.Token))
	service := &gophercloud.ServiceClient{
		ProviderClient: provider, Endpoint: strings.TrimSuffix(endpoint, "/") + "/", Type: kind, Microversion: microversion,
	}
	service.MoreHeaders = map[string]string{}
	if caller.RequestID != "" { // for the cloud's logs (oslo.middleware's request_id)
		service.MoreHeaders["X-Openstack-Request-Id"] = caller.RequestID
	}
	if caller.ServiceToken != "" { // with it the backend may accept an expired token
		service.MoreHeaders["X-Service-Token"] = string(caller.ServiceToken)
	}
	return service
}
