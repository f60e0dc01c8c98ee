package verify_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"cindergate/driver"
	"cindergate/driver/embedded"
	"cindergate/gateway"
	"cindergate/internal/verify"
)

// Ids of projects. Cinder takes hexadecimal digits only.
const (
	testProject  = "11111111111111111111111111111111"
	otherProject = "22222222222222222222222222222222"
	adminProject = "33333333333333333333333333333333"
)

// logins authenticates callers from a fixed list, by tokens that look like real ones.
type logins map[string]driver.Caller

var callers = logins{
	"token-of-the-member": {ProjectID: testProject, UserID: "member", Role: driver.Member},
	"token-of-the-other":  {ProjectID: otherProject, UserID: "other", Role: driver.Member},
	"token-of-the-admin":  {ProjectID: adminProject, UserID: "admin", Role: driver.Admin},
}

func (l logins) Authenticate(_ context.Context, token string) (driver.Caller, error) {
	caller, ok := l[token]
	if !ok {
		return driver.Caller{}, driver.Errorf(driver.Unauthorized, "no such token")
	}
	return caller, nil
}

func (logins) Challenge(base string) string { return `Keystone uri="` + base + `"` }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve runs a gateway in front of a driver.
func serve(t testing.TB, d driver.Driver, vbs bool) *httptest.Server {
	t.Helper()
	return serveFor(t, d, vbs, callers)
}

func serveFor(t testing.TB, d driver.Driver, vbs bool, who logins) *httptest.Server {
	t.Helper()
	g := httptest.NewServer(gateway.New(gateway.Options{
		Backends: map[string]driver.Driver{"backend": d}, Auth: who, Log: zap.NewNop(), Metrics: gateway.NewMetrics(), VBS: vbs,
	}))
	t.Cleanup(g.Close)
	return g
}

// newEmbedded opens the embedded backend and runs its jobs until the test ends.
func newEmbedded(t testing.TB) *embedded.Driver {
	t.Helper()
	d, err := embedded.Open(t.Context(), embedded.Options{DataDir: t.TempDir(), Host: "host", Workers: 4})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-done)
		must(t, d.Close())
	})
	return d
}

func token(text string) func(context.Context, string) (string, error) {
	return func(context.Context, string) (string, error) { return text, nil }
}

func login(text string) verify.Login {
	return verify.Login{Token: token(text), ProjectID: callers[text].ProjectID}
}

// options are those of a run with all logins.
func options(t testing.TB, url string, levels ...verify.Level) verify.Options {
	second, boss := login("token-of-the-other"), login("token-of-the-admin")
	return verify.Options{URL: url, Tester: login("token-of-the-member"), Second: &second, Boss: &boss, Levels: levels,
		Timeout: 15 * time.Minute, CaseTimeout: 10 * time.Minute, Poll: 200 * time.Millisecond, Progress: func(s string) { t.Log(s) }, Client: &http.Client{}}
}

// declared is what a backend is known to lack or to do differently: names of capabilities and
// of cases, with the reason.
type declared map[string]string

// held fails the test unless every case passes or is declared. What is declared must not pass.
func held(t *testing.T, report *verify.Report, known declared) {
	t.Helper()
	needed := map[string]bool{}
	for i := range report.Results {
		r := &report.Results[i]
		if r.Outcome == verify.Passed {
			continue
		}
		if r.Outcome == verify.NotOffered && known[r.Case.Capability] != "" {
			needed[r.Case.Capability] = true
			continue
		}
		if known[r.Case.Name] != "" {
			needed[r.Case.Name] = true
			continue
		}
		if d := r.Deviation; d != nil {
			t.Errorf("%s at %s: %s\n  expected %s\n  got %s\n  %s", r.Case.Name, r.Microversion, r.Case.Rule, d.Expected, d.Got, show(d.Exchange))
		} else {
			t.Errorf("%s at %s: %s: %s", r.Case.Name, r.Microversion, r.Outcome, r.Reason)
		}
	}
	for name := range known {
		if !needed[name] {
			t.Errorf("%s is declared, and passes", name)
		}
	}
	if len(report.Left) > 0 || report.Ended != "" {
		t.Errorf("left behind: %q; ended: %s", report.Left, report.Ended)
	}
}

func show(e *verify.Exchange) string {
	if e == nil {
		return "no request"
	}
	return e.Method + " " + e.URL + " " + e.Body + " -> " + http.StatusText(e.Status) + " " + e.Content
}
