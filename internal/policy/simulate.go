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
	Slot        time.Time
	ID          string // of the backup that it makes: run-1, run-2 …
	Incremental bool
	Reason      string   // for its kind
	Removed     []string // backups that go after it
	Left        int      // backups there are then
}

// Simulation is what a policy does in a time.
type Simulation struct {
	Events []Event
	Left   []Backup // at the end, the oldest first
	Why    []Decision
	Goes   map[string]time.Time // when backups went that are not left
}

// Simulate returns what the policy does in the time after from, up to and with to, to a volume
// that changes each time and has these backups.
func (p Policy) Simulate(backups []Backup, from, to time.Time) (Simulation, error) {
	s := Simulation{Goes: map[string]time.Time{}, Left: append([]Backup(nil), backups...)}
	for slot := p.Schedule.Next(from); !slot.IsZero() && !slot.After(to); slot = p.Schedule.Next(slot) {
		if len(s.Events) == maxSimulated {
			return s, fmt.Errorf("more than %d runs: ask for a shorter time", maxSimulated)
		}
		kind := p.Next(s.Left)
		b := Backup{ID: fmt.Sprintf("run-%d", len(s.Events)+1), Slot: slot, CreatedAt: slot, Complete: true}
		if kind.Incremental {
			b.ParentID = newest(s.Left).ID
		}
		s.Left = append(s.Left, b)
		e := Event{Slot: slot, ID: b.ID, Incremental: kind.Incremental, Reason: kind.Reason}
		s.Why = Decide(&p, s.Left, slot)
		var left []Backup
		for i, d := range s.Why {
			if d.Keep {
				left = append(left, s.Left[i])
				continue
			}
			e.Removed = append(e.Removed, d.ID)
			s.Goes[d.ID] = slot
		}
		s.Left = left
		e.Left = len(left)
		s.Events = append(s.Events, e)
	}
	s.Why = Decide(&p, s.Left, to)
	return s, nil
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
