package otcfake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// lab is a served cloud with one project.
type lab struct {
	*Cloud
	t       *testing.T
	server  *httptest.Server
	project Project
}

func newLab(t *testing.T, o Options) *lab {
	t.Helper()
	c := New(o)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return &lab{c, t, server, c.AddProject("demo")}
}

// both runs a test in each dialect.
func both(t *testing.T, test func(t *testing.T, dialect string)) {
	for _, dialect := range []string{OTC, Huawei} {
		t.Run(dialect, func(t *testing.T) { test(t, dialect) })
	}
}

// document is a decoded answer.
type document map[string]any

// at returns the value at a path such as backups.0.name, nil if there is none.
func (d document) at(path string) any {
	var v any = map[string]any(d)
	for key := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[key]
		case []any:
			i := 0
			if json.Unmarshal([]byte(key), &i) != nil || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

func (d document) text(path string) string { s, _ := d.at(path).(string); return s }

// call sends a request with the project's token; %p in the path is the project's id.
func (l *lab) call(method, path, body string) (int, document) {
	l.t.Helper()
	status, text := l.raw(method, path, body)
	doc := document{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &doc); err != nil {
			l.t.Fatalf("%s %s answers %s", method, path, text)
		}
	}
	return status, doc
}

func (l *lab) raw(method, path, body string) (int, []byte) {
	l.t.Helper()
	r, err := http.NewRequest(method, l.server.URL+strings.ReplaceAll(path, "%p", l.project.ID), strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	return l.do(r)
}

// send sends a request with the project's token.
func (l *lab) send(r *http.Request) (int, document) {
	l.t.Helper()
	status, text := l.do(r)
	doc := document{}
	if err := json.Unmarshal(text, &doc); err != nil {
		l.t.Fatalf("%s answers %s", r.URL, text)
	}
	return status, doc
}

func (l *lab) do(r *http.Request) (int, []byte) {
	l.t.Helper()
	r.Header.Set("X-Auth-Token", l.project.Token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, text
}

// want sends a request that must have the status.
func (l *lab) want(status int, method, path, body string) document {
	l.t.Helper()
	got, doc := l.call(method, path, body)
	if got != status {
		l.t.Fatalf("%s %s %s: %d, want %d: %v", method, path, body, got, status, doc)
	}
	return doc
}

// equal compares the value at a path.
func (l *lab) equal(d document, path string, want any) {
	l.t.Helper()
	if got := d.at(path); got != want {
		l.t.Fatalf("%s is %v (%T), want %v, in %v", path, got, got, want, d)
	}
}
