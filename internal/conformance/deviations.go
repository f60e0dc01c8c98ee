package conformance

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// deviation is an entry of wire/deviations.json, which acceptance/record/record.py reads,
// too: in which exchanges which members differ, and why.
type deviation struct {
	Trace   string   `json:"trace"`
	IDs     []string `json:"ids"`     // patterns of exchanges
	Members []string `json:"members"` // how the paths of differences begin
	Reason  string   `json:"reason"`
}

// Listing is the deviations of one trace. It notes which of them occur.
type Listing struct {
	entries []deviation
	used    map[string]bool // by entry and pattern
}

// Deviations returns the listed deviations of a trace: golden, for the transcripts, or
// lists. An entry without a reason is an error.
func Deviations(trace string) (*Listing, error) {
	text, err := wire.ReadFile("wire/deviations.json")
	if err != nil {
		return nil, err
	}
	var all []deviation
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("deviations.json: %w", err)
	}
	l := &Listing{used: map[string]bool{}}
	for _, d := range all {
		if d.Reason == "" {
			return nil, fmt.Errorf("deviations.json: the deviation of %v has no reason", d.IDs)
		}
		if d.Trace == trace {
			l.entries = append(l.entries, d)
		}
	}
	return l, nil
}

// Has reports whether a difference at a path, in the exchange of an id, is listed.
func (l *Listing) Has(id, at string) bool {
	for i, d := range l.entries {
		for _, pattern := range d.IDs {
			matches, err := path.Match(pattern, id)
			if err == nil && matches && slices.ContainsFunc(d.Members, func(m string) bool { return strings.HasPrefix(at, m) }) {
				l.used[fmt.Sprint(i, pattern)] = true
				return true
			}
		}
	}
	return false
}

// Unused returns the listed deviations that Has was not asked about.
func (l *Listing) Unused() []string {
	var all []string
	for i, d := range l.entries {
		for _, pattern := range d.IDs {
			if !l.used[fmt.Sprint(i, pattern)] {
				all = append(all, pattern+" "+strings.Join(d.Members, " "))
			}
		}
	}
	return all
}
