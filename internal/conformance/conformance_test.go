package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cindergate/internal/transcript"
)

const (
	recordedProject = "cf1fc86742f34103910146a3e01fb40a"
	ownProject      = "11111111111111111111111111111111"
	recordedBackup  = "9ae1a3c1-6286-491b-94df-67fa0fc29527"
)

// parrot answers every request as Cinder did, in the order of the transcripts, with its own
// URL and project. change may alter an answer.
func parrot(t *testing.T, change func(id string, body string) string) *httptest.Server {
	t.Helper()
	var all []transcript.Exchange
	for _, name := range Transcripts {
		some, err := Transcript(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := all[0]
		all = all[1:]
		own := strings.NewReplacer(recordedProject, ownProject, recordedBase, server.URL)
		want := own.Replace(x.Req.Path)
		if want == "" {
			want = "/"
		}
		if r.Method != x.Req.Method || r.URL.RequestURI() != want {
			t.Errorf("%s: got %s %s, want %s %s", x.ID, r.Method, r.URL.RequestURI(), x.Req.Method, want)
		}
		token := ""
		if x.Role != nil {
			token = "token of " + *x.Role
		}
		if got := r.Header.Get("X-Auth-Token"); got != token && got != "nonsense" {
			t.Errorf("%s: token %q, want %q", x.ID, got, token)
		}
		for _, pair := range x.Resp.Headers {
			if !slices.Contains([]string{"Content-Length", "Date", "Server", "Connection", "Keep-Alive"}, http.CanonicalHeaderKey(pair[0])) {
				w.Header().Add(pair[0], own.Replace(pair[1]))
			}
		}
		w.WriteHeader(x.Resp.Status)
		if r.Method != http.MethodHead && x.Resp.Status != http.StatusNoContent {
			_, _ = io.WriteString(w, change(x.ID, own.Replace(x.Resp.Body)))
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func unchanged(_, body string) string { return body }

func target(server *httptest.Server) *Server {
	tokens := map[string]string{}
	for _, role := range []string{"member", "reader", "padmin", "alt", "admin"} {
		tokens[role] = "token of " + role
	}
	return &Server{URL: server.URL, Tokens: tokens, IDs: map[string]string{recordedProject: ownProject}}
}

func TestWhatAnswersAlikeIsTheSame(t *testing.T) {
	report, err := target(parrot(t, unchanged)).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Verdict != Same {
			t.Errorf("%s: %s: %v", r.Exchange.ID, r.Verdict, r.Unlisted)
		}
	}
	if len(report.Results) != 340 || len(report.Stale) == 0 {
		t.Errorf("%d results, %d stale deviations", len(report.Results), len(report.Stale))
	}
}

func TestDifferencesAreFound(t *testing.T) {
	const spoiled = "g3#1"
	server := target(parrot(t, func(id, body string) string {
		if id == spoiled {
			return `{"spoiled": true}`
		}
		return body
	}))
	report, err := server.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(Differs); n != 1 || report.Count(Same) != len(report.Results)-1 {
		t.Errorf("%d differ, %d are the same", n, report.Count(Same))
	}
	for _, r := range report.Results {
		if r.Verdict != Differs {
			continue
		}
		if r.Exchange.ID != spoiled || !slices.ContainsFunc(r.Unlisted, func(d transcript.Difference) bool {
			return d.Path == "/body/spoiled" && d.Recorded == transcript.Absent{} && d.Here == true
		}) {
			t.Errorf("%s: %v", r.Exchange.ID, r.Unlisted)
		}
	}
}

func TestDeviationsAreListedByMember(t *testing.T) {
	listed, err := Deviations("golden")
	if err != nil {
		t.Fatal(err)
	}
	all := listed.Unused()
	id, member, _ := strings.Cut(all[0], " ")
	member, _, _ = strings.Cut(member, " ")
	id = strings.ReplaceAll(id, "*", "1")
	if !listed.Has(id, member+"/x") || listed.Has(id, "/no such member") || listed.Has("g9#1", member) {
		t.Errorf("%s %s", id, member)
	}
	if len(listed.Unused()) != len(all)-1 {
		t.Errorf("%d are unused of %d", len(listed.Unused()), len(all))
	}
}

// A server chooses the ids of what exchanges make: later exchanges ask for these.
func TestIDsAreLearned(t *testing.T) {
	s := &Server{}
	x := &transcript.Exchange{}
	x.Req.Method, x.Resp.Status, x.Resp.Body = http.MethodPost, 202, `{"backup": {"id": "`+recordedBackup+`", "name": null}}`
	s.learn(x, 202, []byte(`{"backup": {"id": "own", "name": null}}`))
	if got := s.IDs.ToServer("/backups/" + recordedBackup); got != "/backups/own" {
		t.Errorf("it asks for %s", got)
	}
	if got := s.IDs.FromServer(`"id": "own"`); got != `"id": "`+recordedBackup+`"` {
		t.Errorf("it compares %s", got)
	}
	refused := &Server{}
	refused.learn(x, 400, []byte(`{"backup": {"id": "own"}}`))
	if len(refused.IDs) != 0 {
		t.Errorf("learned of a refusal: %v", refused.IDs)
	}
}

// Who has no token for a role does not ask in its name.
func TestRolesWithoutTokenAreNotSent(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(server.Close)
	report, err := (&Server{URL: server.URL}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(NotSent); n < 300 || n+asked != len(report.Results) {
		t.Errorf("%d of %d not sent, %d asked", n, len(report.Results), asked)
	}
}
