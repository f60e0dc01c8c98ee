package gateway

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// slowClient receives and sends each piece just before the last deadline.
type slowClient struct {
	*httptest.ResponseRecorder
	t        *testing.T
	clock    *clockwork.FakeClock
	limit    time.Duration
	deadline time.Time
	late     int
}

func (c *slowClient) SetWriteDeadline(at time.Time) error { c.deadline = at; return nil }
func (c *slowClient) SetReadDeadline(at time.Time) error  { c.deadline = at; return nil }

func (c *slowClient) pass() {
	c.clock.Advance(c.limit * 9 / 10)
	if c.clock.Now().After(c.deadline) {
		c.late++
	}
}

func (c *slowClient) Write(p []byte) (int, error) { c.pass(); return c.ResponseRecorder.Write(p) }
func (c *slowClient) Read(p []byte) (int, error)  { c.pass(); return copy(p, "x"), nil }
func (*slowClient) Close() error                  { return nil }

func newSlowClient(t *testing.T) *slowClient {
	return &slowClient{ResponseRecorder: httptest.NewRecorder(), t: t, clock: clockwork.NewFakeClock(), limit: time.Minute}
}

// An answer may take any time, if the client accepts each piece in time.
func TestSlowClientsGetMoreTime(t *testing.T) {
	c, body := newSlowClient(t), bytes.Repeat([]byte("x"), 20*pieceSize+1)
	handler := WriteTimeout(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n, err := w.Write(body); n != len(body) || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}), c.limit, c.clock)
	began := c.clock.Now()
	handler.ServeHTTP(c, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if took := c.clock.Since(began); took < 18*c.limit || c.late > 0 {
		t.Errorf("it took %s, and %d pieces were past their deadline", took, c.late)
	}
	if !bytes.Equal(c.Body.Bytes(), body) {
		t.Error("the answer is another one")
	}
}

// A body may take any time, if each part arrives in time.
func TestBodiesThatGetOnHaveMoreTime(t *testing.T) {
	c := newSlowClient(t)
	body := &progressBody{c, http.NewResponseController(c), c.limit, c.clock}
	if n, err := io.CopyN(io.Discard, body, 20); n != 20 || err != nil || c.late > 0 {
		t.Errorf("%d bytes, %v, %d parts were past their deadline", n, err, c.late)
	}
}
