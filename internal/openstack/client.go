package openstack

import (
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
)

// Service is a client of one service of the backend, in the name of one caller.
// microversion may be "".
func (t *Transport) Service(caller driver.Caller, kind, endpoint, microversion string) *gophercloud.ServiceClient {
	provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: t.To(kind, caller.ProjectID), CheckRedirect: noRedirect}}
	provider.UserAgent.Prepend("cindergate")
	provider.SetToken(string(caller.Token))
	service := &gophercloud.ServiceClient{
		ProviderClient: provider, Endpoint: strings.TrimSuffix(endpoint, "/") + "/", Type: kind, Microversion: microversion,
	}
	service.MoreHeaders = map[string]string{}
	if caller.RequestID != "" { // the global request id of the cloud's logs (oslo.middleware's request_id)
		service.MoreHeaders["X-Openstack-Request-Id"] = caller.RequestID
	}
	if caller.ServiceToken != "" { // the backend may take an expired token with it
		service.MoreHeaders["X-Service-Token"] = string(caller.ServiceToken)
	}
	return service
}
