package openstack

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// target is what a request is for: a service of the backend, and how its answer is read.
type target struct {
	service  string
	project  string // of the caller, which paths may name
	streamed bool   // the answer goes on to the client as it comes
}

type targetKey struct{}

func targetOf(r *http.Request) target {
	t, _ := r.Context().Value(targetKey{}).(target)
	return t
}

func (t target) of(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), targetKey{}, t))
}

// To is the transport for one service of the backend, by its name. Each has a circuit
// breaker of its own. project is the caller's, or "".
func (t *Transport) To(service, project string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return t.RoundTrip(target{service: service, project: project}.of(r))
	})
}

// apiVersion is the segment of a path that names the API's version.
var apiVersion = regexp.MustCompile(`^v\d+(\.\d+)?$`)

// resource is which resource of the service a request is about: volumes/ID whatever is
// done to it, and whatever its query is. To the identity service it is the token.
func (t target) resource(r *http.Request) string {
	segments := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
	for i, s := range segments {
		if apiVersion.MatchString(s) {
			segments = segments[i+1:]
			break
		}
	}
	if len(segments) > 0 && t.project != "" && segments[0] == t.project {
		segments = segments[1:]
	}
	return strings.Join(segments[:min(2, len(segments))], "/") + " " + r.Header.Get("X-Subject-Token")
}
