package harness

import (
	"context"
	"net/http"
	"sync"
	"time"

	"cindergate/internal/harness/clock"
)

// Control is what a test controls of a cloud: its clock, the faults of its answers, and the
// record of its requests. An [Environment] adds jobs, state and ids.
type Control struct {
	Clock       *clock.Clock
	Journal     *Journal
	Transitions *Transitions

	state   sync.RWMutex // locked for reading by requests, and for writing while the cloud changes as a whole
	callers callers

	faults *faults
	env    *Environment // nil: the cloud is a fake of another one
	reset  func() error // of such a fake
	handle http.Handler // such a fake
}

func newControl(c *clock.Clock, seed uint64) *Control {
	return &Control{Clock: c, Journal: newJournal(c), Transitions: newTransitions(c), faults: newFaults(c, seed)}
}

// NewControl controls a fake of a cloud: its clock, its faults, and the record of its requests.
// reset brings the fake back to its start.
func NewControl(c *clock.Clock, fake http.Handler, reset func() error) *Control {
	control := newControl(c, NewSeed())
	control.handle, control.reset = fake, reset
	return control
}

// ServeHTTP answers a client of a fake.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, end := c.enter(r.Context())
	defer end()
	c.serve(w, r.WithContext(ctx), c.handle)
}

// enter keeps the cloud as a whole from changing until end is called.
func (c *Control) enter(ctx context.Context) (_ context.Context, end func()) {
	ctx, left := c.callers.enter(ctx)
	c.state.RLock()
	return ctx, func() { c.state.RUnlock(); left() }
}

// AdvanceTo moves the clock; see [clock.Clock.AdvanceTo].
func (c *Control) AdvanceTo(ctx context.Context, to time.Time) error {
	ctx, end := c.enter(ctx)
	defer end()
	return c.Clock.AdvanceTo(ctx, to)
}

// Advance moves the clock; see [clock.Clock.Advance].
func (c *Control) Advance(ctx context.Context, d time.Duration) error {
	ctx, end := c.enter(ctx)
	defer end()
	return c.Clock.Advance(ctx, d)
}

// RunClock lets the clock run; see [clock.Clock.Run].
func (c *Control) RunClock(ctx context.Context) error {
	ctx, end := c.enter(ctx)
	defer end()
	return c.Clock.Run(ctx)
}

// change runs do while no request runs. Requests that are delayed by a fault go on at once, and
// those that do not end in time are cancelled.
func (c *Control) change(do func() error) error {
	done := c.callers.leave()
	defer done()
	c.state.Lock()
	defer c.state.Unlock()
	return do()
}

// clear drops what a test has set.
func (c *Control) clear() {
	c.faults.clear()
	c.Transitions.Clear()
	c.Journal.Clear()
}

// Reset brings the cloud back to its start. The clock of a fake runs again, with the system's time.
func (c *Control) Reset(ctx context.Context) error {
	if c.env != nil {
		return c.env.Reset(ctx)
	}
	return c.change(func() error {
		c.clear()
		c.Clock.Reset(false, time.Now())
		return c.reset()
	})
}

// serve records a request, and lets faults of paths that are not those of the Block Storage API
// answer it. Those of the Block Storage API strike in [Environment.hook], where the caller is known.
func (c *Control) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	entry, w, r, done := c.Journal.begin(w, r)
	defer done()
	if c.env != nil && isBlockStorage(r.URL.Path) {
		next.ServeHTTP(w, r)
		return
	}
	c.faults.answer(w, w, r, asked{method: r.Method, path: r.URL.Path}, entry, next.ServeHTTP)
}
