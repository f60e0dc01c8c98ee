package otc

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cindergate/driver"
	"cindergate/internal/openstack"
)

const (
	secret   = "gAAAA-the-token"
	backupID = "11111111-2222-4333-8444-555555555555"
	volumeID = "66666666-2222-4333-8444-555555555555"
)

var member = driver.Caller{ProjectID: "abc123", UserID: "u", Role: driver.Member, Token: secret, RequestID: "req-1"}

// script answers requests by "METHOD path", in the order of its answers. The last answer
// repeats.
type script struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]answer
	asked   []string // "METHOD path?query body"
}

type answer struct {
	status int
	body   string
}

func serve(t *testing.T, answers map[string][]answer) *script {
	t.Helper()
	s := &script{t: t, answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.asked = append(s.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	turn := s.answers[key]
	if len(turn) > 1 {
		s.answers[key] = turn[1:]
	}
	s.mu.Unlock()
	if r.Header.Get("X-Auth-Token") != secret {
		s.t.Errorf("%s with token %q", key, r.Header.Get("X-Auth-Token"))
	}
	if len(turn) == 0 {
		s.t.Errorf("unexpected %s", key)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(turn[0].status)
	_, _ = io.WriteString(w, strings.ReplaceAll(turn[0].body, "$URL", s.URL))
}

// count returns the number of requests with a prefix.
func (s *script) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}

func open(t *testing.T, change func(*Options)) *Cloud {
	t.Helper()
	o := Options{
		Options: openstack.Options{Name: "east", Retries: -1, RetryWait: time.Millisecond}, Dialect: OTC,
		IDTimeout: time.Minute, PollEvery: time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	c, err := NewCloud(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// volumes returns a script's volumes, with one backup.
func volumes(t *testing.T, s *script, change func(*Options)) *Volumes {
	t.Helper()
	return &Volumes{EVS: open(t, change).Service(&EVS, s.URL), DefaultType: "SATA", Backup: backup}
}

func wantError(t *testing.T, err error, kind driver.Kind, message string) {
	t.Helper()
	if driver.KindOf(err) != kind || err == nil || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v of kind %d, want %q of kind %d", err, driver.KindOf(err), message, kind)
	}
}

func evsFault(code string) string {
	return fmt.Sprintf(`{"error": {"message": "The vendor's words.", "code": %q}}`, code)
}
