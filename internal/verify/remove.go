package verify

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// removalOrder is what is removed first: a volume with snapshots cannot be deleted, and an
// image may be one of a volume.
var removalOrder = []string{"uploads", "backups", "snapshots", "volumes", "images"}

// soon bounds how long a case waits for what it made to rest. What does not rest goes at the end.
const soon = 10 * time.Second

// removeSoon asks for the deletion of what a case made, so that quotas last. Whatever does not
// go now goes at the end.
func (r *runner) removeSoon(ctx context.Context, made []thing) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	x := &X{ctx: ctx, r: r, version: r.highest()}
	for _, t := range slices.Backward(made) {
		_, _ = x.try(func() *answer { return x.remove(t) })
	}
	r.record(x.exchanges)
}

// remove waits until a thing rests, and asks for its deletion.
func (x *X) remove(t thing) *answer {
	switch t.collection {
	case "images":
		return x.delete("/v2/images/"+t.id, from(x.r.o.Image), at(""))
	case "uploads": // of a backup; it is over when the backup is complete
		return x.delete("/backups/" + t.id + "/upload")
	}
	if t.who == Boss {
		return x.delete("/"+t.collection+"/"+t.id, by(t.who))
	}
	a := x.await(t.collection, t.id, by(t.who))
	if a.e.Status == http.StatusNotFound {
		return a
	}
	return x.delete("/"+t.collection+"/"+t.id, by(t.who))
}

// removeAll removes what the run made, also when the run has ended early.
func (r *runner) removeAll(parent context.Context) {
	r.o.Progress("removing what was made")
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(parent), r.o.CleanupTimeout, fmt.Errorf("%s", r.o.CleanupTimeout))
	defer cancel()
	r.mu.Lock()
	made := r.made
	r.made = nil
	r.mu.Unlock()
	if len(made) == 0 && !r.creates() {
		return
	}
	r.report.Left = append(r.report.Left, r.removeThings(ctx, made)...)
	if r.o.shared != nil {
		return
	}
	// A request whose answer was lost may have made something.
	x := &X{ctx: ctx, r: r, version: r.highest()}
	lost, _, err := x.leftovers(r.prefix)
	r.record(x.exchanges)
	if err != nil {
		r.report.Left = append(r.report.Left, "what has "+r.prefix+" in its name is unknown: "+err.Error())
	}
	r.report.Left = append(r.report.Left, r.removeThings(ctx, lost)...)
}

// creates reports whether the cases of the run may make anything.
func (r *runner) creates() bool {
	return slices.ContainsFunc(r.o.Levels, func(l Level) bool { return l != ReadOnly })
}

// removeThings removes things in the right order and waits until they are gone. It returns
// those that stay, with the reason.
func (r *runner) removeThings(ctx context.Context, made []thing) []string {
	x := &X{ctx: ctx, r: r, version: r.highest()}
	defer func() { r.record(x.exchanges) }()
	var left []string
	for _, collection := range removalOrder {
		var rest []thing
		for _, t := range slices.Backward(made) {
			if t.collection == collection && !slices.Contains(rest, t) {
				rest = append(rest, t)
			}
		}
		// A backup with incremental ones goes after them, so each round removes a layer.
		for wait := 50 * time.Millisecond; len(rest) > 0; wait = min(2*wait, r.o.Poll) {
			var still []thing
			var reasons []string
			for _, t := range rest {
				if reason := x.removed(t); reason != "" {
					still, reasons = append(still, t), append(reasons, fmt.Sprintf("%s %s: %s", singular(t.collection), t.id, reason))
				}
			}
			rest = still
			if len(rest) > 0 && pause(ctx, wait) != nil {
				left = append(left, reasons...)
				break
			}
		}
	}
	return left
}

// removed asks for the deletion of a thing. "" says that it is gone; anything else is what is
// in the way.
func (x *X) removed(t thing) string {
	var a *answer
	_, err := x.try(func() *answer {
		if t.collection == "images" || t.collection == "uploads" {
			a = x.remove(t)
			return a
		}
		a = x.get("/"+t.collection+"/"+t.id, by(t.who))
		return a
	})
	switch {
	case err != nil:
		return err.Error()
	case t.collection == "uploads":
		return "" // given up or over; its backup is removed next
	case a.e.Status == http.StatusNotFound || t.collection == "images" && a.e.Status == http.StatusNoContent:
		return ""
	case a.e.Status != http.StatusOK:
		return statusText(a.e.Status) + a.said()
	}
	status, _ := a.value(singular(t.collection) + ".status").(string)
	if passing[status] {
		return "it is " + status
	}
	if _, err = x.try(func() *answer {
		a = x.delete("/"+t.collection+"/"+t.id, by(t.who))
		return a
	}); err != nil {
		return err.Error()
	}
	if a.e.Status >= http.StatusBadRequest && a.e.Status != http.StatusNotFound {
		return statusText(a.e.Status) + a.said()
	}
	return "it is being deleted"
}

// Cleanup removes what earlier runs left behind: whatever has [Prefix] in its name, and volumes
// that were restored from a backup of such a name and still have the name that Cinder gives
// them. It returns what it found and what is still there.
func Cleanup(ctx context.Context, o Options) (found, left []string, err error) {
	r, err := newRunner(o)
	if err != nil {
		return nil, nil, err
	}
	if err := r.meet(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.o.CleanupTimeout, fmt.Errorf("%s", r.o.CleanupTimeout))
	defer cancel()
	x := &X{ctx: ctx, r: r, version: r.highest()}
	made, found, err := x.leftovers(Prefix)
	if err != nil {
		return nil, nil, err
	}
	return found, r.removeThings(ctx, made), nil
}

// leftovers lists what has a prefix in its name, and volumes that were restored from a backup
// of such a name and still have the name that Cinder gives them.
func (x *X) leftovers(prefix string) (made []thing, found []string, err error) {
	auto := map[string]bool{}
	for _, collection := range removalOrder {
		if collection == "images" && x.r.o.Image == "" || collection == "uploads" {
			continue
		}
		all, err := x.named(collection)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", collection, err)
		}
		for _, n := range all {
			if !strings.HasPrefix(n.name, prefix) && (collection != "volumes" || !auto[n.name]) {
				continue
			}
			if collection == "backups" {
				auto["restore_backup_"+n.id] = true
			}
			made = append(made, thing{collection, n.id, Tester})
			if collection == "backups" && n.status == "creating" {
				made = append(made, thing{"uploads", n.id, Tester})
			}
			found = append(found, fmt.Sprintf("%s %s (%s)", singular(collection), n.id, n.name))
		}
	}
	return made, found, nil
}

type named struct{ id, name, status string }

// maxListed bounds how much of a list is read, in elements.
const maxListed = 100_000

// named reads a whole list.
func (x *X) named(collection string) (all []named, err error) {
	marker := ""
	for len(all) < maxListed {
		path, where := "/"+collection+"/detail?limit=500", from("")
		if collection == "images" {
			path, where = "/v2/images?limit=500", from(x.r.o.Image)
		}
		if marker != "" {
			path += "&marker=" + marker
		}
		var a *answer
		if _, err := x.try(func() *answer { a = x.get(path, where); return a.is(http.StatusOK) }); err != nil {
			if a != nil && (a.e.Status == http.StatusNotFound || a.e.Status == http.StatusNotImplemented) && marker == "" {
				return nil, nil // the endpoint has no such things
			}
			return nil, err
		}
		list, ok := a.value(collection).([]any)
		if !ok {
			return nil, fmt.Errorf("the answer has no list %s", collection)
		}
		if len(list) == 0 {
			return all, nil
		}
		last := marker
		for _, v := range list {
			m, _ := v.(map[string]any)
			id, _ := m["id"].(string)
			name, _ := m["name"].(string)
			status, _ := m["status"].(string)
			all, last = append(all, named{id, name, status}), id
		}
		if last == marker { // the endpoint ignores the marker
			return all, nil
		}
		marker = last
	}
	return all, nil
}
