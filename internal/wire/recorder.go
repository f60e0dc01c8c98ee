package wire

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/jonboulle/clockwork"
)

// Bounds of what is recorded. When one is reached, the oldest exchanges go.
const (
	maxExchanges = 1000
	maxBytes     = 16 << 20
)

// Recorder records the last exchanges. It implements gateway.Inspector. It is safe for concurrent use.
type Recorder struct {
	clock     clockwork.Clock
	exchanges int // the most of them
	bytes     int // that they take together at most

	mu   sync.Mutex
	seq  uint64
	size int
	all  []*Exchange // the oldest first
}

// NewRecorder makes a Recorder. clock nil: the system's.
func NewRecorder(clock clockwork.Clock) *Recorder {
	if clock == nil {
		clock = clockwork.NewRealClock()
	}
	return &Recorder{clock: clock, exchanges: maxExchanges, bytes: maxBytes}
}

// add records an exchange.
func (r *Recorder) add(x *Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	x.Seq = r.seq
	r.all = append(r.all, x)
	r.size += x.size()
	drop := 0
	for len(r.all)-drop > r.exchanges || r.size > r.bytes && len(r.all)-drop > 1 {
		r.size -= r.all[drop].size()
		drop++
	}
	r.all = slices.Delete(r.all, 0, drop)
}

// Seq returns the number of the last exchange; 0: there was none.
func (r *Recorder) Seq() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seq
}

// Filter says which exchanges are meant. What is left out matches all.
type Filter struct {
	Project string // its id
	Route   string // a part of the route, of the path or of the operation, in any case
	Status  string // 404, or 4xx
	ID      string // of the request, or of one that it led to; without req- as well
}

// statusForm is what a filter may say of a status.
var statusForm = regexp.MustCompile(`^([1-5]xx|[1-5][0-9][0-9])?$`)

// Check returns what is wrong with a filter; "": nothing.
func (f Filter) Check() string {
	if !statusForm.MatchString(f.Status) {
		return "The field status must be a number such as 404, or a class such as 4xx."
	}
	return ""
}

// Find returns the exchanges that match, the newest first.
func (r *Recorder) Find(f Filter) []*Exchange {
	r.mu.Lock()
	all := slices.Clone(r.all)
	r.mu.Unlock()
	slices.Reverse(all)
	return slices.DeleteFunc(all, func(x *Exchange) bool { return !f.matches(x) })
}

// Get returns the exchange of a request id, or of a number; nil: it is not recorded any more.
func (r *Recorder) Get(id string) *Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.all {
		if x.ID == id || strconv.FormatUint(x.Seq, 10) == id {
			return x
		}
	}
	return nil
}

func (f Filter) matches(x *Exchange) bool {
	return (f.Project == "" || f.Project == x.ProjectID) && f.matchesRoute(x) && f.matchesStatus(x.Status) && f.matchesID(x)
}

func (f Filter) matchesRoute(x *Exchange) bool {
	part := strings.ToLower(f.Route)
	for _, text := range []string{x.Route, x.Path, x.Operation} {
		if strings.Contains(strings.ToLower(text), part) {
			return true
		}
	}
	return false
}

func (f Filter) matchesStatus(status int) bool {
	class, isClass := strings.CutSuffix(f.Status, "xx")
	return f.Status == "" || f.Status == strconv.Itoa(status) || isClass && class == strconv.Itoa(status/100)
}

func (f Filter) matchesID(x *Exchange) bool {
	id := strings.TrimPrefix(f.ID, "req-")
	return id == "" || id == strings.TrimPrefix(x.ID, "req-") ||
		slices.ContainsFunc(x.Upstream, func(u Upstream) bool { return strings.TrimPrefix(u.RequestID, "req-") == id })
}
