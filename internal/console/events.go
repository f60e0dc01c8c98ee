package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Streams of events, at one gateway.
const (
	streamsOfSession = 4
	streamsOfUser    = 16               // nobody takes all of [maxStreams]
	lookEvery        = 1 * time.Second  // while something runs
	lookSeldom       = 10 * time.Second // otherwise
	heartbeat        = 15 * time.Second
)

// state is what an event tells.
type state struct {
	Jobs     []job `json:"jobs"`
	Running  int   `json:"running"`
	Waiting  int   `json:"waiting"`
	Backups  int   `json:"backups"`  // -1: not known
	Failures int   `json:"failures"` // backups in error; -1: not known
}

// events streams what runs, as server-sent events (HTML Living Standard, 9.2).
func (c *Console) events(q *request) error {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return &fault{http.StatusServiceUnavailable, "Too many pages are open. This one does not renew itself."}
	}
	if !c.sessions.shelf.mayStream(q.s.held.user) || !q.s.held.stream(1) {
		return &fault{http.StatusTooManyRequests, "Too many pages of this session or user are open. This one does not renew itself."}
	}
	defer q.s.held.stream(-1)
	h := q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx passes it on at once
	control := http.NewResponseController(q.w)
	_ = control.SetReadDeadline(time.Time{}) // the request is read; writers in tests have no deadline
	q.w.WriteHeader(http.StatusOK)
	if _, err := io.WriteString(q.w, "retry: 5000\n\n"); err != nil || control.Flush() != nil {
		return nil // the browser is gone
	}
	look := q.lookAtState
	if c.o.Wire != nil && q.r.URL.Query().Get("page") == "wire" {
		look = q.lookAtWire
	}
	of := look
	look = func() (string, any, time.Duration, error) {
		if on, err := c.sessions.goesOn(q.r.Context(), q.s); err != nil || !on {
			return "", nil, lookSeldom, cmp.Or(err, error(errEnded))
		}
		return of()
	}
	var told string
	spoke := c.o.Clock.Now()
	for {
		name, st, wait, err := look()
		if err != nil && isStatus(err, http.StatusUnauthorized) {
			if !errors.Is(err, errEnded) { // it is the token that has ended
				_ = c.sessions.end(q.r.Context(), q.s) // if the store is away, the next page does
			}
			_, _ = io.WriteString(q.w, "event: end\ndata: {}\n\n")
			return nil
		}
		text := ""
		if err == nil {
			encoded, err := json.Marshal(st)
			if err != nil {
				return nil // the stream has begun
			}
			text = string(encoded)
		}
		now := c.o.Clock.Now()
		switch {
		case text != "" && text != told:
			_, err = fmt.Fprintf(q.w, "event: %s\ndata: %s\n\n", name, text)
			told, spoke = text, now
		case now.Sub(spoke) >= heartbeat:
			_, err = io.WriteString(q.w, ": still here\n\n")
			spoke = now
		default:
			err = nil
		}
		if err != nil || control.Flush() != nil {
			return nil // the browser is gone
		}
		switch ended, gone := c.pause(q, wait); {
		case gone:
			return nil
		case ended:
			_, _ = io.WriteString(q.w, "event: end\ndata: {}\n\n")
			return nil
		}
	}
}

// pause waits. ended says that the session has ended, and gone that the stream must.
func (c *Console) pause(q *request, d time.Duration) (ended, gone bool) {
	timer := c.o.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.Chan():
	case <-q.s.held.ended:
		return true, false
	case <-c.stopped:
		return false, true
	case <-q.r.Context().Done():
		return false, true
	}
	return false, false
}

// lookAtState tells what runs, and when to look again.
func (q *request) lookAtState() (name string, told any, wait time.Duration, err error) {
	st, err := q.state()
	if err != nil {
		return "state", nil, lookSeldom, err
	}
	if len(st.Jobs) > 0 {
		return "state", st, lookEvery, nil
	}
	return "state", st, lookSeldom, nil
}

// state asks what runs.
func (q *request) state() (*state, error) {
	jobs, err := q.listJobs()
	if err != nil {
		return nil, err
	}
	st := &state{Jobs: jobs, Backups: -1, Failures: -1}
	if st.Jobs == nil {
		st.Jobs = []job{}
	}
	for i := range jobs {
		if jobs[i].State == "running" {
			st.Running++
		} else {
			st.Waiting++
		}
	}
	if _, count, err := q.listBackups(q.list(1).with("with_count", "true")); err == nil {
		st.Backups = count
	}
	if _, count, err := q.listBackups(q.list(1).with("with_count", "true").with("status", "error")); err == nil {
		st.Failures = count
	}
	return st, nil
}
