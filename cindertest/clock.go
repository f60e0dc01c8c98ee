package cindertest

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"
)

// Clock is the clock of a cloud: of its jobs, leases, tokens and times.
type Clock struct{ cloud *Cloud }

// Now returns the time.
func (c *Clock) Now() time.Time { return c.cloud.env.Clock.Now().UTC() }

// Advance moves the clock. It does what is due in the order of time, and returns when all is quiet.
func (c *Clock) Advance(d time.Duration) {
	c.cloud.t.Helper()
	ctx, cancel := context.WithTimeout(c.cloud.t.Context(), limit)
	defer cancel()
	c.cloud.check(c.cloud.env.Advance(ctx, d))
}

// AdvanceTo is [Clock.Advance] to a time.
func (c *Clock) AdvanceTo(to time.Time) {
	c.cloud.t.Helper()
	ctx, cancel := context.WithTimeout(c.cloud.t.Context(), limit)
	defer cancel()
	c.cloud.check(c.cloud.env.AdvanceTo(ctx, to))
}

// Stop has the clock stand still.
func (c *Clock) Stop() { c.cloud.env.Clock.Stop() }

// Run has the clock run at the speed of the system's.
func (c *Clock) Run() {
	c.cloud.t.Helper()
	ctx, cancel := context.WithTimeout(c.cloud.t.Context(), limit)
	defer cancel()
	c.cloud.check(c.cloud.env.RunClock(ctx))
}

// Clockwork returns the clock for programs that take one, such as the client that is tested.
func (c *Clock) Clockwork() clockwork.Clock { return c.cloud.env.Clock }
