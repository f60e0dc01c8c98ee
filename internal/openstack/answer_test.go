package openstack

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"cindergate/driver"
)

// endless writes until the client closes the connection.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	piece := []byte(`"` + strings.Repeat("a", 64<<10) + `"`)
	for {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// drip writes single bytes and never completes an answer.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	const limit = 1 << 20
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		read    int64 // in bytes; -1 means any number
		message string
	}{
		"too large": {endless, limit, "The answer of backend east has more than 1048576 bytes."},
		"too slow":  {drip, -1, "Backend east did not answer in time."},
		"just enough": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, limit))
		}, limit, ""},
		"one byte more": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, limit+1))
		}, limit, "The answer of backend east has more than 1048576 bytes."},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			transport, err := NewTransport(Options{Name: "east", MaxAnswer: limit, AnswerTimeout: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			resp := send(t, transport, http.MethodGet, server.URL, nil)
			n, err := io.Copy(io.Discard, resp.Body)
			if test.read >= 0 && n != test.read {
				t.Errorf("read %d bytes", n)
			}
			err = transport.Classify(err)
			var e *driver.Error
			switch {
			case test.message == "" && err != nil:
				t.Error(err)
			case test.message != "" && (!errors.As(err, &e) || e.Kind != driver.Unavailable || e.Message != test.message):
				t.Errorf("%v", err)
			}
		})
	}
}

// A streamed answer has no size limit and may take any time while data keeps arriving.
func TestStreamsAreNotCutOff(t *testing.T) {
	const pieces, size = 40, 64 << 10
	next := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range next {
			_, _ = w.Write(make([]byte, size))
			_ = http.NewResponseController(w).Flush()
		}
	}))
	defer server.Close()
	clock := clockwork.NewFakeClock()
	transport, err := NewTransport(Options{Name: "east", MaxAnswer: size, AnswerTimeout: time.Minute, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { next <- struct{}{} }() // the first piece, with the headers
	resp, err := transport.RoundTrip(target{streamed: true}.of(r))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range pieces {
		if i > 0 {
			next <- struct{}{}
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, size)); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
		clock.Advance(50 * time.Second) // together longer than the bound of one read
	}
	// A piece that arrives late ends the answer.
	clock.Advance(11 * time.Second)
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, errAnswerSlow) {
		t.Errorf("an answer that stands still: %v", err)
	}
	close(next)
}
