package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jonboulle/clockwork"

	"cindergate/internal/conformance"
)

// recorded is a request to a Cinder 21.3.1 and its answer: the items of a list, or the
// message of an error. <name> stands for an id.
type recorded struct {
	Request string          `json:"request"` // method and path below the project
	As      []string        `json:"as"`      // m (member) or a (admin), and the microversion
	Body    json.RawMessage `json:"body"`
	Status  int             `json:"status"`
	Items   []string        `json:"items"`
	Message string          `json:"message"`
}

// unordered matches lists whose order is not defined: Cinder created the items within one
// second, or the items have no time here.
var unordered = regexp.MustCompile(`^GET /(types|groups|group_types|qos-specs|attachments)\b`)

// TestLists repeats requests to a Cinder with the same resources. It lists each kind of
// resource with each filter, as member and admin, before and after the microversions that
// change something. It also sends single requests about paths, names and actions.
func TestLists(t *testing.T) {
	s := newLists(t)
	deviations, err := conformance.Deviations("lists")
	must(t, err)
	text, err := conformance.Recording("lists")
	must(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	requests, deviating := 0, 0
	for lines.Scan() {
		var r recorded
		must(t, json.Unmarshal(lines.Bytes(), &r))
		for _, as := range r.As {
			requests++
			id := as + " " + r.Request
			if len(r.Body) > 0 {
				id += " " + string(r.Body)
			}
			here := s.ask(as, r)
			cinder := r.Items
			if unordered.MatchString(r.Request) {
				slices.Sort(cinder)
			}
			if as[0] == 'm' && strings.HasPrefix(r.Request, "GET /messages") {
				// Cinder shows members the messages of other projects. The gateway does
				// not.
				cinder = slices.DeleteFunc(slices.Clone(cinder), func(item string) bool { return item == "m:afail" })
			}
			for _, part := range []struct{ member, cinder, here string }{
				{"/status", fmt.Sprint(r.Status), fmt.Sprint(here.Status)},
				{"/message", r.Message, here.Message},
				{"/items", strings.Join(cinder, " "), strings.Join(here.Items, " ")},
			} {
				if part.cinder == part.here {
					continue
				}
				if deviations.Has(strings.ReplaceAll(id, "/", "|"), part.member) {
					deviating++
					continue
				}
				t.Errorf("%s: %s: Cinder: %s, here: %s", id, part.member, part.cinder, part.here)
			}
		}
	}
	must(t, lines.Err())
	for _, d := range deviations.Unused() {
		t.Errorf("listed, but no deviation: %s", d)
	}
	t.Logf("lists: %d requests, %d listed deviations", requests, deviating)
}

// lists is a stage with the same resources as the recorded Cinder.
type lists struct {
	*stage
	ids   map[string]string // by name
	names map[string]string // by id
}

func newLists(t *testing.T) *lists {
	s := &lists{&stage{t: t, dir: t.TempDir(), known: map[string]bool{}}, map[string]string{}, map[string]string{}}
	s.clock = &clock{Clock: clockwork.NewRealClock(), t: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)}
	s.server = httptest.NewServer(nil)
	t.Cleanup(s.server.Close)
	s.open()
	t.Cleanup(func() { must(t, s.driver.Close()) })
	s.client = s.server.Client()
	s.shared()
	s.resources("member")
	s.resources("admin")
	return s
}

// add creates a resource. %name% in its body stands for the id of another resource.
func (s *lists) add(name, role, path, body string) {
	s.t.Helper()
	body = regexp.MustCompile(`%[^%]+%`).ReplaceAllStringFunc(body, func(m string) string { return s.ids[strings.Trim(m, "%")] })
	id := uuid.NewString()
	s.ids[name], s.names[id] = id, name
	s.create(id, role, path, body)
	s.settle()
}

// shared creates the types.
func (s *lists) shared() {
	for name, spec := range map[string]string{
		"ty": `"name": "ty1", "extra_specs": {"x:a": "b"}`, "ty3": `"name": "ty3", "extra_specs": {"x:a": "b", "multiattach": "<is> False"}`,
		"ty2": `"name": "ty2", "extra_specs": {"volume_backend_name": "nowhere"}`, "typriv": `"name": "typriv", "os-volume-type-access:is_public": false`,
	} {
		s.add(name, "admin", "/types", `{"volume_type": {`+spec+`}}`)
	}
	s.add("q1", "admin", "/qos-specs", `{"qos_specs": {"name": "q1", "consumer": "back-end"}}`)
	s.add("q2", "admin", "/qos-specs", `{"qos_specs": {"name": "q2", "consumer": "front-end"}}`)
	s.add("gt", "admin", "/group_types", `{"group_type": {"name": "gt1"}}`)
}

// resources creates the other resources for one project. Their names begin with m or a.
func (s *lists) resources(role string) {
	p := role[:1]
	add := func(name, path, body string) { s.add(p+name, role, path, strings.ReplaceAll(body, "~", p)) }
	add("v1", "/volumes", `{"volume": {"size": 1, "name": "~v1", "metadata": {"k": "v"}, "description": "first"}}`)
	add("v2", "/volumes", `{"volume": {"size": 2, "name": "~v2", "metadata": {"k": "v", "n": "1"}}}`)
	add("v3", "/volumes", `{"volume": {"size": 1, "name": "~v3", "metadata": {"K": "V"}, "description": "it's"}}`)
	s.add(p+"a%b", role, "/volumes", `{"volume": {"size": 1, "name": "`+p+`a\u0025b", "description": "x"}}`)
	add("none", "/volumes", `{"volume": {"size": 1}}`)
	s.api(role, http.MethodPost, "/volumes/"+s.ids[p+"v2"]+"/action", `{"os-set_bootable": {"bootable": true}}`)
	add("s1", "/snapshots", `{"snapshot": {"volume_id": "%~v1%", "name": "~s1", "metadata": {"s": "t"}}}`)
	add("s2", "/snapshots", `{"snapshot": {"volume_id": "%~v1%", "name": "~s2"}}`)
	add("b1", "/backups", `{"backup": {"volume_id": "%~v3%", "name": "~b1"}}`)
	add("b2", "/backups", `{"backup": {"volume_id": "%~v3%", "name": "~b2"}}`)
	s.add(p+"t1", role, "/os-volume-transfer", `{"transfer": {"volume_id": "`+s.ids[p+"a%b"]+`", "name": "`+p+`t1"}}`)
	add("at", "/attachments", `{"attachment": {"volume_uuid": "%~v2%", "instance_uuid": "11111111-1111-1111-1111-111111111111"}}`)
	add("g1", "/groups", `{"group": {"group_type": "%gt%", "volume_types": ["%ty%"], "name": "~g1"}}`)
	add("g2", "/groups", `{"group": {"group_type": "%gt%", "volume_types": ["%ty%"], "name": "~g2"}}`)
	add("fail", "/volumes", `{"volume": {"size": 1, "name": "~fail", "volume_type": "ty2"}}`)
	add("grp", "/volumes", `{"volume": {"size": 1, "name": "~grp", "volume_type": "ty1", "group_id": "%~g1%"}}`)
	add("gs1", "/group_snapshots", `{"group_snapshot": {"group_id": "%~g1%", "name": "~gs1"}}`)
	// The snapshot in the group snapshot got a random id, and the group snapshot's name.
	var snapshots struct{ Snapshots []struct{ ID string } }
	must(s.t, json.Unmarshal(s.api(role, http.MethodGet, "/snapshots?limit=1", ""), &snapshots))
	s.names[snapshots.Snapshots[0].ID] = p + "gs1"
}

// ask sends a recorded request and reads the answer in the form of the record.
func (s *lists) ask(as string, r recorded) recorded {
	role := map[byte]string{'m': "member", 'a': "admin"}[as[0]]
	method, path, _ := strings.Cut(r.Request, " ")
	fill := func(text string) string {
		return regexp.MustCompile(`<[\w%]+>`).ReplaceAllStringFunc(text, func(m string) string {
			name := strings.Trim(m, "<>")
			if name == "mproj" {
				return project
			}
			if id, known := s.ids[name]; known {
				return id
			}
			return m
		})
	}
	var body *string
	if len(r.Body) > 0 {
		text := fill(string(r.Body))
		body = &text
	}
	q := s.request(method, "/v3/"+roles[role].ProjectID+strings.NewReplacer("<", "%3C", ">", "%3E").Replace(fill(path)), body)
	q.Header.Set("X-Auth-Token", role)
	q.Header.Set("OpenStack-API-Version", "volume "+as[1:])
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	answer := s.do(q)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(s.t, err)
	s.settle()
	return s.read(r, answer.StatusCode, text)
}

func (s *lists) read(r recorded, status int, text []byte) recorded {
	here := recorded{Status: status}
	var members map[string]json.RawMessage
	if len(text) > 0 {
		must(s.t, json.Unmarshal(text, &members))
	}
	if status >= http.StatusBadRequest {
		here.Message = s.message(members)
		return here
	}
	if r.Items == nil {
		return here // only the status was recorded
	}
	for _, name := range s.order(members) {
		switch {
		case name == "count":
			here.Items = append(here.Items, "count="+string(members[name]))
		case name == "volume-summary":
			var summary any
			must(s.t, json.Unmarshal(members[name], &summary))
			text, err := json.Marshal(summary)
			must(s.t, err)
			here.Items = append(here.Items, strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(string(text)))
		case strings.HasSuffix(name, "links"):
			here.Items = append(here.Items, "LINK")
		default:
			here.Items = append(here.Items, s.items(name, members[name])...)
		}
	}
	if unordered.MatchString(r.Request) {
		slices.Sort(here.Items)
	}
	return here
}

// order returns the keys of the answer in the record's order: items, links, count.
func (*lists) order(members map[string]json.RawMessage) []string {
	rank := func(name string) int {
		switch {
		case name == "count":
			return 2
		case strings.HasSuffix(name, "links"):
			return 1
		}
		return 0
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func (s *lists) message(members map[string]json.RawMessage) string {
	var fault struct{ Message string }
	for _, content := range members {
		if bytes.HasPrefix(content, []byte("{")) {
			must(s.t, json.Unmarshal(content, &fault))
		}
	}
	if fault.Message == "" {
		must(s.t, json.Unmarshal(members["message"], &fault.Message))
	}
	for id, name := range s.names {
		fault.Message = strings.ReplaceAll(fault.Message, id, "<"+name+">")
	}
	for _, id := range []string{project, adminProject} {
		fault.Message = strings.ReplaceAll(fault.Message, id, "PROJECT")
	}
	return fault.Message
}

// items returns the names of a list's items.
func (s *lists) items(collection string, content json.RawMessage) []string {
	var all []struct {
		ID, Name, Binary string
		Resource         string `json:"resource_uuid"`
	}
	must(s.t, json.Unmarshal(content, &all))
	var names []string
	for _, item := range all {
		name := s.names[item.ID]
		switch {
		case collection == "messages":
			name = "m:" + s.names[item.Resource]
		case collection == "pools":
			name = "pool"
		case name == "":
			name = item.Name + item.Binary
		}
		names = append(names, name)
	}
	return names
}
