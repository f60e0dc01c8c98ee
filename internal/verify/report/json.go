package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

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

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harBody struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
}

// HAR writes all requests in the form of browsers (HTTP Archive 1.2).
func HAR(w io.Writer, r *verify.Report) error {
	var entries []map[string]any
	add := func(e *verify.Exchange, comment string) {
		if e == nil {
			return
		}
		request := map[string]any{"method": e.Method, "url": e.URL, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Header),
			"queryString": query(e.URL), "headersSize": -1, "bodySize": len(e.Body)}
		if e.Body != "" {
			request["postData"] = harBody{e.Header.Get("Content-Type"), e.Body}
		}
		ms := float64(e.Took.Microseconds()) / 1000
		entries = append(entries, map[string]any{
			"startedDateTime": e.Began.UTC().Format(time.RFC3339Nano), "time": ms, "request": request, "cache": map[string]any{}, "comment": comment,
			"timings": map[string]any{"send": 0, "wait": ms, "receive": 0},
			"response": map[string]any{"status": e.Status, "statusText": e.Reason, "httpVersion": "HTTP/1.1", "cookies": []any{}, "headers": pairs(e.Answer),
				"redirectURL": e.Answer.Get("Location"), "headersSize": -1, "bodySize": e.Size,
				"content": map[string]any{"size": e.Size, "mimeType": e.Answer.Get("Content-Type"), "text": e.Content}},
		})
	}
	for _, e := range r.Exchanges {
		add(e, "")
	}
	for i := range r.Results {
		for _, e := range r.Results[i].Exchanges {
			add(e, r.Results[i].Case.Name)
		}
	}
	slices.SortStableFunc(entries, func(a, b map[string]any) int {
		return strings.Compare(a["startedDateTime"].(string), b["startedDateTime"].(string))
	})
	if entries == nil {
		entries = []map[string]any{}
	}
	out := map[string]any{"log": map[string]any{"version": "1.2", "creator": map[string]string{"name": "cindergate verify", "version": "1"}, "entries": entries, "comment": r.Line()}}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(out)
}

func pairs(h http.Header) []harPair {
	all := []harPair{}
	for name, values := range h {
		for _, v := range values {
			all = append(all, harPair{name, v})
		}
	}
	slices.SortFunc(all, func(a, b harPair) int { return strings.Compare(a.Name+a.Value, b.Name+b.Value) })
	return all
}

func query(address string) []harPair {
	u, err := url.Parse(address)
	if err != nil {
		return []harPair{}
	}
	return pairs(http.Header(u.Query()))
}
