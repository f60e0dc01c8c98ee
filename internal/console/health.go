package console

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// health is that of a backend or of a backup store.
type health struct {
	Name    string `json:"name"`
	Store   bool   `json:"store"`
	Problem string `json:"problem"`        // "": it is well
	Old     bool   `json:"old"`            // that is of AskedAt: not all have answered since
	AskedAt stamp  `json:"asked_at"`       // when it was found out
	Last    string `json:"last,omitempty"` // the last problem that was seen
	LastAt  stamp  `json:"last_at"`
}

// healths are those of backends, and of stores if they may be seen.
type healths []health

// HasStores reports whether there are stores among them.
func (all healths) HasStores() bool {
	return slices.ContainsFunc(all, func(h health) bool { return h.Store })
}

// place is a backend or a store by its name.
type place struct {
	name  string
	store bool
}

// healthTime is how long a page waits for the health of what has been asked before. A store that hangs must
// not hang the page that says so.
const healthTime = 500 * time.Millisecond

// check asks for the health of all, and waits for the answers.
func (w *watch) check(ctx context.Context) {
	w.ask(ctx, w.o.Health, false)
	w.ask(ctx, w.o.Stores, true)
}

// healths returns the health of the backends and of the backup stores. Who does not operate the gateway
// sees no stores and no reasons.
func (w *watch) healths(ctx context.Context, operator bool) healths {
	all := w.look(ctx, w.o.Health, false)
	if operator {
		return append(all, w.look(ctx, w.o.Stores, true)...)
	}
	for i := range all {
		all[i].Last, all[i].LastAt = "", stamp{}
		if all[i].Problem != "" {
			all[i].Problem = "unavailable"
		}
	}
	return all
}

// healthAsker returns for each backend, or store, why it is not well; "": it is.
type healthAsker func(context.Context) (map[string]string, error)

// look returns the health of the backends, or of the stores: what they answer now, or soon, or else what
// is known.
func (w *watch) look(ctx context.Context, ask healthAsker, stores bool) []health {
	known := w.known(stores)
	limited := ctx
	if len(known) > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, healthTime)
		defer cancel()
	}
	if w.ask(limited, ask, stores) {
		return w.known(stores)
	}
	for i := range known {
		known[i].Old = true
	}
	return known
}

// ask asks for the health of the backends, or of the stores, and remembers it. It reports false if there is
// no answer.
func (w *watch) ask(ctx context.Context, ask healthAsker, stores bool) bool {
	if ask == nil {
		return false
	}
	found, err := ask(ctx)
	if err != nil {
		return false
	}
	now := stamp{w.o.Clock.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, problem := range found {
		key := place{name, stores}
		h := w.last[key]
		h.Name, h.Store, h.Problem, h.AskedAt = name, stores, problem, now
		if problem != "" {
			h.Last, h.LastAt = problem, now
		}
		w.last[key] = h
	}
	return true
}

// known returns what is remembered of the backends, or of the stores, by name.
func (w *watch) known(stores bool) []health {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.SortedFunc(maps.Values(w.last), func(a, b health) int { return cmp.Compare(a.Name, b.Name) })
	return slices.DeleteFunc(all, func(h health) bool { return h.Store != stores })
}
