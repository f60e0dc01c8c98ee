package openstack

import (
	"net/http"
	"slices"
)

// requestHeaders are the headers of a client's request that go on to a backend. All
// others stay here. Servers behind WSGI take X_Roles for X-Roles, and middleware believes
// what the gateway would have said of the caller, so that a list of what must not pass
// would never be complete. Accept-Encoding is not there: links in answers are replaced.
var requestHeaders = []string{
	"Accept", "Accept-Language", "Content-Encoding", "Content-Language", "Content-Length", "Content-Md5", "Content-Type",
	"Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since", "Openstack-Api-Version",
	"Traceparent", "Tracestate", "User-Agent", "X-Auth-Token", "X-Language", "X-Service-Token",
	"X-Trace-Hmac", "X-Trace-Info", // osprofiler's
}

// hiddenHeaders are the headers of an answer that stay here.
var hiddenHeaders = []string{"Set-Cookie", "Set-Cookie2", "X-Subject-Token"}

// keepHeaders deletes all headers but those named.
func keepHeaders(h http.Header, names []string) {
	for name := range h {
		if !slices.Contains(names, name) {
			delete(h, name)
		}
	}
}
