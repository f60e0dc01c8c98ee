package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/identity"
	"cindergate/internal/transcript"
)

// spoken is a client's request and its answer.
type spoken struct {
	Method, Path, Microversion string
	Body, Answer               json.RawMessage
	Status                     int
}

// This test replays whole conversations of clients that are not installed here: the CSI
// driver's controller (cloud-provider-openstack), Velero's plugin, and the volume resources
// of Terraform's provider. They were recorded between the client and a gateway with the
// embedded backend. Where that gateway was wrong, the recorded answer is the corrected one.
// All members except times must be equal.
func TestClientsConversations(t *testing.T) {
	for _, client := range []string{"csi", "velero", "terraform"} {
		t.Run(client, func(t *testing.T) {
			s := newConversation(t)
			all := readConversation(t, client)
			for i, x := range all {
				s.prepare(x, all[i+1:])
				for _, d := range s.hear(x) {
					t.Errorf("%s %d: %s %s: %s", client, i+1, x.Method, x.Path, d)
				}
			}
		})
	}
}

// hear sends the client's request and compares the answer. For a client that polls, it runs
// jobs one by one until the expected answer appears or no job is left. It repeats other
// requests only if they were refused and changed nothing.
func (s *stage) hear(x spoken) []transcript.Difference {
	s.t.Helper()
	want := s.said(x.Status, x.Answer)
	for {
		got := s.send(x)
		found := transcript.Compare(want, got)
		again := x.Method == http.MethodGet || got["status"].(int) >= http.StatusBadRequest
		if len(found) == 0 || !again {
			return found
		}
		ran, err := s.driver.RunOne(s.t.Context())
		must(s.t, err)
		if !ran {
			return found
		}
	}
}

func readConversation(t *testing.T, client string) []spoken {
	t.Helper()
	text, err := os.ReadFile("../testdata/clients/" + client + ".jsonl")
	must(t, err)
	var all []spoken
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var x spoken
		must(t, json.Unmarshal(lines.Bytes(), &x))
		all = append(all, x)
	}
	must(t, lines.Err())
	if len(all) == 0 {
		t.Fatalf("nothing was said by %s", client)
	}
	return all
}

// newConversation is an empty stage whose callers come from the embedded identity service.
// Their ids are the recorded ones.
func newConversation(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), known: map[string]bool{}}
	s.clock = &clock{Clock: clockwork.NewRealClock(), t: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)}
	s.server = httptest.NewServer(nil)
	t.Cleanup(s.server.Close)
	s.client = s.server.Client()
	callers, err := identity.New(identity.Options{
		Users: []identity.User{
			{Name: "demo", Secret: identity.Generated("demo"), Projects: map[string]string{"demo": "member"}},
			{Name: "admin", Secret: identity.Generated("admin"), Projects: map[string]string{"admin": "admin"}},
		},
		Region: "RegionOne", TokenLifetime: time.Hour, Base: gateway.BaseURL("", nil),
	})
	must(t, err)
	s.driver, err = embedded.Open(t.Context(), embedded.Options{DataDir: s.dir, Host: "cindergate", Clock: s.clock, NewID: s.newID})
	must(t, err)
	t.Cleanup(func() { must(t, s.driver.Close()) })
	s.server.Config.Handler = gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"embedded": s.driver}, Auth: callers, Log: zap.NewNop(), Metrics: gateway.NewMetrics(),
		Mounts: map[string]http.Handler{"/identity": callers.Handler(), "/compute": callers.Compute()},
	})
	return s
}

// login returns the token of demo or admin in the project of the same name.
func (s *stage) login(name string) string {
	s.t.Helper()
	body := `{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "` + name + `", "password": "` + name +
		`", "domain": {"name": "default"}}}}, "scope": {"project": {"name": "` + name + `", "domain": {"id": "default"}}}}}`
	answer := s.do(s.request(http.MethodPost, "/identity/v3/auth/tokens", &body))
	must(s.t, answer.Body.Close())
	return answer.Header.Get("X-Subject-Token")
}

var (
	anyUUID      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	madeID       = regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)
	attachmentID = regexp.MustCompile(`"attachment_id":"([0-9a-f-]{36})"`)
)

// prepare sets the id of the resource that the request creates to the recorded one: the
// first id in the answer or, for an attachment, in a later answer.
func (s *stage) prepare(x spoken, later []spoken) {
	if x.Method == http.MethodPost {
		id := madeID.FindSubmatch(x.Answer)
		for i := 0; bytes.Contains(x.Body, []byte(`"os-attach"`)) && id == nil && i < len(later); i++ {
			id = attachmentID.FindSubmatch(later[i].Answer)
		}
		if id != nil {
			s.next(string(id[1]))
		}
	}
	for _, id := range anyUUID.FindAllString(string(x.Answer)+x.Path, -1) {
		s.known[id] = true
	}
}

// canon returns a JSON value without the parts that differ from run to run.
func (s *stage) canon(v any) any {
	return transcript.Canon{Bases: []string{s.server.URL}, Known: func(id string) bool { return s.known[id] }}.Value(v)
}

func (s *stage) said(status int, body []byte) map[string]any {
	s.t.Helper()
	var content any
	if len(body) > 0 {
		must(s.t, json.Unmarshal(bytes.ReplaceAll(body, []byte("http://gateway:8776"), []byte(s.server.URL)), &content))
	}
	return map[string]any{"status": status, "body": s.canon(content)}
}

func (s *stage) send(x spoken) map[string]any {
	s.t.Helper()
	var body *string
	if x.Body != nil {
		text := string(x.Body)
		body = &text
	}
	r := s.request(x.Method, x.Path, body)
	name := "demo"
	if strings.Contains(x.Path, identity.ID("project", "admin")) {
		name = "admin"
	}
	r.Header.Set("X-Auth-Token", s.login(name))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if x.Microversion != "" {
		r.Header.Set("OpenStack-API-Version", x.Microversion)
	}
	answer := s.do(r)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	must(s.t, err)
	return s.said(answer.StatusCode, content)
}
