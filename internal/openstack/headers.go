package openstack

import (
	"net/http"
	"slices"
)

// requestHeaders are the headers of a client's request that a backend gets. All others are
// dropped. A list of forbidden headers could never be complete: WSGI servers read X_Roles
// as X-Roles, and the backend's middleware trusts such headers. Accept-Encoding is not in
// the list, because links in a compressed answer could not be replaced.
var requestHeaders = []string{
	"Accept", "Accept-Language", "Content-Digest", "Content-Encoding", "Content-Language", "Content-Length", "Content-Md5", "Content-Range", "Content-Type",
	"Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Openstack-Api-Version", "Range",
	"Traceparent", "Tracestate", "User-Agent", "X-Auth-Token", "X-Language", "X-Service-Token",
	"X-Trace-Hmac", "X-Trace-Info", // osprofiler's
}

// hiddenHeaders are the headers of an answer that a client does not get.
var hiddenHeaders = []string{"Set-Cookie", "Set-Cookie2", "X-Subject-Token"}

// keepHeaders deletes all headers except the named ones.
func keepHeaders(h http.Header, names []string) {
	for name := range h {
		if !slices.Contains(names, name) {
			delete(h, name)
		}
	}
}
