package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/verify"
)

// only selects cases by name.
func only(names ...string) func(*verify.Case) bool {
	return func(c *verify.Case) bool { return slices.Contains(names, c.Name) }
}

func TestCasesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range verify.Cases() {
		if seen[c.Name] {
			t.Errorf("two cases have the name %s", c.Name)
		}
		seen[c.Name] = true
		if !slices.Contains(verify.Levels, c.Level) || c.Run == nil || !strings.HasSuffix(c.Rule, ".") || c.Source == "" {
			t.Errorf("%+v", c)
		}
		if !slices.ContainsFunc(verify.Capabilities, func(k verify.Capability) bool { return k.Name == c.Capability }) {
			t.Errorf("%s has the capability %s, which does not exist", c.Name, c.Capability)
		}
	}
	for _, k := range verify.Capabilities {
		if !slices.ContainsFunc(verify.Cases(), func(c *verify.Case) bool { return c.Capability == k.Name }) {
			t.Errorf("no case is about %s", k.Name)
		}
	}
	if len(seen) < 150 {
		t.Errorf("there are %d cases", len(seen))
	}
}

// names lists what a project has, by the names.
func names(t *testing.T, url string) []string {
	t.Helper()
	var all []string
	for _, collection := range []string{"volumes", "snapshots", "backups"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v3/"+testProject+"/"+collection, http.NoBody)
		must(t, err)
		r.Header.Set("X-Auth-Token", "token-of-the-member")
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		var lists map[string][]struct{ Name string }
		must(t, json.NewDecoder(answer.Body).Decode(&lists))
		must(t, answer.Body.Close())
		for _, e := range lists[collection] {
			all = append(all, collection+" "+e.Name)
		}
	}
	return all
}

// The level read-only sends GET and nothing else.
func TestReadOnlyReads(t *testing.T) {
	far := serve(t, newEmbedded(t), true)
	var others atomic.Int64
	p := newProxy(t, far.URL, &mutant{on: `^[^G]`, ask: func(*http.Request, *string) { others.Add(1) }})
	report, err := verify.Run(t.Context(), options(t, p.URL, verify.ReadOnly))
	must(t, err)
	held(t, report, declared{})
	if n := others.Load(); n > 0 || report.Requests < 100 {
		t.Errorf("%d of %d requests are no GET", n, report.Requests)
	}
}

// A run that is interrupted removes what it made, also what is being made.
func TestInterruptedRunCleansUp(t *testing.T) {
	far := serve(t, newEmbedded(t), true)
	for _, at := range []string{"POST /volumes", "POST /backups", "POST /snapshots", "POST /backups/.*restore"} {
		ctx, interrupt := context.WithCancel(t.Context())
		p := newProxy(t, far.URL, &mutant{on: "^" + at + "$", answer: func(*reply) { interrupt() }})
		report, err := verify.Run(ctx, options(t, p.URL, verify.Tenant))
		must(t, err)
		if report.Ended == "" || report.Count(verify.NotTested) == 0 || p.count == 0 {
			t.Errorf("%s: ended %q", at, report.Ended)
		}
		if len(report.Left) > 0 {
			t.Errorf("%s: %q", at, report.Left)
		}
		if left := names(t, far.URL); len(left) > 0 {
			t.Errorf("%s: left behind: %q", at, left)
		}
	}
}

// Cleanup removes what has the prefix, and nothing else.
func TestCleanupTakesThePrefixOnly(t *testing.T) {
	d := newEmbedded(t)
	far := serve(t, d, false)
	o := options(t, far.URL, verify.Tenant)
	o.Keep, o.Select = true, only("show-incremental", "show-snapshot", "restore-answer-name", "restore-by-name")
	_, err := verify.Run(t.Context(), o)
	must(t, err)
	who := callers["token-of-the-member"]
	var mine []string
	for _, name := range []string{"mine", "x" + verify.Prefix + "y", "restore_backup_" + nobody, ""} {
		_, err := d.CreateVolume(t.Context(), who, driver.VolumeSpec{Name: &name, Size: 1})
		must(t, err)
		mine = append(mine, "volumes "+name)
	}
	before := len(names(t, far.URL))
	found, left, err := verify.Cleanup(t.Context(), options(t, far.URL))
	must(t, err)
	got := names(t, far.URL)
	slices.Sort(got)
	slices.Sort(mine)
	if len(left) > 0 || len(found) != before-len(mine) || len(found) < 6 || !slices.Equal(got, mine) {
		t.Errorf("%d of %d were found, %q stayed; %q are there, want %q", len(found), before, left, got, mine)
	}
}

// A quota that is too small is seen before anything is made.
func TestQuotaIsCheckedFirst(t *testing.T) {
	d := newEmbedded(t)
	_, err := d.SetQuotas(t.Context(), driver.Caller{ProjectID: adminProject, Role: driver.Admin}, testProject, map[string]int{"backups": 3})
	must(t, err)
	far := serve(t, d, false)
	var made atomic.Int64
	p := newProxy(t, far.URL, &mutant{on: `^POST`, ask: func(*http.Request, *string) { made.Add(1) }})
	report, err := verify.Run(t.Context(), options(t, p.URL, verify.Tenant))
	must(t, err)
	if made.Load() > 0 || report.Count(verify.NotTested) < 100 {
		t.Errorf("%d requests, %s", made.Load(), report.Line())
	}
	for i := range report.Results {
		if r := &report.Results[i]; r.Outcome == verify.NotTested && !strings.Contains(r.Reason, "maxTotalBackups is 3") {
			t.Errorf("%s: %s", r.Case.Name, r.Reason)
		}
	}
}

// A cloud that asks to come back is asked again; one whose quota is used up is not.
func TestRetryAfter(t *testing.T) {
	far := serve(t, newEmbedded(t), false)
	for _, status := range []int{413, 429} {
		var refused atomic.Int64
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.RawQuery, "status=no-such-status") && refused.Add(1) == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(status)
				return
			}
			p := &proxy{target: far.URL, mutant: &mutant{}, client: http.DefaultClient, on: nothing, in: nothing}
			p.ServeHTTP(w, r)
		}))
		o := options(t, front.URL, verify.ReadOnly)
		o.Select = only("filter-status-unknown")
		began := time.Now()
		report, err := verify.Run(t.Context(), o)
		must(t, err)
		front.Close()
		if report.Count(verify.Passed) != 2 || time.Since(began) < time.Second {
			t.Errorf("%d: %s in %s", status, report.Line(), time.Since(began))
		}
	}
}

func TestRateIsALimit(t *testing.T) {
	far := serve(t, newEmbedded(t), false)
	var mu sync.Mutex
	var times []time.Time
	p := newProxy(t, far.URL, &mutant{on: `.`, ask: func(*http.Request, *string) {
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
	}})
	o := options(t, p.URL, verify.ReadOnly)
	o.Rate, o.Select = 100, only("version-echo", "list", "list-detail", "content-type")
	_, err := verify.Run(t.Context(), o)
	must(t, err)
	if took := times[len(times)-1].Sub(times[0]); len(times) < 10 || took < time.Duration(len(times)-3)*10*time.Millisecond {
		t.Errorf("%d requests in %s", len(times), took)
	}
}

func TestCannotTest(t *testing.T) {
	far := serve(t, newEmbedded(t), false)
	o := options(t, far.URL, verify.ReadOnly)
	o.Tester.Token = token("wrong-token")
	if _, err := verify.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "refuses the login") {
		t.Errorf("got %v", err)
	}
	far.Close()
	if _, err := verify.Run(t.Context(), options(t, far.URL, verify.ReadOnly)); err == nil {
		t.Error("an endpoint that is away is verified")
	}
}

// A case that needs a login that is not there is not tested, and is no pass.
func TestWithoutFurtherLogins(t *testing.T) {
	far := serve(t, newEmbedded(t), false)
	o := options(t, far.URL, verify.Admin)
	o.Second, o.Boss, o.Select = nil, nil, only("other-show", "export", "list")
	report, err := verify.Run(t.Context(), o)
	must(t, err)
	got := map[string]string{}
	for i := range report.Results {
		got[report.Results[i].Case.Name] = string(report.Results[i].Outcome) + ": " + report.Results[i].Reason
	}
	want := map[string]string{"list": "passed: ", "other-show": "not tested: there is no login as a member of another project", "export": "not tested: there is no login as an admin"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v", got)
	}
}

// An endpoint with older microversions does not offer what came later, and behaves like an
// older release.
func TestOldEndpoint(t *testing.T) {
	far := serve(t, newEmbedded(t), false)
	p := newProxy(t, far.URL, &mutant{on: `^GET /$`, answer: text(`"version":"3.70"`, `"version":"3.27"`)})
	o := options(t, p.URL, verify.ReadOnly)
	o.Select = only("count-zero", "list", "filter-unknown-before")
	report, err := verify.Run(t.Context(), o)
	must(t, err)
	if report.Release.Name != "Ocata" || report.Microversion != "3.27" || report.Count(verify.NotOffered) != 1 || report.Count(verify.Passed) != 4 {
		t.Errorf("%s, %s: %+v", report.Line(), report.Microversion, report.Release)
	}
}
