package harness

import (
	"context"
	"maps"
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
	again map[string]Held  // jobs that were held when the cloud was closed, and will be when it is open again
	later map[string]*Rule // that strike once a job has copied more, by its id
}

// Held is a job that waits to be released.
type Held struct {
	Resources []string  `json:"resources"`
	Status    string    `json:"status,omitempty"` // that a transition holds
	Rule      int       `json:"rule,omitempty"`   // of the fault that holds it
	Polls     int       `json:"polls,omitempty"`  // after which it goes on; 0: they do not count
	Until     time.Time `json:"until,omitzero"`   // of the clock
}

// hold is a job that is held now.
type hold struct {
	Held
	released chan struct{}
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
	js.holds, js.again, js.later = map[string]*hold{}, map[string]Held{}, map[string]*Rule{}
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
	js.mu.Lock()
	h, held := js.again[j.ID]
	delete(js.again, j.ID)
	waits := js.later[j.ID] != nil // the attempt before was given back to the queue
	js.mu.Unlock()
	switch {
	case held:
		if err := js.hold(ctx, j.ID, h); err != nil || h.Rule != 0 {
			return err
		}
	case j.Attempt == 1:
		if err := js.transition(ctx, j); err != nil {
			return err
		}
	}
	if waits {
		return nil
	}
	a := asked{project: j.ProjectID, resources: resourcesOf(j)}
	struck := js.env.faults.strike(func(r *Rule) bool { return r.Job != nil && (r.Job.Kind == "" || r.Job.Kind == j.Kind) }, a)
	switch {
	case struck == nil:
		return nil
	case struck.Job.AfterBytes == nil && struck.Job.AfterShare == nil:
		return js.end(ctx, j, struck)
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	js.later[j.ID] = struck
	return nil
}

// Progress implements [embedded.JobHook].
func (js *jobs) Progress(ctx context.Context, j embedded.JobTrace, done, total int64) error {
	js.mu.Lock()
	rule := js.later[j.ID]
	switch {
	case rule == nil,
		rule.Job.AfterBytes != nil && done < int64(*rule.Job.AfterBytes),
		rule.Job.AfterShare != nil && float64(done) < float64(*rule.Job.AfterShare)*float64(total):
		js.mu.Unlock()
		return nil
	}
	delete(js.later, j.ID)
	js.mu.Unlock()
	return js.end(ctx, j, rule)
}

// end ends an attempt as a rule says.
func (js *jobs) end(ctx context.Context, j embedded.JobTrace, rule *Rule) error {
	switch {
	case rule.Job.Kill:
		return embedded.ErrKilled
	case rule.Job.Stick:
		return js.hold(ctx, j.ID, Held{Resources: resourcesOf(j), Rule: rule.ID})
	}
	return embedded.JobError(rule.Job.Fail)
}

// transition holds a job until its resource may leave its status.
func (js *jobs) transition(ctx context.Context, j embedded.JobTrace) error {
	status, t := js.env.Transitions.of(j.Kind)
	h := Held{Resources: resourcesOf(j), Status: status, Polls: t.Times}
	switch t.Progression {
	case Timed:
		h.Until = js.env.Clock.Now().Add(time.Duration(t.Duration))
		return js.hold(ctx, j.ID, h)
	case Manual:
		return js.hold(ctx, j.ID, h)
	}
	return nil
}

// hold waits until the job is released, its time of the clock has come, or ctx ends. The goroutine
// does not count as work meanwhile.
func (js *jobs) hold(ctx context.Context, id string, why Held) error {
	h := &hold{why, make(chan struct{})}
	js.mu.Lock()
	js.holds[id] = h
	js.mu.Unlock()
	work := &js.env.Clock.Work
	if !why.Until.IsZero() {
		wait := max(js.env.Clock.Until(why.Until), time.Nanosecond)
		timer := js.env.Clock.AfterFunc(wait, func() { js.let(func(_ string, other *hold) bool { return other == h }) })
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
		js.again[id] = h.Held
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
			close(h.released)
			n++
		}
	}
	return n
}

// forget has jobs that a restart gave back to the queue not be held again.
func (js *jobs) forget(which func(Held) bool) {
	js.mu.Lock()
	defer js.mu.Unlock()
	for id, h := range js.again {
		if which(h) {
			delete(js.again, id)
		}
	}
}

// release releases the jobs on a resource; "": all.
func (js *jobs) release(resource string) int {
	on := func(h Held) bool { return resource == "" || slices.Contains(h.Resources, strings.ToLower(resource)) }
	js.forget(on)
	return js.let(func(_ string, h *hold) bool { return on(h.Held) })
}

// ruleRemoved releases the jobs that removed rules hold.
func (js *jobs) ruleRemoved(ids []int) {
	js.mu.Lock()
	for job, rule := range js.later {
		if slices.Contains(ids, rule.ID) {
			delete(js.later, job)
		}
	}
	js.mu.Unlock()
	by := func(h Held) bool { return h.Rule != 0 && slices.Contains(ids, h.Rule) }
	js.forget(by)
	js.let(func(_ string, h *hold) bool { return by(h.Held) })
}

// save returns the jobs that are held when the cloud is opened again. The cloud is closed.
func (js *jobs) save() map[string]Held {
	js.mu.Lock()
	defer js.mu.Unlock()
	return maps.Clone(js.again)
}

// restore has the saved jobs be held when the cloud is opened again. The cloud is closed.
func (js *jobs) restore(saved map[string]Held) {
	js.clear()
	js.mu.Lock()
	defer js.mu.Unlock()
	maps.Copy(js.again, saved)
}

// polled counts a request that shows a resource, or a list of such resources, and reports whether
// that has released a job.
func (js *jobs) polled(route, id string) bool {
	collection, rest, _ := strings.Cut(strings.Trim(route, "/"), "/")
	if rest != "" && rest != "detail" && rest != "{id}" {
		return false
	}
	return js.let(func(_ string, h *hold) bool {
		about, _, _ := strings.Cut(h.Status, ".")
		switch {
		case h.Polls == 0 || about+"s" != collection, id != "" && !slices.Contains(h.Resources, id):
			return false
		}
		h.Polls--
		return h.Polls == 0
	}) > 0
}

// held returns the jobs that are held.
func (js *jobs) held() []Held {
	js.mu.Lock()
	defer js.mu.Unlock()
	all := []Held{}
	for _, h := range js.holds {
		all = append(all, h.Held)
	}
	slices.SortFunc(all, func(a, b Held) int { return slices.Compare(a.Resources, b.Resources) })
	return all
}

var _ embedded.JobHook = (*jobs)(nil)
