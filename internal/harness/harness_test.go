package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cindergate/internal/harness/clock"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// rig is an Environment with its two listeners.
type rig struct {
	*Environment
	t               testing.TB
	public, control string
	token           string
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	o := Options{Now: start, Seed: 7}
	for _, f := range change {
		f(&o)
	}
	e, err := Open(context.WithoutCancel(t.Context()), o)
	check(t, err)
	public, control := httptest.NewServer(e), httptest.NewServer(e.API())
	t.Cleanup(func() { public.Close(); control.Close(); check(t, e.Close()) })
	r := &rig{Environment: e, t: t, public: public.URL, control: control.URL}
	r.login()
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const login = `{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":"demo","domain":{"id":"default"},"password":"harness"}}},
	"scope":{"project":{"name":"demo","domain":{"id":"default"}}}}}`

func (r *rig) login() {
	r.t.Helper()
	answer, _ := r.send(r.public, "POST /identity/v3/auth/tokens", login)
	r.token = answer.Header.Get("X-Subject-Token")
}

// send sends a request of JSON and returns the answer with its body.
func (r *rig) send(base, request, body string) (*http.Response, []byte) {
	r.t.Helper()
	answer, got, err := r.try(base, request, body)
	check(r.t, err)
	return answer, got
}

func (r *rig) try(base, request, body string) (*http.Response, []byte, error) {
	method, path, _ := strings.Cut(request, " ")
	q, err := http.NewRequestWithContext(r.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	q.Header.Set("X-Auth-Token", r.token)
	if body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer, got, err
}

// do sends a request to the API of the harness and checks the status of the answer.
func (r *rig) do(request, body string, status int) []byte {
	r.t.Helper()
	answer, got := r.send(r.control, strings.Replace(request, " ", " "+Prefix, 1), body)
	if answer.StatusCode != status {
		r.t.Fatalf("%s %s: %d %s", request, body, answer.StatusCode, got)
	}
	return got
}

// ask sends a request to the cloud.
func (r *rig) ask(request, body string, status int) map[string]any {
	r.t.Helper()
	answer, got := r.send(r.public, strings.Replace(request, " ", " /v3", 1), body)
	if answer.StatusCode != status {
		r.t.Fatalf("%s %s: %d %s", request, body, answer.StatusCode, got)
	}
	var object map[string]any
	if len(got) > 0 {
		check(r.t, json.Unmarshal(got, &object))
	}
	return object
}

func member(object map[string]any, names ...string) any {
	var value any = object
	for _, name := range names {
		inner, _ := value.(map[string]any)
		value = inner[name]
	}
	return value
}

func (r *rig) volume() string {
	r.t.Helper()
	id, _ := member(r.ask("POST /volumes", `{"volume":{"size":1}}`, 202), "volume", "id").(string)
	return id
}

func (r *rig) backup(volume string) string {
	r.t.Helper()
	id, _ := member(r.ask("POST /backups", `{"backup":{"volume_id":"`+volume+`"}}`, 202), "backup", "id").(string)
	return id
}

func (r *rig) status(collection, id string) any {
	r.t.Helper()
	return member(r.ask("GET /"+collection+"s/"+id, "", 200), collection, "status")
}

func (r *rig) settle() {
	r.t.Helper()
	check(r.t, r.Clock.Work.Quiet(r.t.Context()))
}

// Bad rules and values are refused with the field and the rule.
func TestBadInput(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for request, cases := range map[string]map[string]string{
		"POST /faults": {
			`[{}]`:                                                              "[0].answer, job, store",
			`[{"answer":{}}]`:                                                   "[0].answer.status",
			`[{"answer":{"status":99}}]`:                                        "[0].answer.status",
			`[{"answer":{"delay":"10"}}]`:                                       "duration",
			`[{"answer":{"reset":true,"truncate":1}}]`:                          "[0].answer.reset",
			`[{"answer":{"delay":"1h","real":true}}]`:                           "[0].answer.delay",
			`[{"answer":{"status":500,"headers":{"a b":""}}}]`:                  "[0].answer.headers",
			`[{"answer":{"status":500,"headers":{"a":"b\nc"}}}]`:                "[0].answer.headers",
			`[{"match":{"route":"/backup"},"answer":{"status":500}}]`:           "[0].match.route",
			`[{"match":{"method":"get"},"answer":{"status":500}}]`:              "[0].match.method",
			`[{"match":{"nth":0},"answer":{"status":500}}]`:                     "[0].match.nth",
			`[{"match":{"times":-1},"answer":{"status":500}}]`:                  "[0].match.times",
			`[{"match":{"probability":1.5},"answer":{"status":500}}]`:           "[0].match.probability",
			`[{"match":{"color":1},"answer":{"status":500}}]`:                   "color",
			`[{"match":{"method":"GET"},"job":{"stick":true}}]`:                 "[0].match",
			`[{"job":{"kind":"backup"}}]`:                                       "[0].job.fail",
			`[{"job":{"kind":"nap","stick":true}}]`:                             "[0].job.kind",
			`[{"job":{"kind":"delete","stick":true,"after_bytes":1}}]`:          "[0].job.kind",
			`[{"job":{"kind":"backup","stick":true,"after_share":"0%"}}]`:       "share",
			`[{"job":{"kind":"backup","stick":true,"after_bytes":"10 miles"}}]`: "bytes",
			`[{"store":{"op":"look"}}]`:                                         "[0].store.op",
			`[{"store":{"op":"put","error":"tired"}}]`:                          "[0].store.error",
			`[] []`: "more than one",
		},
		"PUT /clock": {
			`{"mode":"fast"}`: "mode", `{"mode":"real","now":"2030-01-01T00:00:00Z"}`: "now", `{"mode":"manual","now":"2020-01-01T00:00:00Z"}`: "now",
			`{"mode":"manual","now":"9999-01-01T00:00:00Z"}`: "now",
		},
		"POST /clock/advance": {`{}`: "by, to", `{"by":"-1h"}`: "-1h", `{"by":"1h","to":"2030-01-01T00:00:00Z"}`: "by, to", `{"to":"2020-01-01T00:00:00Z"}`: "to"},
		"PUT /transitions": {
			`{"backup.sleeping":{"progression":"time"}}`: "backup.sleeping", `{"backup.creating":{"progression":"slow"}}`: "backup.creating.progression",
			`{"backup.creating":{"progression":"time"}}`: "backup.creating.duration", `{"backup.creating":{"progression":"immediate","times":3}}`: "backup.creating.times",
		},
		"PUT /seed":                              {`{}`: "seed", `{"seed":0}`: "seed"},
		"POST /snapshots/..%2Fx":                 {``: "name"},
		"GET /requests?colour=1":                 {``: "colour"},
		"GET /requests?status=x":                 {``: "status"},
		"GET /requests?wait=1&timeout=10d":       {``: "timeout"},
		"GET /volumes/1/data?length=0":           {``: "length"},
		"GET /volumes/1/data?offset=-1&length=1": {``: "offset"},
	} {
		for body, field := range cases {
			if got := r.do(request, body, 400); !strings.Contains(string(got), field) {
				t.Errorf("%s %s: the answer does not name %s: %s", request, body, field, got)
			}
		}
	}
	if got := r.do("GET /faults", "", 200); string(got) != "[]\n" {
		t.Errorf("a refused rule is there: %s", got)
	}
	r.do("POST /faults", "["+strings.Repeat(`{"answer":{"status":500}},`, maxRules)+`{"answer":{"status":500}}]`, 400)
}

// The API is for programs on this machine.
func TestAPIIsLocal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, value := range map[string]string{"Host": "evil.example", "Origin": "http://evil.example"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.control+Prefix+"/reset", nil)
		check(t, err)
		q.Header.Set(name, value)
		if name == "Host" {
			q.Host = value
		}
		answer, err := http.DefaultClient.Do(q)
		check(t, err)
		check(t, answer.Body.Close())
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
	}
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.org:80", "[::]:0"} {
		if l, err := Listen(t.Context(), address); err == nil {
			t.Errorf("%s: it listens", address)
			check(t, l.Close())
		}
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	check(t, err)
	check(t, l.Close())
}

// Rules strike by number, project, resource and chance.
func TestMatching(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, other := r.volume(), r.volume()
	r.do("POST /faults", `[{"match":{"method":"GET","route":"/volumes/{id}","resource":"`+one+`","nth":2,"times":2},"answer":{"status":503,"retry_after":3}}]`, 200)
	var got []int
	for range 4 {
		for _, id := range []string{one, other} {
			answer, body := r.send(r.public, "GET /v3/volumes/"+id, "")
			got = append(got, answer.StatusCode)
			if answer.StatusCode == 503 && (answer.Header.Get("Retry-After") != "3" || !bytes.Contains(body, []byte(`{"serviceUnavailable":{"code":503`)) ||
				answer.Header.Get("X-Openstack-Request-Id") == "") {
				t.Errorf("%v %s", answer.Header, body)
			}
		}
	}
	if want := []int{200, 200, 503, 200, 503, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if rules := r.Faults(); rules[0].Matched != 4 || rules[0].Struck != 2 {
		t.Errorf("%+v", rules[0])
	}
	r.do("DELETE /faults/1", "", 204)
	r.do("DELETE /faults/1", "", 404)

	r.do("POST /faults", `[{"match":{"project":"`+ProjectID("alt")+`","times":0},"answer":{"status":500}}]`, 200)
	r.ask("GET /volumes", "", 200)
	r.do("DELETE /faults", "", 204)

	draws := func() (got []int) {
		r.do("POST /faults", `[{"match":{"probability":0.5,"seed":3,"times":0},"answer":{"status":500}}]`, 200)
		for range 20 {
			answer, _ := r.send(r.public, "GET /v3/volumes", "")
			got = append(got, answer.StatusCode)
		}
		r.do("DELETE /faults", "", 204)
		return got
	}
	first := draws()
	if !slices.Contains(first, 200) || !slices.Contains(first, 500) || !slices.Equal(first, draws()) {
		t.Errorf("the same seed draws differently, or always alike: %v", first)
	}

	r.do("POST /faults", `[{"match":{"method":"POST","route":"/identity/v3/auth/tokens"},"answer":{"status":503}}]`, 200)
	if answer, _ := r.send(r.public, "POST /identity/v3/auth/tokens", login); answer.StatusCode != 503 {
		t.Error(answer.StatusCode)
	}
}

// Connections break before, after and within an answer. The record shows what happened.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	count := func() int { return len(r.ask("GET /volumes", "", 200)["volumes"].([]any)) }
	for fault, made := range map[string]int{`{"reset":true}`: 1, `{"status":500,"reset":true}`: 0, `{"truncate":5}`: 1} {
		before := count()
		r.do("POST /faults", `[{"match":{"method":"POST","route":"/volumes"},"answer":`+fault+`}]`, 200)
		if _, _, err := r.try(r.public, "POST /v3/volumes", `{"volume":{"size":1}}`); err == nil {
			t.Errorf("%s: there is an answer", fault)
		}
		if got := count() - before; got != made {
			t.Errorf("%s: %d volumes were made, want %d", fault, got, made)
		}
	}
	for _, e := range r.Journal.Find(Filter{Method: "POST", Route: "/volumes"}) {
		if e.Rule == 0 {
			t.Errorf("%+v is not marked", e)
		}
	}
}

// A delay by the clock ends when the clock has moved.
func TestDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST /faults", `[{"match":{"method":"GET","route":"/volumes"},"answer":{"delay":"10m"}}]`, 200)
	answered := make(chan int, 1)
	timers := r.Clock.State().Timers
	go func() {
		answer, _, err := r.try(r.public, "GET /v3/volumes", "")
		if err != nil {
			t.Error(err)
		}
		answered <- answer.StatusCode
	}()
	for r.Clock.State().Timers == timers { // until it waits for the clock
		select {
		case status := <-answered:
			t.Fatalf("it is answered at once: %d", status)
		default:
		}
	}
	r.do("POST /clock/advance", `{"by":"10m"}`, 200)
	if status := <-answered; status != 200 {
		t.Fatal(status)
	}
}

// An attempt that is killed leaves the job to its lease, and the next one finishes it. After three
// deaths the job is given up.
func TestKill(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	check(t, r.WriteVolume(t.Context(), v, 0, []byte("data")))
	r.do("POST /faults", `[{"job":{"kind":"backup","after_bytes":1,"kill":true}}]`, 200)
	b := r.backup(v)
	r.settle()
	r.do("POST /clock/advance", `{"by":"29s"}`, 200)
	if status := r.status("backup", b); status != "creating" {
		t.Fatalf("before the lease has expired it is %s", status)
	}
	r.do("POST /clock/advance", `{"by":"2s"}`, 200)
	if status := r.status("backup", b); status != "available" {
		t.Fatal(status)
	}
	r.do("POST /faults", `[{"match":{"times":0},"job":{"kind":"backup","kill":true}}]`, 200)
	b = r.backup(v)
	r.do("POST /clock/advance", `{"by":"10m"}`, 200)
	got := r.ask("GET /backups/"+b, "", 200)
	if member(got, "backup", "status") != "error" || member(got, "backup", "fail_reason") != "The service died 3 times while it worked on this." {
		t.Fatal(got)
	}
}

// A stuck job goes on when its rule is removed, and stays stuck in a saved state.
// The whole cloud goes back: rows, bytes, users, tokens and the clock.
// Clients ask while states are saved and restored. Each gets an answer, of one state or the other.
// The clock moves while states are restored. Afterwards it has the time of the state, or one that a
// later move has given it.
// A delayed request does not hold up a restore.
// Transitions hold statuses for a time, for a number of polls, or until a release.
func TestTransitions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("PUT /transitions", `{"volume.creating":{"progression":"manual","times":2},"backup.creating":{"progression":"time","duration":"10m"},
		"backup.restoring":{"progression":"manual"},"backup.deleting":{"progression":"manual","times":1}}`, 200)
	v := r.volume()
	for _, want := range []string{"creating", "creating", "available"} {
		if status := r.status("volume", v); status != want {
			t.Fatalf("%s, want %s", status, want)
		}
	}
	b := r.backup(v)
	r.do("POST /clock/advance", `{"by":"599s"}`, 200)
	if status := r.status("backup", b); status != "creating" {
		t.Fatal(status)
	}
	r.do("POST /clock/advance", `{"by":"1s"}`, 200)
	if status := r.status("backup", b); status != "available" {
		t.Fatal(status)
	}
	r.ask("POST /backups/"+b+"/restore", `{"restore":{"volume_id":"`+v+`"}}`, 202)
	r.do("POST /clock/advance", `{"by":"2h"}`, 200)
	if r.login(); r.status("volume", v) != "restoring-backup" {
		t.Fatal(r.status("volume", v))
	}
	if got := r.do("POST /release", `{"resource":"`+v+`"}`, 200); string(got) != "{\"released\":1}\n" {
		t.Fatalf("%s", got)
	}
	r.settle()
	if status := r.status("volume", v); status != "available" {
		t.Fatal(status)
	}
	r.ask("DELETE /backups/"+b, "", 202)
	if status := r.status("backup", b); status != "deleting" {
		t.Fatal(status)
	}
	r.ask("GET /backups/"+b, "", 404)
}

// While nothing happens, hardly a timer rings: nothing polls.
func TestIdleWeek(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST /clock/advance", `{"by":"7d"}`, 200)
	if rings := r.Clock.State().Rings; rings < 30 || rings > 500 { // messages expire hourly
		t.Errorf("%d timers rang in a week", rings)
	}
}

// An upload to which nothing is sent ends a day later, to the second.
func TestUploadExpires(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST /clock/advance", `{"by":"25m"}`, 200)
	id, _ := member(r.ask("POST /backups/upload", `{"upload":{"size":1}}`, 202), "backup", "id").(string)
	r.do("POST /clock/advance", `{"by":"86399s"}`, 200)
	r.login()
	if status := r.status("backup", id); status != "creating" {
		t.Fatal(status)
	}
	r.do("POST /clock/advance", `{"by":"2s"}`, 200)
	if status := r.status("backup", id); status != "error" {
		t.Fatal(status)
	}
}

// Errors of the store fail jobs with Cinder-like reasons.
func TestStoreFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	check(t, r.WriteVolume(t.Context(), v, 0, []byte("data")))
	r.do("POST /faults", `[{"store":{"op":"put","error":"full"}}]`, 200)
	b := r.backup(v)
	r.settle()
	got := r.ask("GET /backups/"+b, "", 200)
	if reason, _ := member(got, "backup", "fail_reason").(string); !strings.HasPrefix(reason, "No space left in the backup store") {
		t.Fatal(got)
	}
	b = r.backup(v)
	r.settle()
	r.do("POST /faults", `[{"store":{"op":"get","key":"_sha256file","error":"missing"}}]`, 200)
	r.ask("POST /backups/"+b+"/restore", `{"restore":{"volume_id":"`+v+`"}}`, 202)
	r.settle()
	if status := r.status("volume", v); status != "error_restoring" {
		t.Fatal(status)
	}
}

// The record shows what was asked and answered, and no secrets.
func TestJournal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.volume()
	b := r.backup(v)
	r.ask("POST /volumes/"+v+"/metadata", `{"metadata":{"colour":"red"}}`, 200)
	all := r.do("GET /requests", "", 200)
	for _, secret := range []string{r.token, `"password":"harness"`} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("the record has %s", secret)
		}
	}
	var found []*Entry
	check(t, json.Unmarshal(r.do("GET /requests?method=POST&route=/backups&status=202&project="+ProjectID("demo"), "", 200), &found))
	if len(found) != 1 || string(found[0].Body) != `{"backup":{"volume_id":"`+v+`"}}` || !bytes.Contains(found[0].Answer, []byte(b)) ||
		found[0].Headers["X-Auth-Token"] != hidden || found[0].RequestID == "" || !found[0].At.Equal(start) {
		t.Fatalf("%+v", found)
	}
	if !bytes.Contains(all, []byte(`"colour":"red"`)) {
		t.Errorf("the user's metadata is hidden: %s", all)
	}
	waited := make(chan []byte, 1)
	go func() { waited <- r.do("GET /requests?route=/volumes/{id}&resource="+v+"&wait=1", "", 200) }()
	r.status("volume", v)
	check(t, json.Unmarshal(<-waited, &found))
	r.do("GET /requests?route=/snapshots&wait=1&timeout=1ms", "", 504)
	r.do("DELETE /requests", "", 204)
	if n := len(r.Journal.Find(Filter{})); n != 0 {
		t.Error(n)
	}
	for range maxEntries + 5 {
		r.Journal.add(&Entry{})
	}
	if n := len(r.Journal.Find(Filter{})); n != maxEntries {
		t.Errorf("%d requests are kept", n)
	}
}

// Ids and times are the same for the same seed and the same requests.
func TestSeed(t *testing.T) {
	t.Parallel()
	run := func(r *rig) string {
		v := r.volume()
		b := r.backup(v)
		r.do("POST /clock/advance", `{"by":"50m"}`, 200)
		r.do("POST /faults", `[{"job":{"kind":"restore","fail":"no"}}]`, 200)
		r.ask("POST /backups/"+b+"/restore", `{"restore":{"volume_id":"`+v+`"}}`, 202)
		r.settle()
		var all []byte
		for _, path := range []string{"/volumes/detail", "/backups/detail", "/messages"} {
			answer, got := r.send(r.public, "GET /v3"+path, "")
			all = append(append(all, answer.Header.Get("X-Openstack-Request-Id")...), bytes.ReplaceAll(got, []byte(r.public), nil)...)
		}
		return r.token + string(all)
	}
	same := newRig(t)
	first := run(newRig(t))
	if second := run(same); first != second {
		t.Errorf("%s\n%s", first, second)
	}
	if third := run(newRig(t, func(o *Options) { o.Seed = 8 })); third == first {
		t.Error("another seed gives the same ids")
	}
	same.do("PUT /seed", `{"seed":7}`, 200)
	if got := same.do("GET /seed", "", 200); string(got) != "{\"seed\":7}\n" {
		t.Errorf("%s", got)
	}
}

// The clock goes from manual to real and back, with a job that is stuck; its lease does not expire.
func TestClockModes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Now = time.Now().Add(-time.Hour) })
	r.do("POST /faults", `[{"job":{"kind":"backup","stick":true}}]`, 200)
	b := r.backup(r.volume())
	r.do("PUT /clock", `{"mode":"real"}`, 200)
	r.do("POST /clock/advance", `{"by":"1s"}`, 409)
	r.do("PUT /clock", `{"mode":"manual"}`, 200)
	r.do("POST /clock/advance", `{"by":"1h"}`, 200)
	r.login()
	if status := r.status("backup", b); status != "creating" {
		t.Fatal(status)
	}
	r.do("POST /release", `{}`, 200)
	r.settle()
	got := r.ask("GET /backups/"+b, "", 200)
	if member(got, "backup", "status") != "available" {
		t.Fatal(got)
	}
	for request, member := range map[string]string{"PUT /clock": `{"mode":"manual","now":`, "POST /clock/advance": `{"to":`} {
		to := r.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
		if got := r.do(request, member+`"`+to+`"}`, 200); !bytes.Contains(got, []byte(to)) {
			t.Errorf("%s: %s, want %s", request, got, to)
		}
	}
}

// The description of the API has all operations, and no others.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	var document struct {
		OpenAPI string
		Servers []struct{ URL string }
		Paths   map[string]map[string]json.RawMessage
	}
	check(t, json.Unmarshal(openapi, &document))
	var described []string
	for path, methods := range document.Paths {
		for method, operation := range methods {
			described = append(described, strings.ToUpper(method)+" "+path)
			var o struct {
				Summary   string
				Responses map[string]any
			}
			check(t, json.Unmarshal(operation, &o))
			if o.Summary == "" || len(o.Responses) == 0 {
				t.Errorf("%s %s: there is no summary, or no response", method, path)
			}
		}
	}
	var routes []string
	for route := range (&Control{}).routes() {
		routes = append(routes, route)
	}
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described %v\nserved %v", described, routes)
	}
	if len(document.Servers) != 1 || !strings.HasSuffix(document.Servers[0].URL, Prefix) || document.OpenAPI == "" {
		t.Errorf("%+v", document)
	}
}

// A fake of another cloud has clock, faults of answers, requests and reset; the rest is 501.
func TestControlOfFake(t *testing.T) {
	t.Parallel()
	resets := 0
	c := NewControl(clock.NewAt(start), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), func() error { resets++; return nil })
	public, control := httptest.NewServer(c), httptest.NewServer(c.API())
	t.Cleanup(public.Close)
	t.Cleanup(control.Close)
	r := &rig{t: t, public: public.URL, control: control.URL}
	r.do("POST /faults", `[{"match":{"route":"/cbr/v3/{project_id}/backups/{id}"},"answer":{"status":503}}]`, 200)
	r.do("POST /faults", `[{"job":{"stick":true}}]`, 400)
	for path, want := range map[string]int{"/cbr/v3/p/backups": 418, "/cbr/v3/p/backups/1": 503} {
		if answer, _ := r.send(r.public, "GET "+path, ""); answer.StatusCode != want {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	var found []*Entry
	check(t, json.Unmarshal(r.do("GET /requests?status=503", "", 200), &found))
	if len(found) != 1 || found[0].Path != "/cbr/v3/p/backups/1" || found[0].Rule != 1 {
		t.Errorf("%+v", found)
	}
	r.do("POST /clock/advance", `{"by":"1h"}`, 200)
	r.do("GET /snapshots", "", 501)
	r.do("PUT /transitions", `{}`, 501)
	r.do("POST /reset", "", 204)
	if resets != 1 || len(c.Faults()) != 0 {
		t.Error(resets)
	}
}

// What a process that died has left behind is removed; what another one uses stays.
// A cloud with a backup is saved and restored.
