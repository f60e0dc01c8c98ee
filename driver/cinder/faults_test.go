package cinder

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

const secret = "gAAAA-the-token"

var member = driver.Caller{ProjectID: "abc123", UserID: "u", Role: driver.Member, Token: secret}

// versionsDocument is the version document of an upstream with microversions up to 3.70.
const versionsDocument = `{"versions":[{"id":"v3.0","version":"3.70","min_version":"3.0"}]}`

// upstreamServer serves the version document, and everything else by h.
func upstreamServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusMultipleChoices)
			_, _ = io.WriteString(w, versionsDocument)
			return
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, url string, change func(*Options)) *Driver {
	t.Helper()
	o := Options{URL: url, Options: openstack.Options{Name: "east", AnswerTimeout: 300 * time.Millisecond, Retries: -1}}
	if change != nil {
		change(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func answer(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// reset closes the connection without an answer.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestUpstreamFaultsBecomeDocumentedErrors(t *testing.T) {
	const page = "<html><body><h1>502 Bad Gateway</h1>internal-lb.example</body></html>"
	for _, test := range []struct {
		name       string
		upstream   http.HandlerFunc
		kind       driver.Kind
		message    string
		retryAfter time.Duration
	}{
		{"reset", reset, driver.Unavailable, "Backend east cannot be reached.", 0},
		{"timeout", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, driver.Unavailable, "Backend east did not answer in time.", 0},
		{"HTML of a load balancer", answer(502, "text/html", page), driver.Unavailable, "Backend east answered with status 502.", 0},
		{"HTML with 200", answer(200, "text/html", page), driver.Unavailable, "The answer of backend east broke off or is not JSON.", 0},
		{"truncated JSON", answer(200, "application/json", `{"backup": {"id": "x", "sta`), driver.Unavailable, "The answer of backend east broke off or is not JSON.", 0},
		{"wrong types", answer(200, "application/json", `{"backup": {"size": "many"}}`), driver.Unavailable, "The answer of backend east broke off or is not JSON.", 0},
		{"400", answer(400, "application/json", `{"badRequest": {"code": 400, "message": "Invalid backup: no."}}`), driver.InvalidState, "Invalid backup: no.", 0},
		{"400 of bad input", answer(400, "application/json", `{"badRequest": {"code": 400, "message": "Bad name."}}`), driver.InvalidInput, "Bad name.", 0},
		{"401 in the middle", answer(401, "application/json", `{"error": {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}}`), driver.Unauthorized, "The request you have made requires authentication.", 0},
		{"403", answer(403, "application/json", `{"forbidden": {"code": 403, "message": "Policy doesn't allow it."}}`), driver.Forbidden, "Policy doesn't allow it.", 0},
		{"404", answer(404, "application/json", `{"itemNotFound": {"code": 404, "message": "Backup x could not be found."}}`), driver.NotFound, "Backup x could not be found.", 0},
		{"404 of an unknown route", answer(404, "application/json", `{"message": "The resource could not be found.<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}`), driver.NotFound, "The resource could not be found.", 0},
		{"409", answer(409, "application/json", `{"conflictingRequest": {"code": 409, "message": "Busy."}}`), driver.Conflict, "Busy.", 0},
		{"413 with Retry-After", answer(413, "application/json", `{"overLimit": {"code": 413, "message": "Too many.", "retryAfter": "0"}}`, "Retry-After", "7"), driver.OverLimit, "Too many.", 7 * time.Second},
		{"413 without", answer(413, "application/json", `{"overLimit": {"code": 413, "message": "Too many."}}`), driver.OverLimit, "Too many.", 0},
		{"429 with Retry-After", answer(429, "text/plain", "slow down", "Retry-After", "3"), driver.OverLimit, "Backend east answered with status 429.", 3 * time.Second},
		{"429 without", answer(429, "text/plain", "slow down"), driver.OverLimit, "Backend east answered with status 429.", 0},
		{"500", answer(500, "application/json", `{"computeFault": {"code": 500, "message": "Traceback at 10.0.0.7"}}`), driver.Internal, "", 0},
		{"501", answer(501, "application/json", `{"notImplemented": {"code": 501, "message": "Not here."}}`), driver.NotSupported, "Not here.", 0},
		{"503 with Retry-After", answer(503, "application/json", `{"serviceUnavailable": {"code": 503, "message": "No backup service."}}`, "Retry-After", "11"), driver.Unavailable, "No backup service.", 11 * time.Second},
		{"504", answer(504, "text/html", page), driver.Unavailable, "Backend east answered with status 504.", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := upstreamServer(t, test.upstream)
			d := open(t, server.URL, nil)
			_, err := d.GetBackup(t.Context(), member, "x")
			var e *driver.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is no driver.Error", err)
			}
			if e.Kind != test.kind || e.RetryAfter != test.retryAfter || test.message != "" && e.Message != test.message {
				t.Errorf("kind %d, after %s: %q", e.Kind, e.RetryAfter, e.Message)
			}
			for _, leak := range []string{strings.TrimPrefix(server.URL, "http://"), secret, "internal-lb"} {
				if strings.Contains(e.Message, leak) {
					t.Errorf("the message tells %s: %q", leak, e.Message)
				}
			}
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := open(t, server.URL, nil).GetBackup(t.Context(), member, "x")
	if driver.KindOf(err) != driver.Unavailable || !strings.HasPrefix(err.Error(), "Backend east cannot be reached.") {
		t.Fatal(err)
	}
}

func TestTLSFailure(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	_, err := open(t, server.URL, nil).GetBackup(t.Context(), member, "x")
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind != driver.Unavailable || !strings.Contains(e.Message, "TLS") {
		t.Fatal(err)
	}
	insecure := open(t, server.URL, func(o *Options) { o.Insecure = true })
	if _, err := insecure.GetBackup(t.Context(), member, "x"); err == nil || strings.Contains(err.Error(), "TLS") {
		t.Fatal(err)
	}
}

func TestReadsAreRetriedAndCreatesAreSentOnce(t *testing.T) {
	var reads, creates atomic.Int32
	server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			creates.Add(1)
			reset(w, r)
			return
		}
		if reads.Add(1) < 3 {
			answer(503, "text/plain", "later")(w, r)
			return
		}
		answer(200, "application/json", `{"backup": {"id": "x", "status": "available"}}`)(w, r)
	})
	d := open(t, server.URL, func(o *Options) { o.Retries = 2 })
	b, err := d.GetBackup(t.Context(), member, "x")
	if err != nil || b.Status != driver.BackupAvailable || reads.Load() != 3 {
		t.Fatalf("%v %+v after %d reads", err, b, reads.Load())
	}
	for what, create := range map[string]func() error{
		"create": func() error {
			_, err := d.CreateBackup(t.Context(), member, driver.BackupSpec{VolumeID: "v"})
			return err
		},
		"restore": func() error {
			_, err := d.RestoreBackup(t.Context(), member, "x", driver.ToNewVolume("n"))
			return err
		},
		"import": func() error {
			_, err := d.ImportRecord(t.Context(), member, driver.BackupRecord{})
			return err
		},
	} {
		creates.Store(0)
		if err := create(); driver.KindOf(err) != driver.Unavailable {
			t.Fatalf("%s: %v", what, err)
		}
		if n := creates.Load(); n != 1 {
			t.Fatalf("%s was sent %d times", what, n)
		}
	}
}

func TestBreakerLeavesADeadUpstreamAlone(t *testing.T) {
	var asked atomic.Int32
	server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		reset(w, r)
	})
	d := open(t, server.URL, func(o *Options) { o.BreakAfter, o.BreakFor = 3, time.Hour })
	for range 10 {
		if _, err := d.GetBackup(t.Context(), member, "x"); driver.KindOf(err) != driver.Unavailable {
			t.Fatal(err)
		}
	}
	// net/http itself retries once if an idle connection turns out to be dead.
	if n := asked.Load(); n > 4 {
		t.Fatalf("asked %d times, want 3", n)
	}
	_, err := d.GetBackup(t.Context(), member, "x")
	var e *driver.Error
	if !errors.As(err, &e) || e.RetryAfter != time.Hour {
		t.Fatalf("%v after %s", err, e.RetryAfter)
	}
}

func TestClientGoingAwayIsNoFaultOfTheUpstream(t *testing.T) {
	entered := make(chan struct{}, 1)
	server := upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
	})
	d := open(t, server.URL, func(o *Options) { o.BreakAfter, o.AnswerTimeout = 1, time.Minute })
	if _, err := d.version(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := d.GetBackup(ctx, member, "x")
		done <- err
	}()
	<-entered
	cancel()
	<-done
	go func() { <-entered }()
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := d.GetBackup(ctx, member, "x")
	var broken *openstack.ErrBroken
	if errors.As(err, &broken) {
		t.Fatal("one client's going away opened the breaker")
	}
}

// An answer that lacks a required member never means that there is nothing.
func TestUnknownAnswersAreNoBackups(t *testing.T) {
	for _, body := range []string{`{}`, `{"a": 1}`, `null`, `{"backup": null, "backups": null}`, `{"backup": {}, "backups": [{}]}`, `{"volumes": [], "restore": {}}`} {
		server := upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "import_record"):
				w.WriteHeader(http.StatusCreated)
			case r.Method == http.MethodPost:
				w.WriteHeader(http.StatusAccepted)
			}
			_, _ = io.WriteString(w, body)
		})
		d := open(t, server.URL, nil)
		for name, call := range map[string]func() error{
			"show": func() error { _, err := d.GetBackup(t.Context(), member, "x"); return err },
			"list": func() error { _, err := d.ListBackups(t.Context(), member, driver.Query{}); return err },
			"create": func() error {
				_, err := d.CreateBackup(t.Context(), member, driver.BackupSpec{VolumeID: "v"})
				return err
			},
			"update":  func() error { _, err := d.UpdateBackup(t.Context(), member, "x", driver.BackupPatch{}); return err },
			"restore": func() error { _, err := d.RestoreBackup(t.Context(), member, "x", driver.ToNewVolume("n")); return err },
			"export":  func() error { _, err := d.ExportRecord(t.Context(), member, "x"); return err },
			"import":  func() error { _, err := d.ImportRecord(t.Context(), member, driver.BackupRecord{}); return err },
			"volume":  func() error { _, err := d.GetVolume(t.Context(), member, "v"); return err },
			"quotas":  func() error { _, err := d.BackupQuotas(t.Context(), member); return err },
		} {
			if err := call(); driver.KindOf(err) != driver.Unavailable {
				t.Errorf("%s of %s: %v", name, body, err)
			}
		}
	}
}

// A large or slow answer ends with an error and costs little memory and time.
func TestAnswersOfTheUpstreamAreBounded(t *testing.T) {
	piece := []byte(strings.Repeat("a", 1<<20))
	server := upstreamServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"backup":{"id":"huge","name":"`)
		for range 1024 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	d := open(t, server.URL, func(o *Options) { o.MaxAnswer, o.AnswerTimeout = 4<<20, time.Minute })
	_, err := d.GetBackup(t.Context(), member, "huge")
	if driver.KindOf(err) != driver.Unavailable || !strings.HasPrefix(err.Error(), "The answer of backend east has more than 4194304 bytes.") {
		t.Error(err)
	}
}

// Discovery continues for other clients when the client that began it leaves.
func TestDiscoveryOutlivesTheFirstClient(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			asked.Add(1)
			close(entered)
			<-release
			_, _ = io.WriteString(w, versionsDocument)
			return
		}
		answer(200, "application/json", `{"backup": {"id": "x", "status": "available"}}`)(w, r)
	}))
	defer server.Close()
	d := open(t, server.URL, func(o *Options) { o.AnswerTimeout = time.Minute })
	get := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := d.GetBackup(ctx, member, "x")
			done <- err
		}()
		return done
	}
	ctx, leave := context.WithCancel(t.Context())
	first := get(ctx)
	<-entered
	second := get(t.Context())
	leave()
	if err := <-first; driver.KindOf(err) != driver.Canceled {
		t.Errorf("the client that left: %v", err)
	}
	close(release)
	if err := <-second; err != nil || asked.Load() != 1 {
		t.Errorf("the other: %v after %d requests", err, asked.Load())
	}
}
