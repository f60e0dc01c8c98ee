package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"cindergate/internal/har"
	"cindergate/internal/verify"
)

// jsonReport is the form of JSON reports.
type jsonReport struct {
	Summary      string           `json:"summary"`
	URL          string           `json:"url"`
	Run          string           `json:"run"`
	Began        time.Time        `json:"began"`
	Seconds      float64          `json:"seconds"`
	Role         string           `json:"role"`
	Microversion string           `json:"microversion"`
	Release      string           `json:"release"`
	Signs        []string         `json:"release_signs"`
	Requests     int              `json:"requests"`
	Ended        string           `json:"ended_early,omitempty"`
	Left         []string         `json:"left_behind"`
	Capabilities []jsonCapability `json:"capabilities"`
	Cases        []jsonCase       `json:"cases"`
}

type jsonCapability struct {
	Name       string `json:"name"`
	Works      bool   `json:"works"`
	Passed     int    `json:"passed"`
	Deviates   int    `json:"deviates"`
	NotOffered int    `json:"not_offered"`
	NotTested  int    `json:"not_tested"`
}

type jsonCase struct {
	Name         string    `json:"name"`
	Capability   string    `json:"capability"`
	Level        string    `json:"level"`
	Microversion string    `json:"microversion"`
	Role         string    `json:"role"`
	Rule         string    `json:"rule"`
	Source       string    `json:"source"`
	Outcome      string    `json:"outcome"`
	Reason       string    `json:"reason,omitempty"`
	DataRisk     bool      `json:"data_risk,omitempty"`
	Expected     string    `json:"expected,omitempty"`
	Got          string    `json:"got,omitempty"`
	Curl         string    `json:"curl,omitempty"`
	Request      *jsonCall `json:"request,omitempty"`
	Seconds      float64   `json:"seconds"`
}

type jsonCall struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body,omitempty"`
	Status  int         `json:"status"`
	Answer  string      `json:"answer,omitempty"`
}

// JSON writes a report for programs.
func JSON(w io.Writer, r *verify.Report) error {
	out := jsonReport{Summary: r.Line(), URL: r.URL, Run: r.RunID, Began: r.Began.UTC(), Seconds: r.Took.Seconds(), Role: r.Role, Microversion: r.Microversion,
		Release: r.Release.Name, Signs: r.Release.Signs, Requests: r.Requests, Ended: r.Ended, Left: slices.Clone(r.Left)}
	if out.Left == nil {
		out.Left = []string{}
	}
	for _, s := range r.Capabilities() {
		out.Capabilities = append(out.Capabilities, jsonCapability{s.Capability, s.Works(), s.Passed, s.Deviates, s.NotOffered, s.NotTested})
	}
	for i := range r.Results {
		c := &r.Results[i]
		j := jsonCase{Name: c.Case.Name, Capability: c.Case.Capability, Level: string(c.Case.Level), Microversion: c.Microversion, Role: c.Role, Rule: c.Case.Rule,
			Source: c.Case.Source, Outcome: string(c.Outcome), Reason: c.Reason, Seconds: c.Took.Seconds()}
		if d := c.Deviation; d != nil {
			j.DataRisk, j.Expected, j.Got = c.Case.Risk, d.Expected, d.Got
			if e := d.Exchange; e != nil {
				j.Curl, j.Request = Curl(e), &jsonCall{e.Method, e.URL, e.Header, e.Body, e.Status, e.Content}
			}
		}
		out.Cases = append(out.Cases, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes a report for systems that show tests: one suite for each capability.
func JUnit(w io.Writer, r *verify.Report) error {
	out := junitSuites{Name: r.Line(), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, s := range r.Capabilities() {
		suite := junitSuite{Name: s.Capability}
		for i := range r.Results {
			c := &r.Results[i]
			if c.Case.Capability != s.Capability {
				continue
			}
			j := junitCase{Name: strings.TrimSpace(c.Case.Name + " " + c.Microversion), Class: s.Capability, Time: fmt.Sprintf("%.3f", c.Took.Seconds())}
			suite.Tests++
			switch c.Outcome {
			case verify.Deviates:
				var b strings.Builder
				deviation(&b, c)
				j.Failure = &junitMessage{Message: printable(c.Deviation.Got), Text: printable(b.String())}
				suite.Failures++
			case verify.NotOffered, verify.NotTested:
				j.Skipped = &junitMessage{Message: printable(string(c.Outcome) + ": " + c.Reason)}
				suite.Skipped++
			case verify.Passed:
			}
			suite.Cases = append(suite.Cases, j)
		}
		out.Tests, out.Failures, out.Skipped = out.Tests+suite.Tests, out.Failures+suite.Failures, out.Skipped+suite.Skipped
		out.Suites = append(out.Suites, suite)
	}
	return writeJUnit(w, out)
}

func writeJUnit(w io.Writer, out junitSuites) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// printable keeps what XML can hold.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' || c >= ' ' && c != 0x7f && c != 0xFFFE && c != 0xFFFF {
			return c
		}
		return ' '
	}, text)
}

// HAR writes all requests in the form of browsers (HTTP Archive 1.2).
func HAR(w io.Writer, r *verify.Report) error {
	var entries []har.Entry
	add := func(e *verify.Exchange, comment string) {
		if e != nil {
			entries = append(entries, entryOf(e, comment))
		}
	}
	for _, e := range r.Exchanges {
		add(e, "")
	}
	for i := range r.Results {
		for _, e := range r.Results[i].Exchanges {
			add(e, r.Results[i].Case.Name)
		}
	}
	return har.Write(w, "cindergate verify", r.Line(), entries)
}

func entryOf(e *verify.Exchange, comment string) har.Entry {
	return har.Entry{Method: e.Method, URL: e.URL, Request: e.Header, Answer: e.Answer, Body: e.Body, AnswerBody: e.Content,
		Status: e.Status, Reason: e.Reason, Size: e.Size, Began: e.Began, Took: e.Took, Comment: comment}
}
