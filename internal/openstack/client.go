package openstack

import (
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"cindergate/driver"
)

// Service is a client of one service of the backend, in the name of one caller.
// microversion may be "".
func (t *Transport) Service(who driver.Caller, kind, endpoint, microversion string) *gophercloud.ServiceClient {
	provider := &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: t.To(kind, who.ProjectID), CheckRedirect: noRedirect}}
	provider.UserAgent.Prepend("cindergate")
	provider.SetToken(string(who.Token))
	service := &gophercloud.ServiceClient{
		ProviderClient: provider, Endpoint: strings.TrimSuffix(endpoint, "/") + "/", Type: kind, Microversion: microversion,
	}
	service.MoreHeaders = map[string]string{}
	if who.RequestID != "" { // the global request id of the cloud's logs (oslo.middleware's request_id)
		service.MoreHeaders["X-Openstack-Request-Id"] = who.RequestID
	}
	if who.ServiceToken != "" { // the backend may take an expired token with it
		service.MoreHeaders["X-Service-Token"] = string(who.ServiceToken)
	}
	return service
}
