package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
	"cindergate/internal/verify/replay"
	"cindergate/internal/verify/report"
)

// sampleReplay is a report with one result of each verdict, and hostile texts in it.
func sampleReplay() *replay.Report {
	exchange := func(id string) *transcript.Exchange {
		x := &transcript.Exchange{ID: id, Case: "ShowBackup " + hostile}
		x.Req.Method, x.Req.Path = "GET", "/v3/p/backups/b?a=it's"
		return x
	}
	sent := sample().Results[1].Deviation.Exchange
	return &replay.Report{URL: "http://cloud.example", Began: time.Unix(1, 0), Took: time.Second, Requests: 3, Left: []string{"volume v"}, Results: []replay.Result{
		{Exchange: exchange("f:1"), Verdict: replay.Same, Sent: sent, Notes: []string{"volumes: others"}},
		{Exchange: exchange("f:2"), Verdict: replay.Differs, Sent: sent, Differences: []transcript.Difference{{Path: "/body/x", Recorded: hostile, Here: transcript.Absent{}}}},
		{Exchange: exchange("f:3"), Verdict: replay.NotSent, Reason: "it needs --write"},
		{Exchange: exchange("f:4"), Verdict: replay.NotSent, Reason: "it needs --write"},
		{Exchange: exchange("f:5"), Verdict: replay.NoAnswer, Reason: hostile},
	}}
}

func writeReplay(t *testing.T, format string, r *replay.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteReplay(&b, format, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReplayText(t *testing.T) {
	got := writeReplay(t, "text", sampleReplay())
	for _, part := range []string{"1 of 5 answers are the same; 1 DIFFER; 2 not sent; 1 without an answer; 1 made and still there\n", "DIFFERS f:2 ShowBackup", "  + (absent)\n", "curl -i -X POST", "NO ANSWER f:5",
		"Not sent:\n  it needs --write\n    f:3, f:4\n", "Not compared:\n  volumes: others\n    f:1\n", "still there: volume v\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in\n%s", part, got)
		}
	}
	if strings.ContainsAny(got, "\x1b\x00") {
		t.Error("control characters reach the terminal")
	}
}

func TestReplayJSON(t *testing.T) {
	var got struct {
		Summary      string
		Same, Differ int
		NotSent      int `json:"not_sent"`
		Exchanges    []struct {
			ID, Verdict, Reason, Curl string
			Differences               []struct{ Path string }
		}
	}
	if err := json.Unmarshal([]byte(writeReplay(t, "json", sampleReplay())), &got); err != nil {
		t.Fatal(err)
	}
	if got.Summary != sampleReplay().Line() || got.Same != 1 || got.Differ != 1 || got.NotSent != 2 || len(got.Exchanges) != 5 ||
		got.Exchanges[1].Differences[0].Path != "/body/x" || got.Exchanges[1].Curl == "" || got.Exchanges[2].Reason != "it needs --write" || got.Exchanges[4].Verdict != "no answer" {
		t.Errorf("%+v", got)
	}
}

func TestReplayJUnit(t *testing.T) {
	var got junitRead
	if err := xml.Unmarshal([]byte(writeReplay(t, "junit", sampleReplay())), &got); err != nil {
		t.Fatal(err)
	}
	cases := got.Suites[0].Cases
	if got.Tests != 5 || got.Failures != 1 || got.Skipped != 3 || cases[0].Failure != nil || !strings.Contains(cases[1].Failure.Text, "/body/x") || cases[2].Skipped == nil || cases[4].Skipped == nil {
		t.Errorf("%+v", got)
	}
}

func TestUnknownReplayFormat(t *testing.T) {
	if err := report.WriteReplay(io.Discard, "html", sampleReplay()); err == nil {
		t.Error("there is a format html")
	}
}

// Nothing that an endpoint answers, and no token, is in a report, unless it is known to be no secret.
func TestReplaysHaveNoSecrets(t *testing.T) {
	const token, secret = "token-of-the-tester", "hush-hush-hush"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Set-Cookie", "X-Odd", "X-Subject-Token"} {
			w.Header().Set(name, secret+r.Header.Get("X-Auth-Token"))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"backup": {"id": "b", "name": "`+r.Header.Get("X-Auth-Token")+`", "auth_key": "`+secret+`", "metadata": {"k": "`+secret+`"}, "x": {"y": ["`+secret+`"]}, "connection_info": {"id": "`+secret+`"}}}`)
	}))
	defer server.Close()
	e, err := verify.Meet(t.Context(), verify.Options{URL: server.URL, Tester: verify.Login{ProjectID: "p", Role: "member", Token: func(context.Context, string) (string, error) { return token, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	nobody := transcript.Exchange{ID: "f:1"}
	nobody.Req.Method, nobody.Req.Path, nobody.Resp.Status, nobody.Resp.Body = "GET", "/v3/p/backups/b", 200, `{"backup": {}}`
	nobody.Resp.Headers = [][2]string{{"Content-Type", "application/json"}}
	member := nobody
	role := "admin"
	member.Role = &role
	r, err := replay.Run(t.Context(), e, replay.Options{Exchanges: []transcript.Exchange{nobody, member}})
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Count(replay.Differs); n != 2 {
		t.Fatalf("%d differ: %+v", n, r.Results)
	}
	for _, format := range report.ReplayFormats() {
		got := writeReplay(t, format, r)
		for _, word := range []string{token, secret} {
			if strings.Contains(got, word) {
				t.Errorf("the report %s has %s:\n%s", format, word, got)
			}
		}
		if !strings.Contains(got, "backup") {
			t.Errorf("the report %s says nothing", format)
		}
	}
}
