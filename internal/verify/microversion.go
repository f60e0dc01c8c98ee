package verify

import (
	"fmt"
	"regexp"
)

// newest is the last microversion that the cases know. A newer one may change the rules.
const newest = "3.71"

var versionPattern = regexp.MustCompile(`^3\.(0|[1-9][0-9]{0,3})$`)

// minor returns the N of 3.N; 0 for anything else.
func minor(version string) int {
	n := 0
	if versionPattern.MatchString(version) {
		_, _ = fmt.Sscanf(version, "3.%d", &n)
	}
	return n
}

func older(a, b string) bool { return minor(a) < minor(b) }

func oldest(a, b string) string {
	if older(b, a) {
		return b
	}
	return a
}

// at returns the microversions to try a case at: the newest one, and for cases that change
// nothing the oldest one as well. None means that the endpoint is too old.
func (c *Case) at(highest string) []string {
	from, to := c.From, c.To
	if from == "" {
		from = "3.0"
	}
	if to == "" {
		to = newest
	}
	to = oldest(to, highest)
	switch {
	case older(to, from):
		return nil
	case c.Level == ReadOnly && from != to:
		return []string{from, to}
	}
	return []string{to}
}
