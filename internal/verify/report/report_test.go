package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"cindergate/internal/verify"
	"cindergate/internal/verify/report"
)

const hostile = "<script>alert('1')</script>\x1b[31m & \"quoted\" it's\x00"

// sample is a report with one result of each outcome, and hostile texts in it.
func sample() *verify.Report {
	find := func(name string) *verify.Case {
		for _, c := range verify.Cases() {
			if c.Name == name {
				return c
			}
		}
		panic(name)
	}
	e := &verify.Exchange{Who: verify.Tester, Method: "POST", URL: "http://cloud.example/v3/p/backups?a=it's", Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"x": "it's"}`, Status: 500, Reason: "Internal Server Error", Answer: http.Header{"X-Odd": {hostile}}, Content: hostile, Began: time.Unix(1, 0), Took: time.Second}
	return &verify.Report{URL: "http://cloud.example", RunID: "0a1b2c3d", Role: "member", Microversion: "3.70", Began: time.Unix(1, 0), Took: time.Minute, Requests: 3,
		Release: verify.Release{Name: "Zed", Signs: []string{"microversions up to 3.70"}}, Left: []string{"volume x: " + hostile},
		Results: []verify.Result{
			{Case: find("list"), Microversion: "3.0", Role: "member", Outcome: verify.Passed, Exchanges: []*verify.Exchange{e}},
			{Case: find("delete-with-dependents"), Microversion: "3.70", Role: "member", Outcome: verify.Deviates, Deviation: &verify.Deviation{Expected: "400", Got: hostile, Exchange: e}, Exchanges: []*verify.Exchange{e}},
			{Case: find("v2-list"), Microversion: "3.0", Role: "member", Outcome: verify.NotOffered, Reason: hostile},
			{Case: find("other-show"), Microversion: "3.70", Role: "other project", Outcome: verify.NotTested, Reason: "no login"},
		}}
}

func write(t *testing.T, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, sample()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLine(t *testing.T) {
	const want = "1 of 3 capabilities; behaves like Zed; 1 deviation; 1 DATA RISK; 1 case not tested; 1 thing LEFT BEHIND"
	if got := sample().Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestText(t *testing.T) {
	got := write(t, "text")
	for _, part := range []string{"DATA RISK delete-with-dependents at 3.70, as member", "- 400\n", "+ <script>", "Source: cinder/backup/api.py:API.delete", "curl -i -X POST", "Not offered:\n  v2-list: ", "Not tested:\n  other-show: no login",
		"LEFT BEHIND", "delete a backup  -       0/1 RISK"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
	if strings.ContainsAny(got, "\x1b\x00") {
		t.Error("control characters of the endpoint reach the terminal")
	}
}

func TestJSON(t *testing.T) {
	var got struct {
		Summary string
		Cases   []struct{ Name, Outcome, Expected, Got, Curl string }
	}
	if err := json.Unmarshal([]byte(write(t, "json")), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Cases) != 4 || got.Cases[1].Got != hostile || got.Cases[1].Outcome != "deviates" || got.Cases[1].Curl == "" || got.Cases[2].Outcome != "not offered" {
		t.Errorf("%+v", got)
	}
}

// junitRead is what tests read of a JUnit report.
type junitRead struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Cases []struct {
			Failure *struct {
				Text string `xml:",chardata"`
			} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func TestJUnit(t *testing.T) {
	var got junitRead
	if err := xml.Unmarshal([]byte(write(t, "junit")), &got); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, s := range got.Suites {
		for _, c := range s.Cases {
			if c.Failure != nil && strings.Contains(c.Failure.Text, "alert('1')") {
				failed++
			}
		}
	}
	if got.Tests != 4 || got.Failures != 1 || got.Skipped != 2 || failed != 1 {
		t.Errorf("%+v", got)
	}
}

// The page is one file: it has no script, and nothing that a browser would load. It can be read
// on a dark screen.
func TestHTML(t *testing.T) {
	got := write(t, "html")
	if regexp.MustCompile(`(?i)<script|<link|<img|src=|href=|@import|url\(`).MatchString(got) {
		t.Error("the page has a script or loads something")
	}
	for _, part := range []string{"&lt;script&gt;", "prefers-color-scheme: dark", "color-scheme: light dark", "Content-Security-Policy", "DATA RISK", "curl -i", "<!DOCTYPE html>"} {
		if !strings.Contains(got, part) {
			t.Errorf("there is no %s", part)
		}
	}
	d := xml.NewDecoder(strings.NewReader(got))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestHAR(t *testing.T) {
	var got struct {
		Log struct {
			Version string
			Entries []struct {
				Comment  string
				Request  struct{ Method, URL string }
				Response struct{ Status int }
			}
		}
	}
	if err := json.Unmarshal([]byte(write(t, "har")), &got); err != nil {
		t.Fatal(err)
	}
	if e := got.Log.Entries; got.Log.Version != "1.2" || len(e) != 2 || e[1].Request.Method != "POST" || e[1].Response.Status != 500 || e[0].Comment != "list" {
		t.Errorf("%+v", got)
	}
}

func TestBadge(t *testing.T) {
	var b bytes.Buffer
	if err := report.Badge(&b, sample()); err != nil {
		t.Fatal(err)
	}
	var svg struct {
		XMLName xml.Name `xml:"svg"`
		Title   string   `xml:"title"`
	}
	if err := xml.Unmarshal(b.Bytes(), &svg); err != nil || svg.Title != "Cinder backup API: 1 of 3 capabilities, DATA RISK" {
		t.Errorf("%v: %s", err, &b)
	}
	empty := &verify.Report{Release: verify.Release{Name: "Zed"}}
	b.Reset()
	if err := report.Badge(&b, empty); err != nil || !strings.Contains(b.String(), "not tested") {
		t.Errorf("%v: %s", err, &b)
	}
}

// A shell takes the words of the curl command apart again.
func TestCurlIsQuoted(t *testing.T) {
	e := sample().Results[1].Deviation.Exchange
	out, err := exec.Command("/bin/sh", "-c", "curl() { printf '%s\\n' \"$@\"; }; OS_TOKEN='a token'; "+report.Curl(e)).Output()
	want := "-i\n-X\nPOST\n-H\nX-Auth-Token: a token\n-H\nContent-Type: application/json\n--data-raw\n" + e.Body + "\n" + e.URL + "\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: got %s\nwant %s", err, out, want)
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := report.Write(io.Discard, "pdf", sample()); err == nil {
		t.Error("there is a format pdf")
	}
}
