package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// answer is an answer of the endpoint. Its checks end the case where it deviates.
type answer struct {
	x       *X
	e       *Exchange
	content []byte
	parsed  any
}

func (a *answer) exchange() *Exchange {
	if a == nil {
		return nil
	}
	return a.e
}

func (a *answer) fail(expected, got string, args ...any) {
	a.x.expect(false, a, expected, fmt.Sprintf(got, args...))
}

// is wants a status.
func (a *answer) is(status int) *answer {
	if a.e.Status != status {
		a.fail(statusText(status), "%s%s", statusText(a.e.Status), a.said())
	}
	return a
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// said is what the answer says in words, if it is an error.
func (a *answer) said() string {
	if a.e.Status < http.StatusBadRequest {
		return ""
	}
	text := strings.Join(strings.Fields(string(a.content)), " ")
	if _, message := a.faultOf(); message != "" {
		text = message
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	if text == "" {
		return ""
	}
	return ": " + text
}

// faultOf returns the key and the message of a fault: {"itemNotFound": {"code": …, "message": …}}.
func (a *answer) faultOf() (key, message string) {
	m, ok := a.json().(map[string]any)
	if !ok || len(m) != 1 {
		return "", ""
	}
	for k, v := range m {
		if f, ok := v.(map[string]any); ok {
			message, _ = f["message"].(string)
			return k, message
		}
	}
	return "", ""
}

// faultKeys are Cinder's names of the statuses (cinder/api/openstack/wsgi.py:Fault._fault_names).
var faultKeys = map[int]string{
	400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest",
	413: "overLimit", 415: "badMediaType", 501: "notImplemented", 503: "serviceUnavailable",
}

// fault wants an error in Cinder's form, whose message has the given words.
func (a *answer) fault(status int, words ...string) {
	a.is(status)
	key := faultKeys[status]
	if key == "" {
		key = "computeFault"
	}
	got, message := a.faultOf()
	if got != key {
		a.fail(fmt.Sprintf(`the body {"%s": {"code": %d, "message": …}}`, key, status), "%s", a.short())
	}
	if code := a.value(key + ".code"); code != float64(status) {
		a.fail(fmt.Sprintf("%s.code %d", key, status), "%s", show(code))
	}
	if message == "" {
		a.fail("a message that says why", "none")
	}
	for _, w := range words {
		if !strings.Contains(strings.ToLower(message), strings.ToLower(w)) {
			a.fail(fmt.Sprintf("a message that names %q", w), "%q", message)
		}
	}
}

func (a *answer) short() string {
	s := string(a.content)
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	if s == "" {
		return "an empty body"
	}
	return s
}

// json is the body; nil if it is not JSON.
func (a *answer) json() any {
	if a.parsed == nil {
		_ = json.Unmarshal(a.content, &a.parsed)
	}
	return a.parsed
}

// value returns what is at a path such as backup.links.0.href; nil if nothing is.
func (a *answer) value(path string) any {
	v := a.json()
	for _, step := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func show(v any) string {
	text := marshal(v)
	if len(text) > 300 {
		return strings.ToValidUTF8(text[:300], "") + "…"
	}
	return text
}

// equal wants a value at a path. Numbers are given as float64.
func (a *answer) equal(path string, want any) *answer {
	got := a.value(path)
	whole, wanted := marshal(got), marshal(want)
	if whole == wanted {
		return a
	}
	g, isObject := got.(map[string]any)
	w, _ := want.(map[string]any)
	if isObject && w != nil { // say which member differs
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if marshal(g[k]) != marshal(w[k]) {
				a.fail(path+"."+k+": "+show(w[k]), "%s.%s: %s", path, k, show(g[k]))
			}
		}
	}
	a.fail(path+": "+show(want), "%s: %s", path, show(got))
	return a
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// str wants a string at a path and returns it.
func (a *answer) str(path string) string {
	s, ok := a.value(path).(string)
	if !ok {
		a.fail(path+": a string", "%s: %s", path, show(a.value(path)))
	}
	return s
}

// number wants a number at a path and returns it.
func (a *answer) number(path string) float64 {
	n, ok := a.value(path).(float64)
	if !ok {
		a.fail(path+": a number", "%s: %s", path, show(a.value(path)))
	}
	return n
}

func (a *answer) boolean(path string) bool {
	b, ok := a.value(path).(bool)
	if !ok {
		a.fail(path+": true or false", "%s: %s", path, show(a.value(path)))
	}
	return b
}

// matches wants a string of a form at a path.
func (a *answer) matches(path, pattern, form string) {
	s := a.str(path)
	if !regexp.MustCompile(pattern).MatchString(s) {
		a.fail(path+": "+form, "%s: %q", path, s)
	}
}

const (
	idPattern   = `^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`
	timePattern = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$`
)

func (a *answer) id(path string) string {
	a.matches(path, idPattern, "a UUID")
	return a.str(path)
}

// keys wants an object whose members are the required ones and perhaps optional ones.
func (a *answer) keys(path string, required []string, optional ...string) *answer {
	m := a.object(path)
	var missing, extra []string
	for _, k := range required {
		if _, ok := m[k]; !ok {
			missing = append(missing, k)
		}
	}
	for k := range m {
		if !slices.Contains(required, k) && !slices.Contains(optional, k) {
			extra = append(extra, k)
		}
	}
	slices.Sort(extra)
	if len(missing) > 0 {
		a.fail(path+" has "+strings.Join(missing, ", "), "it has not")
	}
	if len(extra) > 0 {
		a.fail(path+" has no other members than Cinder's", "it also has %s", strings.Join(extra, ", "))
	}
	return a
}

func (a *answer) object(path string) map[string]any {
	v := a.json()
	if path != "" {
		v = a.value(path)
	}
	m, ok := v.(map[string]any)
	if !ok {
		a.fail(path+": an object", "%s: %s", path, show(v))
	}
	return m
}

// absent wants no member at a path, not even null.
func (a *answer) absent(path, member string) {
	if v, ok := a.object(path)[member]; ok {
		a.fail(path+" has no "+member, "%s: %s", member, show(v))
	}
}

// list wants a list at a path and returns it.
func (a *answer) list(path string) []any {
	l, ok := a.value(path).([]any)
	if !ok {
		a.fail(path+": a list", "%s: %s", path, show(a.value(path)))
	}
	return l
}

// column returns a member of each element of a list.
func (a *answer) column(path, member string) []string {
	var all []string
	for i := range a.list(path) {
		all = append(all, show(a.value(path+"."+strconv.Itoa(i)+"."+member)))
	}
	return all
}

// ids returns the ids of a list.
func (a *answer) ids(path string) []string {
	var all []string
	for i := range a.list(path) {
		all = append(all, a.str(path+"."+strconv.Itoa(i)+".id"))
	}
	return all
}

// has wants a header.
func (a *answer) has(name, want string) {
	if got := a.e.Answer.Get(name); got != want {
		a.fail("the header "+name+": "+want, "%q", got)
	}
}

// header wants a header of a form and returns it.
func (a *answer) header(name, pattern string) string {
	got := a.e.Answer.Get(name)
	if !regexp.MustCompile(pattern).MatchString(got) {
		a.fail("the header "+name+" of the form "+pattern, "%q", got)
	}
	return got
}

// wantIDs wants a list with exactly these ids, in this order.
func (a *answer) wantIDs(path string, ids ...string) {
	if got := a.ids(path); !slices.Equal(got, ids) {
		a.fail(fmt.Sprintf("%s: %v", path, ids), "%v", got)
	}
}

// empty wants an empty body.
func (a *answer) empty() {
	if len(a.content) > 0 {
		a.fail("an empty body", "%s", a.short())
	}
}
