package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// notCompared are headers of the connection, not of the API.
var notCompared = []string{"Date", "Server", "Connection", "Content-Length", "Keep-Alive"}

func (s *Server) recorded(x Exchange) map[string]any {
	h := http.Header{}
	for _, pair := range x.Resp.Headers {
		h.Add(pair[0], pair[1])
	}
	return s.comparable(x.Resp.Status, h, []byte(x.Resp.Body))
}

func (s *Server) comparable(status int, header http.Header, body []byte) map[string]any {
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
	return map[string]any{"status": status, "headers": headers, "body": s.Canon(content)}
}

// Canon replaces, in a JSON value, what differs from run to run by its kind: the server,
// times, and ids that are not known.
func (s *Server) Canon(v any) any {
	switch v := v.(type) {
	case string:
		return s.canon(v)
	case []any:
		for i := range v {
			v[i] = s.Canon(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = s.Canon(v[key])
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

// canon replaces what differs from run to run by its kind: the server, times by their
// layout, and ids that are not known.
func (s *Server) canon(text string) string {
	text = anyURI.ReplaceAllString(text, `uri="{keystone}"`)
	text = strings.ReplaceAll(text, recordedBase, "{base}")
	text = strings.ReplaceAll(text, s.URL, "{base}")
	text = anyUUID.ReplaceAllStringFunc(text, func(id string) string {
		switch {
		case strings.HasPrefix(id, "req-"):
			return "{req}"
		case s.known(id):
			return id
		}
		return "{uuid}"
	})
	return anyTime.ReplaceAllStringFunc(text, func(at string) string {
		return fmt.Sprintf("{time %c .%d}", at[10], max(len(at)-20, 0))
	})
}

// known reports whether an id must be the recorded one.
func (s *Server) known(id string) bool {
	if s.Known != nil {
		return s.Known(id)
	}
	_, known := s.IDs[id]
	return known
}

// Difference is a place in an answer where it is not as Cinder's. Cinder and Here are
// [Absent] where there is nothing.
type Difference struct {
	Path         string // such as /body/backup/name
	Cinder, Here any
}

// Absent is what a missing member is.
type Absent struct{}

// Compare returns where two JSON values differ. Of values that are equal but for times and
// ids, see [Server.Canon].
func Compare(cinder, here any) []Difference { return differences("", cinder, here) }

func differences(at string, want, got any) []Difference {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			var all []Difference
			keys := maps.Clone(want)
			maps.Copy(keys, got)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				w, wanted := want[key]
				g, given := got[key]
				switch {
				case !wanted:
					all = append(all, Difference{at + "/" + key, Absent{}, g})
				case !given:
					all = append(all, Difference{at + "/" + key, w, Absent{}})
				default:
					all = append(all, differences(at+"/"+key, w, g)...)
				}
			}
			return all
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			var all []Difference
			for i := range want {
				all = append(all, differences(fmt.Sprintf("%s/%d", at, i), want[i], got[i])...)
			}
			return all
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []Difference{{at, want, got}}
}

// String says what the difference is, in three lines.
func (d Difference) String() string {
	return d.Path + "\n  cinder: " + show(d.Cinder) + "\n  here:   " + show(d.Here)
}

func show(v any) string {
	if v == (Absent{}) {
		return "(absent)"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text[:min(len(text), 700)])
}
