package openstack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// asked records the bodies that a server received.
type asked struct {
	mu     sync.Mutex
	bodies []string
}

func (a *asked) add(r *http.Request) int {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bodies = append(a.bodies, string(body))
	return len(a.bodies)
}

func send(t *testing.T, transport *Transport, method, url string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestWritesAreSentAgainOnlyIfNobodyLookedAtThem(t *testing.T) {
	unlooked := func(resp *http.Response) bool { return resp.Header.Get("X-Refused-By") == "the door" }
	for _, test := range []struct {
		name        string
		refusedBy   string
		unprocessed func(*http.Response) bool
		body        io.Reader
		want        []string
	}{
		{"nobody looked", "the door", unlooked, strings.NewReader("x"), []string{"x", "x"}},
		{"no body", "the door", unlooked, nil, []string{"", ""}},
		{"somebody looked", "the service", unlooked, strings.NewReader("x"), []string{"x"}},
		{"a stream", "the door", unlooked, io.MultiReader(strings.NewReader("x")), []string{"x"}},
		{"nobody can tell", "the door", nil, strings.NewReader("x"), []string{"x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got asked
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got.add(r) == 1 {
					w.Header().Set("X-Refused-By", test.refusedBy)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			}))
			defer server.Close()
			transport, err := NewTransport(Options{Name: "east", RetryWait: time.Millisecond, Unprocessed: test.unprocessed})
			if err != nil {
				t.Fatal(err)
			}
			resp := send(t, transport, http.MethodPost, server.URL, test.body)
			if !slices.Equal(got.bodies, test.want) || (resp.StatusCode == http.StatusOK) != (len(test.want) == 2) {
				t.Errorf("status %d after %q", resp.StatusCode, got.bodies)
			}
		})
	}
}

func TestALongRetryAfterIsNotWaitedFor(t *testing.T) {
	var got asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	transport, err := NewTransport(Options{Name: "east"})
	if err != nil {
		t.Fatal(err)
	}
	resp := send(t, transport, http.MethodGet, server.URL, nil)
	if resp.StatusCode != http.StatusServiceUnavailable || len(got.bodies) != 1 {
		t.Errorf("status %d after %d requests", resp.StatusCode, len(got.bodies))
	}
}
