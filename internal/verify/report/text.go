// Package report writes what came of a verification or of a replay: as text, JSON, JUnit XML, HTML, a HAR
// file, and as a badge.
package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"cindergate/internal/verify"
)

// Text writes a report for a terminal.
func Text(w io.Writer, r *verify.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Line())
	fmt.Fprintf(&b, "%s as %s, run %s, %d requests in %.1f s\n", r.URL, r.Role, r.RunID, r.Requests, r.Took.Seconds())
	fmt.Fprintf(&b, "Release: %s (%s)\n\n", r.Release.Name, strings.Join(r.Release.Signs, "; "))
	matrix(&b, r)
	for i := range r.Results {
		if c := &r.Results[i]; c.Outcome == verify.Deviates {
			deviation(&b, c)
		}
	}
	reasons(&b, r, verify.NotOffered, "Not offered:")
	reasons(&b, r, verify.NotTested, "Not tested:")
	if len(r.Left) > 0 {
		b.WriteString("\nLEFT BEHIND; cindergate verify --cleanup removes it later:\n")
		for _, l := range r.Left {
			fmt.Fprintf(&b, "  %s\n", oneLine(l))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// column is a column of the matrix: one role at one microversion.
type column struct{ role, microversion string }

// columns returns the columns of the matrix, by role and then by microversion.
func columns(r *verify.Report) []column {
	var all []column
	for i := range r.Results {
		c := column{r.Results[i].Role, r.Results[i].Microversion}
		if c.microversion != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	roles := map[string]int{r.Role: 1, "other project": 2, "admin": 3}
	slices.SortFunc(all, func(a, b column) int {
		return cmp.Or(cmp.Compare(roles[a.role], roles[b.role]), compareVersions(a.microversion, b.microversion))
	})
	return all
}

func compareVersions(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// cell is a score in a few letters.
func cell(s verify.Score) string {
	tried := s.Passed + s.Deviates
	switch {
	case tried > 0 && s.Risk:
		return fmt.Sprintf("%d/%d RISK", s.Passed, tried)
	case tried > 0:
		return fmt.Sprintf("%d/%d", s.Passed, tried)
	case s.NotOffered > 0:
		return "not offered"
	case s.NotTested > 0:
		return "not tested"
	}
	return "-"
}

func matrix(b *strings.Builder, r *verify.Report) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	cols := columns(r)
	for _, c := range cols {
		fmt.Fprintf(t, "\t%s", c.role)
	}
	fmt.Fprint(t, "\nCapability")
	for _, c := range cols {
		fmt.Fprintf(t, "\t%s", c.microversion)
	}
	fmt.Fprintln(t)
	for _, s := range r.Capabilities() {
		fmt.Fprint(t, s.Capability)
		if s.NotOffered > 0 && !s.Tried() {
			fmt.Fprint(t, "\tnot offered\n")
			continue
		}
		for _, c := range cols {
			fmt.Fprintf(t, "\t%s", cell(r.Cell(s.Capability, c.role, c.microversion)))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // to a strings.Builder
}

func deviation(b *strings.Builder, r *verify.Result) {
	title := "DEVIATION"
	if r.Case.Risk {
		title = "DATA RISK"
	}
	fmt.Fprintf(b, "\n%s %s at %s, as %s\n  Rule:   %s\n  Source: %s\n", title, r.Case.Name, r.Microversion, r.Role, r.Case.Rule, r.Case.Source)
	for _, line := range Diff(r.Deviation) {
		fmt.Fprintf(b, "  %s\n", line)
	}
	if e := r.Deviation.Exchange; e != nil {
		fmt.Fprintf(b, "  %s\n", Curl(e))
	}
}

// Diff is a deviation as the lines of a diff.
func Diff(d *verify.Deviation) []string {
	return []string{"- " + oneLine(d.Expected), "+ " + oneLine(d.Got)}
}

// oneLine makes control characters harmless: a terminal must not obey an endpoint.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, text)
}

// reasons lists each reason of an outcome once, with its cases.
func reasons(b *strings.Builder, r *verify.Report, outcome verify.Outcome, title string) {
	var order []string
	cases := map[string][]string{}
	for i := range r.Results {
		c := &r.Results[i]
		if c.Outcome != outcome {
			continue
		}
		if cases[c.Reason] == nil {
			order = append(order, c.Reason)
		}
		if !slices.Contains(cases[c.Reason], c.Case.Name) {
			cases[c.Reason] = append(cases[c.Reason], c.Case.Name)
		}
	}
	if len(order) > 0 {
		fmt.Fprintf(b, "\n%s\n", title)
	}
	for _, reason := range order {
		fmt.Fprintf(b, "  %s: %s\n", strings.Join(cases[reason], ", "), oneLine(reason))
	}
}
