package openstack

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// target is the destination of a request: a service of the backend, and how to read its
// answer.
type target struct {
	service  string
	project  string // the caller's; paths may contain it
	streamed bool   // the answer is streamed to the client
}

type targetKey struct{}

func targetOf(r *http.Request) target {
	t, _ := r.Context().Value(targetKey{}).(target)
	return t
}

func (t target) of(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), targetKey{}, t))
}

// To returns the transport for one service of the backend, by its name. Each service has
// its own circuit breaker. project is the caller's, or "".
func (t *Transport) To(service, project string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return t.RoundTrip(target{service: service, project: project}.of(r))
	})
}

// apiVersion matches the path segment of the API version.
var apiVersion = regexp.MustCompile(`^v\d+(\.\d+)?$`)

// resource names the resource of a request, such as volumes/ID, without the action and the
// query. For the identity service it is the token.
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
