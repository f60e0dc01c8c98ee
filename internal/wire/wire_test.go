package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/gateway"
	"cindergate/internal/transcript"
	"cindergate/translate"
)

var start = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func newRecorder() *Recorder { return NewRecorder(clockwork.NewFakeClockAt(start)) }

// pass sends a request through a recorder, to a service that reads the body and answers.
func pass(r *Recorder, method, target, body, answer string, about gateway.Inspected, headers ...string) {
	q := httptest.NewRequest(method, target, strings.NewReader(body))
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w, q, end := r.Begin(httptest.NewRecorder(), q, "req-"+fmt.Sprint(r.Seq()+1))
	_, _ = io.Copy(io.Discard, q.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer)
	if end != nil {
		end(about)
	}
}

func TestExchange(t *testing.T) {
	r := newRecorder()
	pass(r, http.MethodPost, "/v3/p/backups?limit=1&x=hush", `{"backup": {"name": "n", "secret": "hush"}}`, `{"badRequest": {"code": 400, "message": "no"}}`, gateway.Inspected{
		Base: "http://gw", Route: "/v3/:project_id/backups", Operation: "CreateBackup", Backend: "east", ProjectID: "p", Status: 400, Took: time.Second,
		Reason: &translate.Reason{Kind: "InvalidState", Status: 400, Name: "badRequest", Source: "cinder"},
	}, "X-Auth-Token", "hush")
	x := r.Get("req-1")
	if x == nil || x != r.Get("1") || r.Get("req-2") != nil {
		t.Fatalf("%v", r.all)
	}
	text, err := json.Marshal(x)
	if err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("%v: %s", err, text)
	}
	if string(x.Body) != `{"backup":{"name":"n","secret":"(removed)"}}` || string(x.AnswerBody) != `{"badRequest":{"code":400,"message":"no"}}` ||
		*x.Why != (Why{"InvalidState", 400, "badRequest", "cinder"}) || !x.At.Equal(start) || x.AnswerSize != 46 || x.Request["X-Auth-Token"] != transcript.Removed {
		t.Errorf("%s", text)
	}
}

// What is no API is not recorded, nor are bodies that carry keys.
func TestWhatIsNotRecorded(t *testing.T) {
	r := newRecorder()
	for _, path := range []string{"/", "/healthz", "/healthcheck", "/metrics", "/ui/wire", "/v", "/volumes", "/identityx"} {
		pass(r, http.MethodGet, path, "", "{}", gateway.Inspected{})
	}
	q := httptest.NewRequestWithContext(Quiet(t.Context()), http.MethodGet, "/v3/p/backups", nil)
	if _, _, end := r.Begin(httptest.NewRecorder(), q, "req-q"); end != nil || r.Seq() != 0 {
		t.Errorf("%d are recorded", r.Seq())
	}
	for _, path := range []string{"/identity/v3/auth/tokens", "/v3/p/backups/b/export_record", "/v3/p/backups/b/import_record", "/v3/p/os-volume-transfer", "/v3/p/volume-transfers/t/accept", "/v3/p/backups/b/data"} {
		pass(r, http.MethodPost, path, `{"name": "hush"}`, `{"name": "hush"}`, gateway.Inspected{})
		if x := r.Get(fmt.Sprint(r.Seq())); x.Body != nil || x.AnswerBody != nil || x.Path != path {
			t.Errorf("%s: %+v", path, x)
		}
	}
}

// The number and the size of what is recorded have bounds, and so has each body.
func TestBounds(t *testing.T) {
	r := newRecorder()
	r.exchanges = 3
	for range 5 {
		pass(r, http.MethodGet, "/v3/p/backups", "", "{}", gateway.Inspected{})
	}
	if all := r.Find(Filter{}); len(all) != 3 || all[0].Seq != 5 || all[2].Seq != 3 {
		t.Errorf("%d exchanges", len(all))
	}
	r.bytes = 3 * maxBody
	for range 20 {
		r.exchanges = 100
		pass(r, http.MethodPost, "/v3/p/backups", `{"name": "`+strings.Repeat("n ", maxBody/2-10)+`"}`, "{}", gateway.Inspected{})
	}
	if n := len(r.all); n != 2 || r.size > r.bytes {
		t.Errorf("%d exchanges of %d bytes", n, r.size)
	}
	pass(r, http.MethodPost, "/v3/p/backups", `{"name": "`+strings.Repeat("n", 4*maxBody)+`"}`, strings.Repeat(" ", 4*maxBody), gateway.Inspected{})
	if x := r.Find(Filter{})[0]; string(x.Body) != `"[longer than 65536 bytes]"` || string(x.AnswerBody) != `"[longer than 65536 bytes]"` || x.AnswerSize != 4*maxBody {
		t.Errorf("%.90s, %.90s", x.Body, x.AnswerBody)
	}
	sum := 0
	for _, x := range r.all {
		sum += x.size()
	}
	if sum != r.size {
		t.Errorf("the exchanges have %d bytes, and %d are counted", sum, r.size)
	}
}

func TestFilters(t *testing.T) {
	r := newRecorder()
	for i, about := range []gateway.Inspected{
		{Route: "/v3/:project_id/backups", Operation: "ListBackups", ProjectID: "a", Status: 200},
		{Route: "/v3/:project_id/backups/:id", Operation: "ShowBackup", ProjectID: "b", Status: 404},
		{Route: "/v3/:project_id/volumes", Operation: "ListVolumes", ProjectID: "b", Status: 413},
	} {
		pass(r, http.MethodGet, "/v3/p/"+fmt.Sprint(i), "", "{}", about)
	}
	r.all[2].Upstream = []Upstream{{RequestID: "req-up"}}
	for want, f := range map[string]Filter{
		"3 2 1": {}, "3 2": {Project: "b"}, "2 1": {Route: "BACKUP"}, "2": {Status: "404"}, "3 2 ": {Status: "4xx"}, "1": {ID: "req-1"}, " 1": {ID: "1"},
		"3": {ID: "up"}, "": {Project: "a", Status: "404"}, " 3": {Route: "/p/2"},
	} {
		var got []string
		for _, x := range r.Find(f) {
			got = append(got, fmt.Sprint(x.Seq))
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%+v: %v, want %s", f, got, want)
		}
	}
	for status, good := range map[string]bool{"": true, "404": true, "4xx": true, "44": false, "x": false, "9xx": false, "4xx1": false, "-40": false} {
		if (Filter{Status: status}.Check() == "") != good {
			t.Errorf("status %q: %s", status, Filter{Status: status}.Check())
		}
	}
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Requests upstream are parts of the exchange whose context they have, until it ends.
func TestUpstream(t *testing.T) {
	r := newRecorder()
	_, q, end := r.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v3/p/backups", nil), "req-1")
	send := func(ctx context.Context, method, target string, err error) {
		up := Transport(answers(func(*http.Request) (*http.Response, error) {
			if err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: 202, Header: http.Header{"X-Openstack-Request-Id": {"req-up"}}, Body: http.NoBody}, nil
		}))
		to, bad := http.NewRequestWithContext(ctx, method, target, nil)
		if bad != nil {
			t.Fatal(bad)
		}
		resp, got := up.RoundTrip(to)
		if !errors.Is(got, err) {
			t.Error(got)
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
	}
	send(q.Context(), http.MethodPost, "https://u:hush@cloud.example/v3/p/backups?limit=1&X-Amz-Signature=hush", nil)
	send(q.Context(), http.MethodGet, "https://cloud.example/x", fmt.Errorf("GET https://cloud.example/x?hush: %w", context.Canceled))
	send(t.Context(), http.MethodGet, "https://other.example/", nil)
	for range maxUpstream {
		send(q.Context(), http.MethodGet, "https://cloud.example/many", nil)
	}
	end(gateway.Inspected{})
	send(q.Context(), http.MethodGet, "https://late.example/", nil)
	x := r.Get("req-1")
	if len(x.Upstream) != maxUpstream || x.UpstreamCut != 2 {
		t.Errorf("%d requests, %d left out", len(x.Upstream), x.UpstreamCut)
	}
	if u := x.Upstream[0]; u.Status != 202 || u.RequestID != "req-up" || u.Method != http.MethodPost || u.URL != "https://cloud.example/v3/p/backups?X-Amz-Signature=%28removed%29&limit=1" {
		t.Errorf("%+v", u)
	}
	if u := x.Upstream[1]; u.Status != 0 || u.Problem != "cancelled" {
		t.Errorf("%+v", u)
	}
	text, err := json.Marshal(x)
	if err != nil || strings.Contains(string(text), "hush") || strings.Contains(string(text), "late") || strings.Contains(string(text), "other") {
		t.Errorf("%v: %s", err, text)
	}
}

// A request whose context has no exchange goes on as it is, and costs nothing.
func TestTransportWithoutExchange(t *testing.T) {
	answer := &http.Response{Body: http.NoBody}
	wrapped := Transport(answers(func(*http.Request) (*http.Response, error) { return answer, nil }))
	q := httptest.NewRequest(http.MethodGet, "http://x/", nil)
	if n := testing.AllocsPerRun(100, func() { _, _ = wrapped.RoundTrip(q) }); n != 0 { //nolint:bodyclose // it is http.NoBody
		t.Errorf("%v allocations", n)
	}
}

func TestCurl(t *testing.T) {
	r := newRecorder()
	pass(r, http.MethodPost, "/v3/p/backups", `{"backup": {"name": "it's"}}`, "{}", gateway.Inspected{Base: "http://gw"}, "X-Auth-Token", "hush", "Openstack-Api-Version", "volume 3.43")
	want := `curl -i -X 'POST' -H "X-Auth-Token: $OS_TOKEN" -H 'Content-Type: application/json' -H 'Openstack-Api-Version: volume 3.43' --data-raw '{"backup":{"name":"it'\''s"}}' 'http://gw/v3/p/backups'` + "\n"
	if got := r.Get("1").Curl(); got != want {
		t.Errorf("%s", got)
	}
	pass(r, http.MethodPost, "/v3/p/backups", `{"backup": {"key": "hush"}}`, "{}", gateway.Inspected{Base: "http://gw"})
	if got := r.Get("2").Curl(); !strings.HasPrefix(got, "# Parts that may be secret were not recorded") || strings.Contains(got, "X-Auth-Token") {
		t.Errorf("%s", got)
	}
}

// What reads transcripts reads what is saved as a transcript.
func TestTranscript(t *testing.T) {
	r := newRecorder()
	pass(r, http.MethodPost, "/v3/p/backups?limit=1", `{"backup": {"name": "n"}}`, `{"a": 1}`, gateway.Inspected{Base: "http://gw", Operation: "CreateBackup", Role: "member", ProjectID: "p", Status: 202}, "Openstack-Api-Version", "volume 3.43")
	pass(r, http.MethodPost, "/v3/p/backups", `{"backup": {"key": "hush"}}`, "{}", gateway.Inspected{Status: 202})
	pass(r, http.MethodPost, "/v3/p/volumes", `{"volume": {"metadata": {"k": "hush"}}}`, "{}", gateway.Inspected{Status: 202})
	pass(r, http.MethodPost, "/v3/p/volumes", `{"volume": {"metadata": {"k": "hush"}}}`, "{}", gateway.Inspected{Status: 400})
	pass(r, http.MethodPost, "/identity/v3/auth/tokens", `{}`, "{}", gateway.Inspected{})
	pass(r, http.MethodGet, "/v3/p/volumes", "", "{}", gateway.Inspected{Status: 200}, "Content-Length", "0")
	var out bytes.Buffer
	if err := Transcript(&out, r.Find(Filter{})); err != nil {
		t.Error(err)
	}
	all, err := transcript.Read("f", &out)
	if err != nil || len(all) != 5 {
		t.Fatalf("%v: %+v", err, all)
	}
	for i, incomplete := range []bool{false, true, false, true, false} {
		if all[i].Incomplete != incomplete {
			t.Errorf("%d: %+v", i, all[i])
		}
	}
	if body := *all[2].Req.Body; body != `{"volume":{"metadata":{"k":"(removed)"}}}` || strings.Contains(out.String(), "hush") {
		t.Errorf("%s", body)
	}
	x := all[0]
	if x.Base != "http://gw" || x.Project != "p" || x.Resp.Size != 8 || x.Req.Method != http.MethodPost || x.Req.Path != "/v3/p/backups?limit=1" || *x.Req.Microversion != "3.43" || *x.Req.Body != `{"backup":{"name":"n"}}` || *x.Role != "member" ||
		x.Resp.Status != 202 || x.Resp.Body != `{"a":"(removed)"}` {
		t.Errorf("%+v", x)
	}
}

func TestHAR(t *testing.T) {
	r := newRecorder()
	pass(r, http.MethodPost, "/v3/p/backups?limit=1", `{"backup": {"name": "n"}}`, `{"name": "m"}`, gateway.Inspected{Base: "http://gw", Status: 202, Took: 1500 * time.Microsecond})
	var out bytes.Buffer
	if err := HAR(&out, r.Find(Filter{})); err != nil {
		t.Fatal(err)
	}
	var archive struct {
		Log struct {
			Version string
			Entries []struct {
				Time            float64
				StartedDateTime time.Time
				Request         struct {
					Method, URL string
					PostData    struct{ MimeType, Text string }
				}
				Response struct {
					Status  int
					Content struct{ Text string }
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &archive); err != nil {
		t.Fatal(err)
	}
	e := archive.Log.Entries[0]
	if archive.Log.Version != "1.2" || e.Request.URL != "http://gw/v3/p/backups?limit=1" || e.Request.PostData.Text != `{"backup":{"name":"n"}}` || e.Request.PostData.MimeType != "application/json" ||
		e.Response.Status != 202 || e.Response.Content.Text != `{"name":"m"}` || e.Time != 1.5 || !e.StartedDateTime.Equal(start) {
		t.Errorf("%s", out.String())
	}
}

// Requests come and are looked at at the same time.
func TestAtOnce(t *testing.T) {
	r := newRecorder()
	r.exchanges = 10
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				pass(r, http.MethodPost, "/v3/p/backups", `{"name": "n"}`, "{}", gateway.Inspected{Status: 200})
				if err := HAR(io.Discard, r.Find(Filter{Status: "2xx"})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if r.Seq() != 400 || len(r.all) != 10 {
		t.Errorf("%d recorded, %d kept", r.Seq(), len(r.all))
	}
}
