package policy

import (
	"fmt"
	"strings"
	"time"
)

// maxSimulated is how many runs a simulation has at most.
const maxSimulated = 20000

// Event is one run of a simulation.
type Event struct {
	Slot        time.Time `json:"slot"`
	ID          string    `json:"id"` // of the backup that it makes: run-1, run-2 …
	Incremental bool      `json:"incremental"`
	Reason      string    `json:"reason"`            // for its kind
	Removed     []string  `json:"removed,omitempty"` // backups that go after it
	Left        int       `json:"left"`              // backups there are then
}

// Simulation is what a policy does in a time.
type Simulation struct {
	Events []Event    `json:"runs"`
	Left   []Backup   `json:"backups"` // at the end, the oldest first
	Why    []Decision `json:"kept"`    // why each of them is there
}

// simulator is the state of a simulation: what there is after the runs so far.
type simulator struct {
	p       Policy
	slot    time.Time // of the last run
	runs    int
	left    []Backup
	rebases bool
}

// next simulates the next run.
func (s *simulator) next() Event {
	s.slot = s.p.Schedule.Next(s.slot)
	s.runs++
	kind := s.p.Next(s.left)
	b := Backup{ID: fmt.Sprintf("run-%d", s.runs), Slot: s.slot, CreatedAt: s.slot, Complete: true}
	if kind.Incremental {
		b.ParentID = newest(s.left).ID
	}
	if !s.p.Lock.zero() {
		b.Locked = s.p.Lock.After(s.slot)
	}
	s.left = append(s.left, b)
	e := Event{Slot: s.slot, ID: b.ID, Incremental: kind.Incremental, Reason: kind.Reason}
	var left []Backup
	for i, d := range Decide(&s.p, s.left, s.slot, s.rebases) {
		if d.Keep {
			left = append(left, s.left[i])
		} else {
			e.Removed = append(e.Removed, d.ID)
		}
	}
	s.left = left
	e.Left = len(left)
	return e
}

// Simulate returns what the policy does in the time after from, up to and with to, to a volume
// that changes each time and has these backups.
func (p Policy) Simulate(backups []Backup, from, to time.Time, rebases bool) (Simulation, error) {
	s := simulator{p: p, slot: from, left: append([]Backup(nil), backups...), rebases: rebases}
	var result Simulation
	for !p.Schedule.Next(s.slot).After(to) {
		if s.runs == maxSimulated {
			return result, fmt.Errorf("more than %d runs: ask for a shorter time", maxSimulated)
		}
		result.Events = append(result.Events, s.next())
	}
	result.Left, result.Why = s.left, Decide(&p, s.left, to, rebases)
	return result, nil
}

// maxForecast is how many runs a forecast looks ahead.
const maxForecast = 4000

// Forecast returns when backups will go, by id, as far as the next runs tell.
func (p Policy) Forecast(backups []Backup, now time.Time, rebases bool) map[string]time.Time {
	goes := map[string]time.Time{}
	leaving := map[string]bool{} // those that nothing but the policy keeps
	for _, b := range backups {
		if b.Complete && !b.Slot.IsZero() {
			leaving[b.ID] = true
		}
		if b.Expires.After(now) && b.Complete {
			goes[b.ID] = b.Expires
		}
	}
	if p.Keep.Empty() || p.Paused {
		return goes
	}
	s := simulator{p: p, slot: now, left: append([]Backup(nil), backups...), rebases: rebases}
	for len(leaving) > 0 && s.runs < maxForecast {
		for _, id := range s.next().Removed {
			if leaving[id] {
				delete(leaving, id)
				goes[id] = s.slot
			}
		}
	}
	return goes
}

// newest returns the complete backup with the newest data.
func newest(backups []Backup) (found Backup) {
	for _, b := range backups {
		if b.Complete && (found.ID == "" || !b.CreatedAt.Before(found.CreatedAt)) {
			found = b
		}
	}
	return found
}

func counted(n int, noun string) string {
	if n != 1 && noun != "" {
		noun += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, noun))
}
