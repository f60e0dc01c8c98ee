// Package clock is a clock that runs or stands still, as a test says. A clock that stands still
// moves on request, calls what is due in the order of its time, and waits after each call until
// the program has done what the call began.
package clock

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// Clock is a [clockwork.Clock] with two modes. It is safe for concurrent use.
//
// In the mode real it runs at the speed of the system's clock, possibly ahead of it. In the mode
// manual it stands still, except in [Clock.Advance]. It never goes back, except in [Clock.Reset].
type Clock struct {
	// Work counts the goroutines that Advance waits for.
	Work Work

	turn chan struct{} // has an element while an Advance runs

	mu     sync.Mutex
	manual bool
	now    time.Time     // of the mode manual
	ahead  time.Duration // of the system's clock, in the mode real
	timers timers
	serial uint64
	rings  uint64
	alarm  *time.Timer // rings when the earliest timer is due, in the mode real
}

// New returns a clock in the mode real that shows the system's time.
func New() *Clock { return &Clock{turn: make(chan struct{}, 1)} }

// NewAt returns a clock in the mode manual.
func NewAt(now time.Time) *Clock {
	c := New()
	c.manual, c.now = true, now
	return c
}

// State is what a clock shows.
type State struct {
	Manual bool
	Now    time.Time
	Timers int           // that have not rung
	Rings  uint64        // of timers so far
	Next   time.Time     // when the next timer rings; zero: there is none
	Ahead  time.Duration // of the system's clock, in the mode real
}

// State returns the mode, the time and the number of timers.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{Manual: c.manual, Now: c.time(), Timers: len(c.timers), Rings: c.rings}
	if !c.manual {
		s.Ahead = c.ahead
	}
	if len(c.timers) > 0 {
		s.Next = c.timers[0].at
	}
	return s
}

// Stop changes to the mode manual: the clock stands still.
func (c *Clock) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.manual {
		return
	}
	c.now, c.manual = c.time(), true
	c.setAlarm()
}

// Run changes to the mode real. A clock that is behind the system's first advances to it, as
// [Clock.Advance] does, so that no lease expires while its owner is alive. One that is ahead of it
// stays ahead: time does not go back.
func (c *Clock) Run(ctx context.Context) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer func() { <-c.turn }()
	for {
		system := time.Now().Round(0)
		c.mu.Lock()
		if !c.manual {
			c.mu.Unlock()
			return nil
		}
		if behind := system.Sub(c.now); behind < tolerance {
			// The rest is skipped, for the system's clock runs on while this one catches up.
			c.manual, c.ahead = false, max(c.now.Sub(system), 0)
			c.setAlarm()
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		if err := c.advance(ctx, system); err != nil {
			return err
		}
	}
}

// tolerance is the part of a jump to the system's time that is not made step by step.
const tolerance = time.Second

// Reset sets mode and time, and drops all timers: their owners must have ended.
func (c *Clock) Reset(manual bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manual, c.now, c.timers = manual, now, nil
	if !manual {
		c.ahead = max(now.Sub(time.Now().Round(0)), 0)
	}
	c.setAlarm()
}

// ErrRuns is the error of moving a clock that runs by itself.
var ErrRuns = errors.New("the clock is in the mode real and runs by itself")

// Advance moves a clock that stands still by d; see [Clock.AdvanceTo].
func (c *Clock) Advance(ctx context.Context, d time.Duration) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer func() { <-c.turn }()
	return c.advance(ctx, c.Now().Add(d))
}

// AdvanceTo moves a clock that stands still to a time. It calls every timer that is due, in the
// order of their times, each at its own time, and waits before and after each one until nothing
// works. An earlier time than the present is an error. If ctx ends, the clock stays where it is.
func (c *Clock) AdvanceTo(ctx context.Context, to time.Time) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer func() { <-c.turn }()
	return c.advance(ctx, to)
}

// take waits for other Advances.
func (c *Clock) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Clock) advance(ctx context.Context, to time.Time) error {
	for {
		if err := c.Work.Quiet(ctx); err != nil {
			return fmt.Errorf("wait until nothing works: %w", err)
		}
		c.mu.Lock()
		switch {
		case !c.manual:
			c.mu.Unlock()
			return ErrRuns
		case to.Before(c.now):
			now := c.now
			c.mu.Unlock()
			return fmt.Errorf("the clock is at %s, later than %s", now.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
		case len(c.timers) == 0 || c.timers[0].at.After(to):
			c.now = to
			c.mu.Unlock()
			return nil
		}
		t := c.pop()
		c.mu.Unlock()
		t.ring()
	}
}

// time returns the present time. The caller holds c.mu.
func (c *Clock) time() time.Time {
	if c.manual {
		return c.now
	}
	return time.Now().Round(0).Add(c.ahead)
}

// pop takes the earliest timer, and moves a clock that stands still to its time. The caller holds
// c.mu.
func (c *Clock) pop() *timer {
	t := heap.Pop(&c.timers).(*timer)
	if c.manual && t.at.After(c.now) {
		c.now = t.at
	}
	t.rang = c.time()
	c.rings++
	if t.every > 0 {
		c.add(t, t.every)
	}
	return t
}

// add makes a timer ring after d. The caller holds c.mu.
func (c *Clock) add(t *timer, d time.Duration) {
	c.serial++
	t.at, t.serial = c.time().Add(max(d, 0)), c.serial
	heap.Push(&c.timers, t)
	if c.timers[0] == t {
		c.setAlarm()
	}
}

// setAlarm prepares the alarm for the earliest timer. The caller holds c.mu.
func (c *Clock) setAlarm() {
	if c.alarm != nil {
		c.alarm.Stop()
		c.alarm = nil
	}
	if !c.manual && len(c.timers) > 0 {
		c.alarm = time.AfterFunc(c.timers[0].at.Sub(c.time()), c.due)
	}
}

// due rings the timers that are due, in the mode real.
func (c *Clock) due() {
	c.mu.Lock()
	var due []*timer
	for now := c.time(); !c.manual && len(c.timers) > 0 && !c.timers[0].at.After(now); {
		due = append(due, c.pop())
	}
	c.setAlarm()
	c.mu.Unlock()
	for _, t := range due {
		if t.call != nil {
			go t.call()
		} else {
			t.ring()
		}
	}
}

// Now implements clockwork.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time()
}

// Since implements clockwork.Clock.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// Until implements clockwork.Clock.
func (c *Clock) Until(t time.Time) time.Duration { return t.Sub(c.Now()) }

// After implements clockwork.Clock.
func (c *Clock) After(d time.Duration) <-chan time.Time { return c.NewTimer(d).Chan() }

// Sleep implements clockwork.Clock.
func (c *Clock) Sleep(d time.Duration) { <-c.After(d) }

// NewTimer implements clockwork.Clock.
func (c *Clock) NewTimer(d time.Duration) clockwork.Timer { return c.start(&timer{}, d) }

// AfterFunc implements clockwork.Clock. [Clock.Advance] calls f itself and waits for it, so f must
// not wait for the clock.
func (c *Clock) AfterFunc(d time.Duration, f func()) clockwork.Timer {
	return c.start(&timer{call: f}, d)
}

// NewTicker implements clockwork.Clock.
func (c *Clock) NewTicker(d time.Duration) clockwork.Ticker {
	if d <= 0 {
		panic("clock: a ticker needs a positive interval")
	}
	return ticker{c.start(&timer{every: d}, d)}
}

func (c *Clock) start(t *timer, d time.Duration) *timer {
	t.clock, t.index, t.chimes = c, -1, make(chan time.Time, 1)
	t.Reset(d)
	return t
}

var _ clockwork.Clock = (*Clock)(nil)
