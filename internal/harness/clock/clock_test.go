package clock

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Timers ring in the order of their times, each at its own time, and so do those that they start.
func TestAdvanceInOrder(t *testing.T) {
	c := NewAt(noon)
	var got []time.Duration
	note := func() { got = append(got, c.Since(noon)) }
	c.AfterFunc(3*time.Minute, note)
	c.AfterFunc(time.Minute, func() { note(); c.AfterFunc(time.Minute, note) })
	late := c.AfterFunc(time.Hour, note)
	check(t, c.Advance(t.Context(), 10*time.Minute))
	if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(got, want) {
		t.Fatalf("rang at %v, want %v", got, want)
	}
	if now := c.Now(); !now.Equal(noon.Add(10 * time.Minute)) {
		t.Fatal(now)
	}
	if !late.Stop() || late.Stop() {
		t.Fatal("a timer that waits stops once")
	}
	if s := c.State(); s.Timers != 0 || !s.Next.IsZero() || !s.Manual {
		t.Fatalf("%+v", s)
	}
}

// Advance waits for the work that a timer began before it rings the next one.
func TestAdvanceWaitsForWork(t *testing.T) {
	c := NewAt(noon)
	var steps []string
	begin, done := make(chan struct{}), make(chan struct{})
	c.AfterFunc(time.Minute, func() {
		c.Work.Begin()
		go func() {
			<-begin
			steps = append(steps, "worked")
			c.Work.End()
		}()
	})
	c.AfterFunc(2*time.Minute, func() { steps = append(steps, "next") })
	go func() { defer close(done); check(t, c.Advance(context.WithoutCancel(t.Context()), time.Hour)) }()
	close(begin)
	<-done
	if want := []string{"worked", "next"}; !slices.Equal(steps, want) {
		t.Fatal(steps)
	}
}

// If the caller leaves, the clock stays where the work is.
func TestAdvanceGivesUp(t *testing.T) {
	c := NewAt(noon)
	ctx, cancel := context.WithCancel(t.Context())
	c.AfterFunc(time.Minute, func() { c.Work.Begin(); cancel() })
	if err := c.Advance(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := c.Since(noon); got != time.Minute {
		t.Fatal(got)
	}
	c.Work.End()
	check(t, c.AdvanceTo(t.Context(), noon.Add(time.Hour)))
	if err := c.AdvanceTo(t.Context(), noon); err == nil {
		t.Fatal("it went back")
	}
}

func TestTicker(t *testing.T) {
	c := NewAt(noon)
	tick := c.NewTicker(time.Second)
	for n := 1; n <= 3; n++ {
		check(t, c.Advance(t.Context(), time.Second))
		if got := (<-tick.Chan()).Sub(noon); got != time.Duration(n)*time.Second {
			t.Fatal(got)
		}
	}
	tick.Stop()
	check(t, c.Advance(t.Context(), time.Minute))
	select {
	case <-tick.Chan():
		t.Fatal("it ticks on")
	default:
	}
}

// A clock that was behind the system's catches up step by step, and one that was ahead stays ahead.
func TestRun(t *testing.T) {
	c := NewAt(time.Now().Add(-time.Hour))
	rang := 0
	tick := c.AfterFunc(time.Minute, func() {})
	var again func()
	again = func() { rang++; c.AfterFunc(10*time.Minute, again) }
	c.AfterFunc(10*time.Minute, again)
	check(t, c.Run(t.Context()))
	if tick.Stop() || rang < 5 {
		t.Fatalf("%d timers rang on the way", rang)
	}
	if s := c.State(); s.Manual || time.Until(s.Now).Abs() > time.Minute {
		t.Fatalf("%+v", s)
	}
	if err := c.Advance(t.Context(), time.Second); !errors.Is(err, ErrRuns) {
		t.Fatal(err)
	}
	<-c.After(time.Millisecond) // the alarm works

	c = NewAt(time.Now().Add(time.Hour))
	check(t, c.Run(t.Context()))
	if s := c.State(); s.Ahead < 59*time.Minute {
		t.Fatalf("%+v", s)
	}
	before := c.Now()
	c.Stop()
	if now := c.Now(); now.Before(before) || !c.Now().Equal(now) {
		t.Fatal(now)
	}
}

func TestReset(t *testing.T) {
	c := NewAt(noon)
	c.AfterFunc(time.Minute, func() { t.Error("a timer of before rings") })
	c.Reset(true, noon.Add(-time.Hour))
	check(t, c.Advance(t.Context(), 24*time.Hour))
}
