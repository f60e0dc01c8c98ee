package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"cindergate/internal/har"
	"cindergate/internal/transcript"
	"cindergate/internal/verify/replay"
)

// replayFormats are the writers of reports of replays.
var replayFormats = map[string]func(io.Writer, *replay.Report) error{
	"text": replayText, "json": replayJSON, "junit": replayJUnit, "har": replayHAR,
}

// ReplayFormats are the names of the formats of replays.
func ReplayFormats() []string { return slices.Sorted(maps.Keys(replayFormats)) }

// WriteReplay writes a report of a replay in a format.
func WriteReplay(w io.Writer, format string, r *replay.Report) error {
	write, ok := replayFormats[format]
	if !ok {
		return fmt.Errorf("there is no format %q", format)
	}
	return write(w, r)
}

// title is an exchange in one line.
func title(x *transcript.Exchange) string {
	return oneLine(strings.TrimSpace(x.ID+" "+x.Case)) + ": " + x.Req.Method + " " + oneLine(x.Req.Path)
}

func replayText(w io.Writer, r *replay.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s, %d requests in %.1f s\n", r.Line(), r.URL, r.Requests, r.Took.Seconds())
	for i := range r.Results {
		switch c := &r.Results[i]; c.Verdict {
		case replay.Differs:
			fmt.Fprintf(&b, "\nDIFFERS %s\n", title(c.Exchange))
			differing(&b, c)
		case replay.NoAnswer:
			fmt.Fprintf(&b, "\nNO ANSWER %s\n  %s\n", title(c.Exchange), oneLine(c.Reason))
		case replay.Same, replay.NotSent:
		}
	}
	grouped(&b, r, "Not sent:", func(c *replay.Result) []string {
		if c.Verdict != replay.NotSent {
			return nil
		}
		return []string{c.Reason}
	})
	grouped(&b, r, "Not compared:", func(c *replay.Result) []string { return c.Notes })
	if len(r.Left) > 0 {
		fmt.Fprintf(&b, "\nMade and still there: %s\n", strings.Join(r.Left, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// differing writes the differences of an answer, the recorded value first, and a command that asks again.
func differing(b *strings.Builder, c *replay.Result) {
	for _, d := range c.Differences {
		fmt.Fprintf(b, "  %s\n  - %s\n  + %s\n", oneLine(d.Path), oneLine(transcript.Show(d.Recorded)), oneLine(transcript.Show(d.Here)))
	}
	fmt.Fprintf(b, "  %s\n", Curl(c.Sent))
}

// grouped writes each text once, with the exchanges that it is about.
func grouped(b *strings.Builder, r *replay.Report, heading string, texts func(*replay.Result) []string) {
	var order []string
	about := map[string][]string{}
	for i := range r.Results {
		for _, text := range texts(&r.Results[i]) {
			if about[text] == nil {
				order = append(order, text)
			}
			about[text] = append(about[text], r.Results[i].Exchange.ID)
		}
	}
	if len(order) > 0 {
		fmt.Fprintf(b, "\n%s\n", heading)
	}
	for _, text := range order {
		ids := about[text]
		rest := ""
		if more := len(ids) - 10; more > 0 {
			ids, rest = ids[:10], fmt.Sprintf(" and %d more", more)
		}
		fmt.Fprintf(b, "  %s\n    %s%s\n", oneLine(text), oneLine(strings.Join(ids, ", ")), rest)
	}
}

type jsonReplay struct {
	Summary   string         `json:"summary"`
	URL       string         `json:"url"`
	Began     time.Time      `json:"began"`
	Seconds   float64        `json:"seconds"`
	Requests  int            `json:"requests"`
	Same      int            `json:"same"`
	Differ    int            `json:"differ"`
	NotSent   int            `json:"not_sent"`
	NoAnswer  int            `json:"no_answer"`
	Left      []string       `json:"left_behind"`
	Exchanges []jsonExchange `json:"exchanges"`
}

type jsonExchange struct {
	ID          string           `json:"id"`
	Case        string           `json:"case"`
	Method      string           `json:"method"`
	Path        string           `json:"path"`
	Verdict     string           `json:"verdict"`
	Reason      string           `json:"reason,omitempty"`
	Notes       []string         `json:"not_compared,omitempty"`
	Differences []jsonDifference `json:"differences,omitempty"`
	Curl        string           `json:"curl,omitempty"`
	Request     *jsonCall        `json:"request,omitempty"`
}

type jsonDifference struct {
	Path     string `json:"path"`
	Recorded any    `json:"recorded,omitempty"`
	Here     any    `json:"here,omitempty"`
}

// present is a value of a difference; nil: there is nothing.
func present(v any) any {
	if v == (transcript.Absent{}) {
		return nil
	}
	return v
}

func replayJSON(w io.Writer, r *replay.Report) error {
	out := jsonReplay{Summary: r.Line(), URL: r.URL, Began: r.Began.UTC(), Seconds: r.Took.Seconds(), Requests: r.Requests, Same: r.Count(replay.Same), Differ: r.Count(replay.Differs),
		NotSent: r.Count(replay.NotSent), NoAnswer: r.Count(replay.NoAnswer), Left: append([]string{}, r.Left...), Exchanges: []jsonExchange{}}
	for i := range r.Results {
		c := &r.Results[i]
		j := jsonExchange{ID: c.Exchange.ID, Case: c.Exchange.Case, Method: c.Exchange.Req.Method, Path: c.Exchange.Req.Path, Verdict: string(c.Verdict), Reason: c.Reason, Notes: c.Notes}
		for _, d := range c.Differences {
			j.Differences = append(j.Differences, jsonDifference{d.Path, present(d.Recorded), present(d.Here)})
		}
		if e := c.Sent; e != nil && c.Verdict == replay.Differs {
			j.Curl, j.Request = Curl(e), &jsonCall{e.Method, e.URL, e.Header, e.Body, e.Status, e.Content}
		}
		out.Exchanges = append(out.Exchanges, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// replayJUnit writes a report as one suite with a test for each exchange.
func replayJUnit(w io.Writer, r *replay.Report) error {
	suite := junitSuite{Name: "replay", Tests: len(r.Results), Failures: r.Count(replay.Differs), Skipped: r.Untried()}
	for i := range r.Results {
		c := &r.Results[i]
		j := junitCase{Name: printable(title(c.Exchange)), Class: "replay", Time: "0"}
		if c.Sent != nil {
			j.Time = fmt.Sprintf("%.3f", c.Sent.Took.Seconds())
		}
		switch c.Verdict {
		case replay.Differs:
			var b strings.Builder
			differing(&b, c)
			j.Failure = &junitMessage{Message: printable(fmt.Sprintf("%d differences, the first at %s", len(c.Differences), c.Differences[0].Path)), Text: printable(b.String())}
		case replay.NotSent, replay.NoAnswer:
			j.Skipped = &junitMessage{Message: printable(string(c.Verdict) + ": " + c.Reason)}
		case replay.Same:
		}
		suite.Cases = append(suite.Cases, j)
	}
	return writeJUnit(w, junitSuites{Name: r.Line(), Tests: suite.Tests, Failures: suite.Failures, Skipped: suite.Skipped, Time: fmt.Sprintf("%.3f", r.Took.Seconds()), Suites: []junitSuite{suite}})
}

// replayHAR writes the requests that were compared in the form of browsers.
func replayHAR(w io.Writer, r *replay.Report) error {
	var entries []har.Entry
	for i := range r.Results {
		if e := r.Results[i].Sent; e != nil {
			entries = append(entries, entryOf(e, r.Results[i].Exchange.ID+": "+string(r.Results[i].Verdict)))
		}
	}
	return har.Write(w, "cindergate verify replay", r.Line(), entries)
}
