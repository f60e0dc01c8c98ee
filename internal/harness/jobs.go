package harness

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"cindergate/driver/embedded"
)

// jobs decides how attempts at jobs end: as transitions and faults say. It implements
// [embedded.JobHook].
type jobs struct {
	env *Environment

	mu    sync.Mutex
	holds map[string]*hold // by id of the job
	later map[attempt]*Rule
	stuck map[string]int // id of the rule, by id of the job that it holds; the job stays held after a restart
}

// attempt is one attempt at a job.
type attempt struct {
	job string
	n   int
}

// hold is a job that waits to be released.
type hold struct {
	resources []string
	status    string // that a transition holds; "": a fault does
	rule      int    // that holds it; 0: a transition does
	polls     int    // that are left; 0: they do not release it
	released  chan struct{}
}

func (js *jobs) init(e *Environment) {
	js.env = e
	js.clear()
	e.faults.removed = js.ruleRemoved
}

// clear forgets all jobs. None runs.
func (js *jobs) clear() {
	js.mu.Lock()
	defer js.mu.Unlock()
	js.holds, js.later, js.stuck = map[string]*hold{}, map[attempt]*Rule{}, map[string]int{}
}

// resourcesOf returns the ids of what a job is about.
func resourcesOf(j embedded.JobTrace) []string {
	var ids []string
	for _, id := range []string{j.BackupID, j.VolumeID, j.SnapshotID} {
		if id != "" {
			ids = append(ids, strings.ToLower(id))
		}
	}
	return ids
}

// Before implements [embedded.JobHook].
func (js *jobs) Before(ctx context.Context, j embedded.JobTrace) error {
	status, transition := js.env.Transitions.of(j.Kind)
	if j.Attempt == 1 {
		if err := js.transition(ctx, j, status, transition); err != nil {
			return err
		}
	}
	js.mu.Lock()
	rule, held := js.stuck[j.ID]
	js.mu.Unlock()
	if held { // it was given back to the queue
		return js.hold(ctx, j.ID, &hold{resources: resourcesOf(j), rule: rule}, 0)
	}
	a := asked{job: j.Kind, project: j.ProjectID, resources: resourcesOf(j)}
	struck := js.env.faults.strike(func(r *Rule) bool { return r.Job != nil && (r.Job.Kind == "" || r.Job.Kind == j.Kind) }, a)
	switch {
	case struck == nil:
		return nil
	case struck.Job.AfterBytes == nil && struck.Job.AfterShare == nil:
		return js.end(ctx, j, struck)
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	js.later[attempt{j.ID, j.Attempt}] = struck
	return nil
}

// Progress implements [embedded.JobHook].
func (js *jobs) Progress(ctx context.Context, j embedded.JobTrace, done, total int64) error {
	key := attempt{j.ID, j.Attempt}
	js.mu.Lock()
	rule := js.later[key]
	switch {
	case rule == nil,
		rule.Job.AfterBytes != nil && done < int64(*rule.Job.AfterBytes),
		rule.Job.AfterShare != nil && float64(done) < float64(*rule.Job.AfterShare)*float64(total):
		js.mu.Unlock()
		return nil
	}
	delete(js.later, key)
	js.mu.Unlock()
	return js.end(ctx, j, rule)
}

// end ends an attempt as a rule says.
func (js *jobs) end(ctx context.Context, j embedded.JobTrace, rule *Rule) error {
	switch {
	case rule.Job.Kill:
		return embedded.ErrKilled
	case rule.Job.Stick:
		js.mu.Lock()
		js.stuck[j.ID] = rule.ID
		js.mu.Unlock()
		return js.hold(ctx, j.ID, &hold{resources: resourcesOf(j), rule: rule.ID}, 0)
	}
	return embedded.JobError(rule.Job.Fail)
}

// transition holds a job until its resource may leave its status.
func (js *jobs) transition(ctx context.Context, j embedded.JobTrace, status string, t Transition) error {
	h := &hold{resources: resourcesOf(j), status: status, polls: t.Times}
	switch t.Progression {
	case Timed:
		return js.hold(ctx, j.ID, h, time.Duration(t.Duration))
	case Manual:
		return js.hold(ctx, j.ID, h, 0)
	}
	return nil
}

// hold waits until the job is released, d of the clock has passed, or ctx ends; d 0: never. The
// goroutine does not count as work meanwhile.
func (js *jobs) hold(ctx context.Context, id string, h *hold, d time.Duration) error {
	h.released = make(chan struct{})
	js.mu.Lock()
	js.holds[id] = h
	js.mu.Unlock()
	work := &js.env.Clock.Work
	if d > 0 {
		timer := js.env.Clock.AfterFunc(d, func() { js.let(func(other string, _ *hold) bool { return other == id }) })
		defer timer.Stop()
	}
	work.End()
	select {
	case <-h.released:
		return nil
	case <-ctx.Done():
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	if js.holds[id] == h {
		delete(js.holds, id)
		work.Begin()
	}
	return context.Cause(ctx)
}

// let releases the jobs that which names, and returns how many they are. They count as work from
// then on.
func (js *jobs) let(which func(id string, h *hold) bool) int {
	js.mu.Lock()
	defer js.mu.Unlock()
	n := 0
	for id, h := range js.holds {
		if which(id, h) {
			js.env.Clock.Work.Begin()
			delete(js.holds, id)
			delete(js.stuck, id)
			close(h.released)
			n++
		}
	}
	return n
}

// release releases the jobs on a resource; "": all. Jobs that a restart has given back to the
// queue are not held again.
func (js *jobs) release(resource string) int {
	if resource == "" {
		js.mu.Lock()
		js.stuck = map[string]int{}
		js.mu.Unlock()
	}
	return js.let(func(_ string, h *hold) bool {
		return resource == "" || slices.Contains(h.resources, strings.ToLower(resource))
	})
}

// ruleRemoved releases the jobs that removed rules hold.
func (js *jobs) ruleRemoved(ids []int) {
	js.mu.Lock()
	for job, rule := range js.stuck {
		if slices.Contains(ids, rule) {
			delete(js.stuck, job)
		}
	}
	for key, rule := range js.later {
		if slices.Contains(ids, rule.ID) {
			delete(js.later, key)
		}
	}
	js.mu.Unlock()
	js.let(func(_ string, h *hold) bool { return h.rule != 0 && slices.Contains(ids, h.rule) })
}

// polled counts a request that shows a resource, or a list of such resources, and reports whether
// that has released a job.
func (js *jobs) polled(route, id string) bool {
	collection, rest, _ := strings.Cut(strings.Trim(route, "/"), "/")
	if rest != "" && rest != "detail" && rest != "{id}" {
		return false
	}
	return js.let(func(_ string, h *hold) bool {
		about, _, _ := strings.Cut(h.status, ".")
		switch {
		case h.polls == 0 || about+"s" != collection, id != "" && !slices.Contains(h.resources, id):
			return false
		}
		h.polls--
		return h.polls == 0
	}) > 0
}

// held returns the ids of what is held, for users.
func (js *jobs) held() []Held {
	js.mu.Lock()
	defer js.mu.Unlock()
	all := []Held{}
	for _, h := range js.holds {
		all = append(all, Held{h.resources, h.status, h.rule, h.polls})
	}
	slices.SortFunc(all, func(a, b Held) int { return slices.Compare(a.Resources, b.Resources) })
	return all
}

// Held is a job that waits to be released.
type Held struct {
	Resources []string `json:"resources"`
	Status    string   `json:"status,omitempty"` // that a transition holds
	Rule      int      `json:"rule,omitempty"`   // of the fault that holds it
	Polls     int      `json:"polls,omitempty"`  // after which it goes on
}

var _ embedded.JobHook = (*jobs)(nil)
