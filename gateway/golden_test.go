package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The transcripts were recorded on a real Cinder; see golden_stage_test.go for the
// world that they happen in.
const (
	transcripts  = "../testdata/wire/cinder-21.3.1-%s.jsonl"
	deviations   = "../testdata/wire/deviations.json"
	recordedBase = "http://127.0.0.1:8876"
)

// exchange is a line of a transcript.
type exchange struct {
	id   string
	Case string  `json:"case"`
	Role *string `json:"role"`
	Req  struct {
		Method       string            `json:"method"`
		Path         string            `json:"path"`
		Microversion *string           `json:"microversion"`
		Body         *string           `json:"body"`
		Headers      map[string]string `json:"headers"`
	} `json:"req"`
	Resp struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    string      `json:"body"`
	} `json:"resp"`
}

// TestGoldenReplay sends what clients sent to a real Cinder, in its order, and
// compares the answers: everything but times, hosts and the ids of requests. What
// differs must be listed in testdata/wire/deviations.json, and what is listed must
// differ.
func TestGoldenReplay(t *testing.T) {
	s := newStage(t)
	listed := readDeviations(t, "golden")
	before, after := s.before(), s.after()
	var requests, equal, deviating, failed int
	for _, name := range []string{"g1", "g2", "g3", "g5"} {
		for _, x := range readTranscript(t, name) {
			requests++
			if prepare, ok := before[x.id]; ok {
				prepare()
			}
			found := differences("", s.recorded(x), s.replay(x))
			if finish, ok := after[x.id]; ok {
				finish()
			}
			unlisted := slices.DeleteFunc(slices.Clone(found), func(d difference) bool { return listed.has(x.id, d.path) })
			switch {
			case len(unlisted) > 0:
				failed++
				for _, d := range unlisted {
					t.Errorf("%s %s: %s %s\n  %s\n  cinder: %v\n  here:   %v",
						x.id, x.Case, x.Req.Method, x.Req.Path, d.path, show(d.want), show(d.got))
				}
			case len(found) > 0:
				deviating++
			default:
				equal++
			}
		}
	}
	for _, stale := range listed.unused() {
		t.Errorf("listed as a deviation, but not there any more: %s", stale)
	}
	t.Logf("golden replay: %d requests, %d equal, %d with listed deviations, %d failed", requests, equal, deviating, failed)
}

func readTranscript(t *testing.T, name string) []exchange {
	t.Helper()
	f, err := os.Open(fmt.Sprintf(transcripts, name))
	must(t, err)
	defer f.Close()
	var all []exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		x := exchange{id: fmt.Sprintf("%s#%d", name, len(all)+1)}
		must(t, json.Unmarshal(lines.Bytes(), &x))
		all = append(all, x)
	}
	must(t, lines.Err())
	return all
}

// ---- the two answers as values that can be compared

// notCompared are headers of the connection, not of the API.
var notCompared = []string{"Date", "Server", "Connection", "Content-Length", "Keep-Alive"}

func (s *stage) recorded(x exchange) map[string]any {
	h := http.Header{}
	for _, pair := range x.Resp.Headers {
		h.Add(pair[0], pair[1])
	}
	return s.comparable(x.Resp.Status, h, []byte(x.Resp.Body))
}

func (s *stage) replay(x exchange) map[string]any {
	s.t.Helper()
	r := s.request(x.Req.Method, x.Req.Path, x.Req.Body)
	for name, value := range x.Req.Headers {
		r.Header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	if x.Req.Microversion != nil {
		r.Header.Set("OpenStack-API-Version", "volume "+*x.Req.Microversion)
	}
	if x.Role != nil {
		r.Header.Set("X-Auth-Token", *x.Role)
	} else if strings.Contains(x.Case, "badtoken") {
		r.Header.Set("X-Auth-Token", "nonsense")
	}
	answer := s.do(r)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(s.t, err)
	return s.comparable(answer.StatusCode, answer.Header, body)
}

func (s *stage) comparable(status int, header http.Header, body []byte) map[string]any {
	headers := map[string]any{}
	for name := range header {
		if !slices.Contains(notCompared, name) {
			headers[name] = s.canon(header.Get(name))
		}
	}
	var content any
	if json.Unmarshal(body, &content) != nil {
		content = string(body)
	}
	return map[string]any{"status": status, "headers": headers, "body": s.tidy(content)}
}

func (s *stage) tidy(v any) any {
	switch v := v.(type) {
	case string:
		return s.canon(v)
	case []any:
		for i := range v {
			v[i] = s.tidy(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = s.tidy(v[key])
		}
		if n, ok := v["object_count"].(float64); ok && n > 0 {
			v["object_count"] = "{n}" // objects have their size by configuration
		}
	}
	return v
}

var (
	anyUUID = regexp.MustCompile(`(req-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?`)
	anyURI  = regexp.MustCompile(`uri="[^"]*"`)
)

// canon replaces what differs from run to run by its kind: the server, times by
// their layout, and ids that the test has not handed out.
func (s *stage) canon(text string) string {
	text = anyURI.ReplaceAllString(text, `uri="{keystone}"`)
	text = strings.ReplaceAll(text, recordedBase, "{base}")
	text = strings.ReplaceAll(text, s.server.URL, "{base}")
	text = anyUUID.ReplaceAllStringFunc(text, func(id string) string {
		switch {
		case strings.HasPrefix(id, "req-"):
			return "{req}"
		case s.known[id]:
			return id
		}
		return "{uuid}"
	})
	return anyTime.ReplaceAllStringFunc(text, func(at string) string {
		return fmt.Sprintf("{time %c .%d}", at[10], max(len(at)-20, 0))
	})
}

// difference is a place in an answer where it is not as Cinder's.
type difference struct {
	path      string
	want, got any
}

type absent struct{}

func differences(at string, want, got any) []difference {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			var all []difference
			keys := maps.Clone(want)
			maps.Copy(keys, got)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				w, wanted := want[key]
				g, given := got[key]
				switch {
				case !wanted:
					all = append(all, difference{at + "/" + key, absent{}, g})
				case !given:
					all = append(all, difference{at + "/" + key, w, absent{}})
				default:
					all = append(all, differences(at+"/"+key, w, g)...)
				}
			}
			return all
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var all []difference
			for i := range want {
				all = append(all, differences(fmt.Sprintf("%s/%d", at, i), want[i], got[i])...)
			}
			return all
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []difference{{at, want, got}}
}

func show(v any) string {
	if v == (absent{}) {
		return "(absent)"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text[:min(len(text), 700)])
}

// ---- testdata/wire/deviations.json, as acceptance/record/record.py reads it

type deviation struct {
	Trace   string   `json:"trace"`
	IDs     []string `json:"ids"`
	Members []string `json:"members"`
	Reason  string   `json:"reason"`
}

// listing is the deviations of one trace; used are those pairs of entry and id
// that occurred.
type listing struct {
	entries []deviation
	used    map[string]bool
}

func readDeviations(t *testing.T, trace string) *listing {
	t.Helper()
	text, err := os.ReadFile(deviations)
	must(t, err)
	var all []deviation
	must(t, json.Unmarshal(text, &all))
	l := &listing{used: map[string]bool{}}
	for _, d := range all {
		if d.Reason == "" {
			t.Errorf("the deviation of %v has no reason", d.IDs)
		}
		if d.Trace == trace {
			l.entries = append(l.entries, d)
		}
	}
	return l
}

func (l *listing) has(id, at string) bool {
	for i, d := range l.entries {
		for _, pattern := range d.IDs {
			matches, err := path.Match(pattern, id)
			if err == nil && matches && slices.ContainsFunc(d.Members, func(m string) bool { return strings.HasPrefix(at, m) }) {
				l.used[fmt.Sprint(i, pattern)] = true
				return true
			}
		}
	}
	return false
}

func (l *listing) unused() []string {
	var all []string
	for i, d := range l.entries {
		for _, pattern := range d.IDs {
			if !l.used[fmt.Sprint(i, pattern)] {
				all = append(all, pattern+" "+strings.Join(d.Members, " "))
			}
		}
	}
	return all
}
