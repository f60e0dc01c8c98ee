package clock

import (
	"container/heap"
	"time"
)

// timer implements clockwork.Timer. Its fields change while the clock is locked.
type timer struct {
	clock  *Clock
	call   func() // nil: the time is sent to chimes
	chimes chan time.Time
	every  time.Duration // 0: it rings once
	at     time.Time
	rang   time.Time // when it rang last
	serial uint64    // orders timers of one time
	index  int       // in the heap; -1: it is not there
}

// Chan implements clockwork.Timer.
func (t *timer) Chan() <-chan time.Time { return t.chimes }

// Stop implements clockwork.Timer.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.remove()
}

// Reset implements clockwork.Timer. A timer that stood still rings at once if d is not positive.
func (t *timer) Reset(d time.Duration) bool {
	t.clock.mu.Lock()
	waited := t.remove()
	if d > 0 || !t.clock.manual {
		t.clock.add(t, d)
		t.clock.mu.Unlock()
		return waited
	}
	t.rang = t.clock.now
	t.clock.mu.Unlock()
	if t.call != nil {
		go t.call()
	} else {
		t.ring()
	}
	return waited
}

func (t *timer) remove() bool {
	if t.index < 0 {
		return false
	}
	first := t.index == 0
	heap.Remove(&t.clock.timers, t.index)
	if first {
		t.clock.setAlarm()
	}
	return true
}

// ring does what the timer is for. Like a timer of package time, it drops a chime that nobody has
// taken.
func (t *timer) ring() {
	if t.call != nil {
		t.call()
		return
	}
	select {
	case t.chimes <- t.rang:
	default:
	}
}

// ticker implements clockwork.Ticker.
type ticker struct{ *timer }

// Reset implements clockwork.Ticker.
func (t ticker) Reset(d time.Duration) {
	t.clock.mu.Lock()
	t.every = d
	t.clock.mu.Unlock()
	t.timer.Reset(d)
}

// Stop implements clockwork.Ticker.
func (t ticker) Stop() { t.timer.Stop() }

// timers is a heap, the earliest timer first.
type timers []*timer

func (ts timers) Len() int { return len(ts) }

func (ts timers) Less(i, j int) bool {
	if !ts[i].at.Equal(ts[j].at) {
		return ts[i].at.Before(ts[j].at)
	}
	return ts[i].serial < ts[j].serial
}

func (ts timers) Swap(i, j int) {
	ts[i], ts[j] = ts[j], ts[i]
	ts[i].index, ts[j].index = i, j
}

// Push implements heap.Interface.
func (ts *timers) Push(x any) {
	t := x.(*timer)
	t.index = len(*ts)
	*ts = append(*ts, t)
}

// Pop implements heap.Interface.
func (ts *timers) Pop() any {
	last := len(*ts) - 1
	t := (*ts)[last]
	(*ts)[last] = nil
	*ts = (*ts)[:last]
	t.index = -1
	return t
}
