package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Backup is what decisions need to know of a backup of a volume.
type Backup struct {
	ID        string    `json:"id"`
	ParentID  string    `json:"parent_id,omitempty"` // of an incremental backup
	Slot      time.Time `json:"slot,omitzero"`       // of its run; zero: it was made by hand
	CreatedAt time.Time `json:"created_at"`
	Complete  bool      `json:"complete"`         // it can be restored
	Status    string    `json:"status,omitempty"` // in words, for reasons
	Expires   time.Time `json:"expires,omitzero"` // zero: it does not
	Locked    time.Time `json:"locked,omitzero"`  // until when it cannot be deleted; zero: it can
	// Fixed says that it cannot be rebased: it stays on its parent, and is not taken from under its children.
	Fixed bool `json:"fixed,omitempty"`
	// Outgrown says that the volume is larger by now: no incremental backup can build on it
	// (cinder/backup/chunkeddriver.py backup).
	Outgrown bool `json:"outgrown,omitempty"`
}

// At returns the point in time that the backup stands for.
func (b Backup) At() time.Time {
	if b.Slot.IsZero() {
		return b.CreatedAt
	}
	return b.Slot
}

// Decision says whether a backup is kept, and why.
type Decision struct {
	ID      string   `json:"id"`
	Keep    bool     `json:"keep"`
	Reasons []string `json:"reasons"`
}

// Decide returns what happens to the backups of one volume, in the order in which they were
// passed. p is nil if the volume has no policy.
//
// Only complete backups of runs go by the policy's rules. The newest of them stays in any case.
// Backups that are made by hand go when they expire. A backup that others build on stays as long
// as one of them does; with rebases, only as long as one of them is not complete or cannot be rebased.
func Decide(p *Policy, backups []Backup, now time.Time, rebases bool) []Decision {
	decisions := make([]Decision, len(backups))
	var points []int // of the policy, the newest first
	for i, b := range backups {
		decisions[i] = Decision{ID: b.ID, Keep: true}
		switch {
		case b.Slot.IsZero() && b.Expires.IsZero():
			decisions[i].Reasons = []string{"it was made by hand"}
		case b.Slot.IsZero() && b.Expires.After(now):
			decisions[i].Reasons = []string{"it expires " + b.Expires.UTC().Format(time.RFC3339)}
		case !b.Complete:
			decisions[i].Reasons = []string{"its status is " + cmp.Or(b.Status, "not available")}
		case b.Slot.IsZero():
			decisions[i].Keep, decisions[i].Reasons = false, []string{"it expired " + b.Expires.UTC().Format(time.RFC3339)}
		default:
			points = append(points, i)
		}
	}
	slices.SortStableFunc(points, func(i, j int) int { return backups[j].At().Compare(backups[i].At()) })
	times := make([]time.Time, len(points))
	for n, i := range points {
		times[n] = backups[i].At()
	}
	for n, reasons := range p.reasons(times, now) {
		b, d := backups[points[n]], &decisions[points[n]]
		if expired := !b.Expires.IsZero() && !b.Expires.After(now); expired {
			reasons = nil
			d.Reasons = []string{"it expired " + b.Expires.UTC().Format(time.RFC3339)}
		}
		if n == 0 {
			reasons = append(reasons, "it is the newest complete one")
		}
		if d.Keep = len(reasons) > 0; d.Keep {
			d.Reasons = reasons
		} else if d.Reasons == nil {
			d.Reasons = []string{"no rule keeps it (" + p.Keep.String() + ")"}
		}
	}
	for i, b := range backups {
		if d := &decisions[i]; !d.Keep && b.Locked.After(now) {
			d.Keep, d.Reasons = true, []string{"it is locked until " + b.Locked.UTC().Format(time.RFC3339)}
		}
	}
	keepParents(backups, decisions, now, rebases)
	return decisions
}

// reasons returns why each point is kept.
func (p *Policy) reasons(points []time.Time, now time.Time) [][]string {
	if p != nil {
		return p.Keep.Apply(points, now, p.Schedule.location)
	}
	all := make([][]string, len(points))
	for i := range all {
		all[i] = []string{"the volume has no policy"}
	}
	return all
}

// keepParents keeps what kept backups build on.
func keepParents(backups []Backup, decisions []Decision, now time.Time, rebases bool) {
	index := map[string]int{}
	for i, b := range backups {
		index[b.ID] = i
	}
	needed := map[int][]string{}
	for i, b := range backups {
		if !decisions[i].Keep {
			continue
		}
		whole := !rebases || !b.Complete || b.Locked.After(now) // all of its chain stays
		for range len(backups) {                                // a damaged row may be its own ancestor
			parent, known := index[b.ParentID]
			if b.ParentID == "" || !known {
				break
			}
			if whole || b.Fixed || backups[parent].Fixed {
				needed[parent] = append(needed[parent], decisions[i].ID)
			}
			b = backups[parent]
		}
	}
	for i, by := range needed {
		if decisions[i].Keep {
			continue
		}
		decisions[i].Keep = true
		text := "backup " + by[0] + " builds on it"
		if len(by) > 1 {
			text = "backups " + strings.Join(by[:min(len(by), 3)], ", ") + " build on it"
		}
		decisions[i].Reasons = []string{text}
	}
}

// Goers returns the ids of the backups that go, in an order in which they can be deleted:
// children before their parents.
func Goers(backups []Backup, decisions []Decision) []string {
	parent := map[string]string{}
	for _, b := range backups {
		parent[b.ID] = b.ParentID
	}
	depth := func(id string) (n int) {
		for id = parent[id]; id != "" && n < len(backups); id = parent[id] {
			n++
		}
		return n
	}
	var going []string
	for _, d := range decisions {
		if !d.Keep {
			going = append(going, d.ID)
		}
	}
	slices.SortStableFunc(going, func(a, b string) int { return depth(b) - depth(a) })
	return going
}

// Kind is what kind of backup a run makes.
type Kind struct {
	Incremental bool
	Synthetic   bool // a full one that is made of the chain, where the backend can
	Reason      string
}

// Next returns the kind of the next backup of a volume with these backups.
func (p Policy) Next(backups []Backup) Kind {
	if p.Chain == 1 {
		return Kind{Reason: "the policy says full"}
	}
	byID := map[string]Backup{}
	for _, b := range backups {
		byID[b.ID] = b
	}
	last := newest(backups)
	if last.ID == "" {
		return Kind{Reason: "there is no complete backup to build on"}
	}
	if last.Outgrown {
		return Kind{Reason: "the volume is larger than its newest backup"}
	}
	length := 1
	for b := last; b.ParentID != ""; length++ {
		parent, known := byID[b.ParentID]
		if !known || !parent.Complete || length > len(backups) {
			return Kind{Reason: "the chain of the newest backup is not complete"}
		}
		b = parent
	}
	if length >= p.Chain && p.Synthetic {
		return Kind{Synthetic: true, Reason: "the chain has its " + counted(p.Chain, "backup") + ", and the new one is made of them"}
	}
	if length >= p.Chain {
		return Kind{Reason: "the chain has its " + counted(p.Chain, "backup")}
	}
	return Kind{Incremental: true, Reason: "the chain has " + counted(length, "backup") + " of " + counted(p.Chain, "")}
}
