package replay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/internal/transcript"
	"cindergate/internal/verify"
	"cindergate/internal/verify/replay"
)

// Ids that were recorded, and those of the endpoint.
const (
	recordedProject = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	otherProject    = "cccccccccccccccccccccccccccccccc"
	ownProject      = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	recordedVolume  = "11111111-1111-4111-8111-111111111111"
	ownVolume       = "22222222-2222-4222-8222-222222222222"
	recordedBackup  = "33333333-3333-4333-8333-333333333333"
	ownBackup       = "44444444-4444-4444-8444-444444444444"
	existing        = "55555555-5555-4555-8555-555555555555"
	recordedURL     = "http://recorded.example:8776"
)

// endpoint is a Block Storage API that answers what a test says.
type endpoint struct {
	t      *testing.T
	url    string
	admin  bool
	logins verify.Options

	mu   sync.Mutex
	says map[string][]string // status and body, by method and path below the project; the last one stays
	sent []string            // what was asked, without what comes before a replay
}

func newEndpoint(t *testing.T, says map[string][]string) *endpoint {
	t.Helper()
	e := &endpoint{t: t, says: says}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL
	e.logins = verify.Options{URL: e.url, Tester: login(ownProject, "member"), Poll: time.Millisecond}
	return e
}

func login(project, role string) verify.Login {
	return verify.Login{ProjectID: project, Role: role, Token: func(context.Context, string) (string, error) { return "token-of-" + role, nil }}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path := strings.TrimPrefix(r.URL.RequestURI(), "/v3/"+ownProject)
	switch path {
	case "/":
		_, _ = io.WriteString(w, "{}")
		return
	case "/os-services":
		if !e.admin {
			w.WriteHeader(http.StatusForbidden)
		}
		return
	case "/backups?limit=1":
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Error(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := r.Method + " " + path
	e.sent = append(e.sent, strings.TrimSpace(asked+" "+string(body)))
	all := e.says[asked]
	if len(all) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if len(all) > 1 {
		e.says[asked] = all[1:]
	}
	status, text, _ := strings.Cut(all[0], " ")
	code := 0
	if _, err := fmt.Sscan(status, &code); err != nil {
		panic(http.ErrAbortHandler) // no answer
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, strings.ReplaceAll(text, "BASE", e.url))
}

// asked is what was sent, one a line.
func (e *endpoint) asked() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.sent, "\n")
}

// replay replays a transcript, and returns the report and the verdicts in a line.
func (e *endpoint) replay(o replay.Options, all ...transcript.Exchange) (*replay.Report, string) {
	e.t.Helper()
	met, err := verify.Meet(e.t.Context(), e.logins)
	if err != nil {
		e.t.Fatal(err)
	}
	for i := range all {
		all[i].ID = fmt.Sprintf("f:%d", i+1)
	}
	o.Exchanges = all
	r, err := replay.Run(e.t.Context(), met, o)
	if err != nil {
		e.t.Fatal(err)
	}
	var verdicts []string
	for i := range r.Results {
		verdicts = append(verdicts, string(r.Results[i].Verdict))
	}
	return r, strings.Join(verdicts, ", ")
}

// recorded is an exchange: a request as "member POST /volumes BODY", and an answer as "202 BODY".
func recorded(request, answer string) transcript.Exchange {
	words := strings.SplitN(request, " ", 4)
	x := transcript.Exchange{Base: recordedURL}
	if words[0] != "nobody" {
		x.Role = &words[0]
	}
	x.Req.Method, x.Req.Path = words[1], "/v3/"+recordedProject+words[2]
	if len(words) > 3 {
		x.Req.Body = &words[3]
	}
	status, body, _ := strings.Cut(answer, " ")
	if _, err := fmt.Sscan(status, &x.Resp.Status); err != nil {
		panic(err)
	}
	x.Resp.Body, x.Resp.Headers = body, [][2]string{{"Content-Type", "application/json"}, {"Date", "then"}}
	return x
}

func volume(id, status string) string {
	return `{"volume": {"id": "` + id + `", "status": "` + status + `", "size": 1, "name": "n"}}`
}

// made are exchanges that make a volume and a backup of it.
func made() []transcript.Exchange {
	return []transcript.Exchange{
		recorded(`member POST /volumes {"volume": {"size": 1}}`, "202 "+volume(recordedVolume, "creating")),
		recorded(`member POST /backups {"backup": {"volume_id": "`+recordedVolume+`"}}`, `202 {"backup": {"id": "`+recordedBackup+`"}}`),
	}
}

// makes are the answers of an endpoint to what makes them.
func makes(more map[string]string) map[string][]string {
	says := map[string][]string{
		"POST /volumes": {"202 " + volume(ownVolume, "creating")}, "GET /volumes/" + ownVolume: {"200 " + volume(ownVolume, "available")},
		"POST /backups": {`202 {"backup": {"id": "` + ownBackup + `"}}`}, "GET /backups/" + ownBackup: {`200 {"backup": {"id": "` + ownBackup + `", "status": "available"}}`},
	}
	for asked, answer := range more {
		says[asked] = strings.Split(answer, "|")
	}
	return says
}
