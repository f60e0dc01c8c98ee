package gateway_test

import (
	"net/http"
	"testing"

	"go.uber.org/zap"

	"cindergate/gateway"
)

// A hook sees requests whose caller is known, with the route and the id, and may answer them. The
// log has the status of its answer.
func TestHook(t *testing.T) {
	var seen []gateway.Matched
	g := newRig(t, func(o *gateway.Options) {
		o.NewID = func() string { return "id" }
		o.Hook = func(w http.ResponseWriter, r *http.Request, m gateway.Matched, next http.HandlerFunc) {
			seen = append(seen, m)
			if m.ID == "mine" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			next(w, r)
		}
	})
	for _, c := range []struct {
		path, role string
		want       int
	}{{own + "/backups/b1", "member", 200}, {own + "/backups/mine", "member", 418}, {own + "/backups/broken", "member", 500}, {own + "/backups/b1", "", 401}, {"/healthcheck", "", 200}} {
		if answer, text := g.call(http.MethodGet, c.path, c.role, ""); answer.StatusCode != c.want {
			t.Errorf("%s: %d %s, want %d", c.path, answer.StatusCode, text, c.want)
		}
	}
	if len(seen) != 3 || seen[0].Route != "/v3/:project_id/backups/:id" || seen[0].ID != "b1" || seen[0].ProjectID != project || seen[0].RequestID != "req-id" {
		t.Errorf("%+v", seen)
	}
	for g.log.FilterMessage("request").Len() < 5 {
		<-g.logged
	}
	if n := g.log.FilterMessage("request").FilterField(zap.Int("status", http.StatusTeapot)).Len(); n != 1 {
		t.Errorf("%d lines of the log have the hook's status", n)
	}
}
