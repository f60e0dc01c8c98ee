package harness

import (
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"

	"cindergate/internal/harness/clock"
)

// Rule is a fault and what it strikes. It has one of Answer, Job and Store.
type Rule struct {
	ID     int     `json:"id,omitempty"` // given by the harness
	Match  Match   `json:"match,omitzero"`
	Answer *Answer `json:"answer,omitempty"`
	Job    *Job    `json:"job,omitempty"`
	Store  *Store  `json:"store,omitempty"`
	// Matched is how often something matched, and Struck how often the fault struck.
	Matched int `json:"matched,omitempty"`
	Struck  int `json:"struck,omitempty"`
}

// Match says what a fault strikes. What is left out matches everything.
type Match struct {
	Method   string `json:"method,omitempty"`
	Route    string `json:"route,omitempty"`    // as in docs/api.md, such as /backups/{id}; or a path outside of the Block Storage API
	Project  string `json:"project,omitempty"`  // id
	Resource string `json:"resource,omitempty"` // id in the path, or of a job's backup, volume or snapshot
	// Nth is the first match that is struck, from 1 on, and Times how many are, from then on; 0:
	// all. They are 1 if they are left out.
	Nth   *int `json:"nth,omitempty"`
	Times *int `json:"times,omitempty"`
	// Probability is that of a strike, above 0 and up to 1, drawn with Seed; 0: always.
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
}

// Answer is what a client gets.
type Answer struct {
	// Status replaces the answer; 0: the request is carried out.
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// RetryAfter is the header of that name, in seconds.
	RetryAfter *int `json:"retry_after,omitempty"`
	// Body is the body, as JSON; left out: Cinder's for the status.
	Body json.RawMessage `json:"body,omitempty"`
	// Delay comes before everything else, by the clock, or by the system's if Real.
	Delay Duration `json:"delay,omitzero"`
	Real  bool     `json:"real,omitempty"`
	// Reset breaks the connection: with a status or without one, nothing is answered. A request
	// without a status is carried out before.
	Reset bool `json:"reset,omitempty"`
	// Truncate sends that many bytes of the answer's body, and breaks the connection.
	Truncate *int `json:"truncate,omitempty"`
}

// Job is how an attempt at a job ends. It has one of Fail, Stick and Kill.
type Job struct {
	// Kind is backup, restore, delete, volume-create, volume-copy, volume-delete, snapshot,
	// snapshot-delete, revert or import; "": any.
	Kind string `json:"kind,omitempty"`
	// AfterBytes and AfterShare are how much of the volume is copied before; left out: nothing.
	// Only backups and restores report what they have copied.
	AfterBytes *Bytes `json:"after_bytes,omitempty"`
	AfterShare *Share `json:"after_share,omitempty"`
	// Fail fails the job with this reason.
	Fail string `json:"fail,omitempty"`
	// Stick holds the job until it is released.
	Stick bool `json:"stick,omitempty"`
	// Kill ends the attempt as the death of its worker does. The job runs again after its lease.
	Kill bool `json:"kill,omitempty"`
}

// Store is an error of the store of backups.
type Store struct {
	Op    string `json:"op"`              // put, get, list or delete
	Key   string `json:"key,omitempty"`   // a part of the object's name
	Error string `json:"error,omitempty"` // full, io (also for "") or missing
}

// asked is what rules are matched with.
type asked struct {
	method, route, path string
	project             string
	resources           []string
}

// armed is a rule with its state. It is used while the faults are locked.
type armed struct {
	Rule
	random *mathrand.Rand
}

// maxRules bounds the number of rules.
const maxRules = 1000

// faults are the rules that are set. They are safe for concurrent use.
type faults struct {
	clock *clock.Clock
	seed  uint64

	mu      sync.Mutex
	last    int // id
	rules   []*armed
	removed func(ids []int) // called after rules are removed; nil: nothing
}

func newFaults(c *clock.Clock, seed uint64) *faults { return &faults{clock: c, seed: seed} }

// add adds rules, all or none.
func (f *faults) add(rules []Rule, known func(route string) bool) ([]Rule, error) {
	for i := range rules {
		if err := rules[i].check(known); err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.rules)+len(rules) > maxRules {
		return nil, fmt.Errorf("there may be %d rules, and there are %d already", maxRules, len(f.rules))
	}
	added := make([]Rule, len(rules))
	for i, rule := range rules {
		f.last++
		rule.ID, rule.Matched, rule.Struck = f.last, 0, 0
		seed := rule.Match.Seed
		if seed == 0 {
			seed = f.seed + uint64(f.last) // #nosec G115 -- positive
		}
		f.rules = append(f.rules, &armed{rule, mathrand.New(mathrand.NewPCG(seed, 0))}) // #nosec G404 -- it must be repeatable
		added[i] = rule
	}
	return added, nil
}

// all returns the rules with their counts.
func (f *faults) all() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Rule, len(f.rules))
	for i, a := range f.rules {
		all[i] = a.Rule
	}
	return all
}

// remove removes a rule; 0: all of them. It reports whether there was one.
func (f *faults) remove(id int) bool {
	f.mu.Lock()
	var gone []int
	f.rules = slices.DeleteFunc(f.rules, func(a *armed) bool {
		if id == 0 || a.ID == id {
			gone = append(gone, a.ID)
			return true
		}
		return false
	})
	f.mu.Unlock()
	if f.removed != nil && len(gone) > 0 {
		f.removed(gone)
	}
	return len(gone) > 0
}

// clear removes all rules, and begins their numbers anew.
func (f *faults) clear() {
	f.remove(0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = 0
}

// strike returns the first rule of a kind that strikes, nil if none does. All rules that match
// count it.
func (f *faults) strike(kind func(*Rule) bool, a asked) *Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found *Rule
	for _, rule := range f.rules {
		if !kind(&rule.Rule) || !rule.Match.matches(a) {
			continue
		}
		rule.Matched++
		if found != nil || rule.Matched < or(rule.Match.Nth, 1) {
			continue
		}
		if times := or(rule.Match.Times, 1); times > 0 && rule.Struck >= times {
			continue
		}
		if p := rule.Match.Probability; p > 0 && rule.random.Float64() >= p {
			continue
		}
		rule.Struck++
		copied := rule.Rule
		found = &copied
	}
	return found
}

func or(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func (m *Match) matches(a asked) bool {
	switch {
	case m.Method != "" && m.Method != a.method,
		m.Project != "" && m.Project != a.project,
		m.Resource != "" && !slices.Contains(a.resources, strings.ToLower(m.Resource)) && !inPath(a.path, m.Resource):
		return false
	}
	return m.Route == "" || m.Route == a.route || a.route == "" && pathMatches(m.Route, a.path)
}

// inPath reports whether a path has an element.
func inPath(path, element string) bool {
	return slices.Contains(strings.Split(strings.ToLower(path), "/"), strings.ToLower(element))
}

// pathMatches reports whether a path has the elements of a pattern, of which {…} is any.
func pathMatches(pattern, path string) bool {
	want, got := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !strings.HasPrefix(want[i], "{") && want[i] != got[i] {
			return false
		}
	}
	return true
}
