package harness

import (
	"context"
	"net/http"
	"strings"
	"time"

	"cindergate/gateway"
	"cindergate/translate"
)

// isBlockStorage reports whether a path is one of the Block Storage API, whose requests pass
// [Environment.hook].
func isBlockStorage(path string) bool {
	path = strings.TrimLeft(path, "/")
	return strings.HasPrefix(path, "v3/") || strings.HasPrefix(path, "v2/")
}

// routeOf turns a route of the gateway into the form of docs/api.md.
func routeOf(route string) string {
	parts := strings.Split(strings.Trim(route, "/"), "/")
	if len(parts) > 0 && (parts[0] == "v3" || parts[0] == "v2") {
		parts = parts[1:]
	}
	if len(parts) > 0 && parts[0] == ":project_id" {
		parts = parts[1:]
	}
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return "/" + strings.Join(parts, "/")
}

// knownRoute reports whether rules can name a route: one of the Block Storage API, or a path of
// another service.
func (e *Environment) knownRoute(route string) bool {
	for _, r := range translate.Routes() {
		if routeOf(r.Path) == route {
			return true
		}
	}
	for _, prefix := range []string{"/identity", "/image", "/compute", "/network"} {
		if route == prefix || strings.HasPrefix(route, prefix+"/") {
			return true
		}
	}
	return false
}

// settleTime is how long a poll waits for the work behind a manual transition.
const settleTime = 5 * time.Second

// settle waits until the work that can go on is done.
func (e *Environment) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	_ = e.Clock.Work.Quiet(ctx) // otherwise a later poll sees what is done
}

// hook lets faults strike requests of the Block Storage API, and counts polls.
func (e *Environment) hook(w http.ResponseWriter, r *http.Request, m gateway.Matched, next http.HandlerFunc) {
	route := routeOf(m.Route)
	entry := entryOf(r.Context())
	entry.matched(route, m)
	direct := w
	if wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		direct = wrapped.Unwrap()
	}
	a := asked{method: r.Method, route: route, path: r.URL.Path, project: m.ProjectID, resources: []string{strings.ToLower(m.ID)}}
	polls := r.Method == http.MethodGet && e.Transitions.countPolls()
	if polls {
		e.settle(r.Context()) // until the jobs are held whose polls are counted
	}
	e.faults.answer(w, direct, r, a, entry, next)
	if polls && e.jobs.polled(route, strings.ToLower(m.ID)) {
		e.settle(r.Context()) // the next poll sees the new status
	}
}
