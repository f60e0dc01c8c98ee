package harness

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"cindergate/internal/harness/clock"
)

// Progressions say when a resource leaves a passing status, in the words of moto's state
// transitions.
const (
	Immediate = "immediate" // as soon as the work is done
	Timed     = "time"      // not before a duration of the clock has passed
	Manual    = "manual"    // not before a number of polls, or a release
)

// Transition says when a resource leaves a passing status.
type Transition struct {
	Progression string   `json:"progression"`
	Duration    Duration `json:"duration,omitzero"`
	// Times is the number of requests that show the resource, alone or in a list, before it goes
	// on; 0: until it is released.
	Times int `json:"times,omitempty"`
}

// statuses are the passing statuses that a transition can hold, with the kinds of jobs that end
// them (driver/embedded/internal).
var statuses = map[string][]string{
	"backup.creating":   {"backup", "import"},
	"backup.restoring":  {"restore"},
	"backup.deleting":   {"delete"},
	"volume.creating":   {"volume-create", "volume-copy"},
	"volume.reverting":  {"revert"},
	"volume.deleting":   {"volume-delete"},
	"snapshot.creating": {"snapshot"},
	"snapshot.deleting": {"snapshot-delete"},
}

// maxDuration bounds durations of the clock.
const maxDuration = 100 * 365 * 24 * time.Hour

// check returns an error that names the field and the rule.
func (t Transition) check() error {
	switch {
	case !slices.Contains([]string{Immediate, Timed, Manual}, t.Progression):
		return fmt.Errorf("progression: %q is none of immediate, time, manual", t.Progression)
	case t.Progression == Timed && (t.Duration <= 0 || time.Duration(t.Duration) > maxDuration):
		return errors.New("duration: the progression time needs one above 0 and up to 876000h")
	case t.Progression != Timed && t.Duration != 0:
		return fmt.Errorf("duration: the progression %s takes none", t.Progression)
	case t.Times < 0 || t.Times > 1_000_000:
		return errors.New("times: must be between 0 and 1000000")
	case t.Progression != Manual && t.Times != 0:
		return fmt.Errorf("times: the progression %s takes none", t.Progression)
	}
	return nil
}

// Transitions say when resources leave their passing statuses. They hold for work that begins
// later. They are safe for concurrent use.
type Transitions struct {
	clock *clock.Clock
	mu    sync.Mutex
	by    map[string]Transition
}

func newTransitions(c *clock.Clock) *Transitions {
	return &Transitions{clock: c, by: map[string]Transition{}}
}

// Set sets transitions by status, such as backup.creating. If one is wrong, none is set.
func (t *Transitions) Set(by map[string]Transition) error {
	for _, status := range slices.Sorted(maps.Keys(by)) {
		if _, known := statuses[status]; !known {
			return fmt.Errorf("%.64s: there is no such status; there are %s", status, strings.Join(slices.Sorted(maps.Keys(statuses)), ", "))
		}
		if err := by[status].check(); err != nil {
			return fmt.Errorf("%s.%w", status, err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for status, transition := range by {
		if transition.Progression == Immediate {
			delete(t.by, status)
		} else {
			t.by[status] = transition
		}
	}
	return nil
}

// All returns the transition of every status.
func (t *Transitions) All() map[string]Transition {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]Transition{}
	for status := range statuses {
		all[status] = Transition{Progression: Immediate}
		if set, ok := t.by[status]; ok {
			all[status] = set
		}
	}
	return all
}

// Clear makes all transitions immediate.
func (t *Transitions) Clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by = map[string]Transition{}
}

// of returns the transition that a kind of job waits for.
func (t *Transitions) of(kind string) (status string, _ Transition) {
	for status, kinds := range statuses {
		if slices.Contains(kinds, kind) {
			t.mu.Lock()
			defer t.mu.Unlock()
			return status, t.by[status]
		}
	}
	return "", Transition{}
}

// countPolls reports whether a transition waits for polls.
func (t *Transitions) countPolls() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, transition := range t.by {
		if transition.Times > 0 {
			return true
		}
	}
	return false
}

// holdsNewVolumes reports whether an empty volume must be made by a job, which can be held.
func (t *Transitions) holdsNewVolumes() bool {
	_, transition := t.of("volume-create")
	return transition.Progression != ""
}
