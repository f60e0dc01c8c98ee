package gateway_test

import (
	"testing"

	"cindergate/internal/conformance"
)

// TestGoldenReplay sends the requests that clients sent to a real Cinder, in the same
// order, and compares the answers; see package conformance. Every difference must be
// listed, and every listed difference must occur.
func TestGoldenReplay(t *testing.T) {
	s := newStage(t)
	before, after := s.before(), s.after()
	tokens := map[string]string{}
	for role := range roles {
		tokens[role] = role
	}
	run := func(steps map[string]func()) func(string) error {
		return func(id string) error {
			if step, ok := steps[id]; ok {
				step()
			}
			return nil
		}
	}
	server := conformance.Server{
		URL: s.server.URL, Client: s.client, Tokens: tokens, Before: run(before), After: run(after),
		Known: func(id string) bool { return s.known[id] },
	}
	report, err := server.Run(t.Context())
	must(t, err)
	for _, r := range report.Results {
		for _, d := range r.Unlisted {
			t.Errorf("%s %s: %s %s\n  %s", r.Exchange.ID, r.Exchange.Case, r.Exchange.Req.Method, r.Exchange.Req.Path, d)
		}
	}
	for _, stale := range report.Stale {
		t.Errorf("listed as a deviation, but not there any more: %s", stale)
	}
	if n := report.Count(conformance.NotSent); n > 0 {
		t.Errorf("%d requests were not sent", n)
	}
	t.Logf("golden replay: %d requests, %d equal, %d with listed deviations, %d failed",
		len(report.Results), report.Count(conformance.Same), report.Count(conformance.Deviates), report.Count(conformance.Differs))
}
