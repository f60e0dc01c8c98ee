package replay

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"cindergate/internal/verify"
)

// moving returns what the replay made and whose status may still pass.
func (r *runner) moving() []*made {
	var all []*made
	for _, m := range r.made {
		if m.moving {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *made) int { return strings.Compare(a.id, b.id) })
	return all
}

// settle waits until things have a status that does not pass by itself, or are gone if a delete of them was
// accepted. It reports whether there was something to wait for.
func (r *runner) settle(ctx context.Context, all []*made) bool {
	ctx, cancel := context.WithTimeout(ctx, r.o.Settle)
	defer cancel()
	waited := false
	for _, m := range all {
		for looks := 0; m.moving && ctx.Err() == nil; looks++ {
			waited = true
			if m.moving = r.moves(ctx, m); m.moving && r.e.Poll(ctx, looks) != nil {
				break
			}
		}
		m.moving = false // or each later difference would wait as long again
	}
	return waited
}

// moves asks whether the status of something passes by itself.
func (r *runner) moves(ctx context.Context, m *made) bool {
	login := r.e.Login(m.who)
	if login == nil {
		return false
	}
	sent, content, err := r.e.Send(ctx, m.who, http.MethodGet, "/v3/"+login.ProjectID+"/"+m.collection+"/"+m.id, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil || sent.Status != http.StatusOK {
		return false
	}
	var body map[string]struct{ Status string }
	if json.Unmarshal(content, &body) != nil {
		return false
	}
	status := body[strings.TrimSuffix(m.collection, "s")].Status
	return verify.Passes(status) || m.deleted && !strings.HasPrefix(status, "error")
}
