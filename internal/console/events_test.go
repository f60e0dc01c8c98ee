package console

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// stream is an open stream of events.
type stream struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Reader
}

func (b *browser) stream() *stream {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/ui/api/events", nil)
	must(b.t, err)
	answer, err := b.client.Do(r)
	must(b.t, err)
	b.t.Cleanup(func() { answer.Body.Close() })
	return &stream{b.t, answer, bufio.NewReader(answer.Body)}
}

// next returns the next event; "" at the end of the stream.
func (s *stream) next() (event, data string) {
	for {
		line, err := s.lines.ReadString('\n')
		switch {
		case err != nil:
			return "", ""
		case strings.HasPrefix(line, "event: "):
			event = strings.TrimSpace(strings.TrimPrefix(line, "event: "))
		case strings.HasPrefix(line, "data: "):
			data = strings.TrimPrefix(line, "data: ")
		case line == "\n" && event != "":
			return event, data
		}
	}
}

// A stream tells what runs and when that changes, and ends with the session.
func TestEvents(t *testing.T) {
	waits, change := telling()
	r := newRig(t, change)
	b := r.login("demo")
	v := b.volume("photos")
	s := b.stream()
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store"} {
		if got := s.answer.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	event, data := s.next()
	var st state
	must(t, json.Unmarshal([]byte(data), &st))
	if event != "state" || st.Backups != 0 || st.Failures != 0 || len(st.Jobs) != 0 {
		t.Errorf("%s %s", event, data)
	}
	b.backUp(v, url.Values{})
	<-waits
	must(t, r.env.Clock.Advance(t.Context(), lookSeldom))
	event, data = s.next()
	must(t, json.Unmarshal([]byte(data), &st))
	if event != "state" || st.Backups != 1 {
		t.Errorf("after a backup: %s %s", event, data)
	}
	b.get("/ui/")
	b.post("/ui/logout", url.Values{})
	if event, _ = s.next(); event != "end" {
		t.Errorf("after the logout: %q", event)
	}
	if event, _ = s.next(); event != "" {
		t.Errorf("after the end: %q", event)
	}
}

// toldClock tells when a stream begins to wait.
type toldClock struct {
	clockwork.Clock
	waits chan struct{}
}

func (c toldClock) NewTimer(d time.Duration) clockwork.Timer {
	timer := c.Clock.NewTimer(d)
	if d == lookEvery || d == lookSeldom {
		c.waits <- struct{}{}
	}
	return timer
}

// telling gives a console a clock that tells when a stream begins to wait.
func telling() (waits <-chan struct{}, change func(*Options)) {
	told := make(chan struct{}, 100)
	return told, func(o *Options) { o.Clock = toldClock{o.Clock, told} }
}

// A stream ends when its token does.
func TestEventsEndWithTheToken(t *testing.T) {
	waits, change := telling()
	r := newRig(t, change)
	b := r.login("demo")
	s := b.stream()
	s.next()
	must(t, r.c.identity.revoke(t.Context(), string(b.session().caller.Token)))
	<-waits
	must(t, r.env.Clock.Advance(t.Context(), lookSeldom))
	if event, _ := s.next(); event != "end" {
		t.Errorf("%q", event)
	}
	b.do(http.MethodGet, "/ui/", nil)
	if !strings.HasPrefix(b.at, "/ui/login") {
		t.Errorf("the session goes on at %s", b.at)
	}
}

// A session has so many streams at most. They end when the console stops.
func TestEventsAreBounded(t *testing.T) {
	r := newRig(t)
	b := r.login("demo")
	var open []*stream
	for range streamsOfSession {
		s := b.stream()
		s.next()
		open = append(open, s)
	}
	if s := b.stream(); s.answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one stream too many: %d", s.answer.StatusCode)
	}
	if other := r.login("demo").stream(); other.answer.StatusCode != http.StatusOK {
		t.Errorf("another session: %d", other.answer.StatusCode)
	}
	for range streamsOfUser - streamsOfSession - 1 {
		r.login("demo").stream()
	}
	if s := r.login("demo").stream(); s.answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one stream of the user too many: %d", s.answer.StatusCode)
	}
	if s := r.login("admin").stream(); s.answer.StatusCode != http.StatusOK {
		t.Errorf("another user: %d", s.answer.StatusCode)
	}
	r.c.Stop()
	for _, s := range open {
		if event, _ := s.next(); event != "" {
			t.Errorf("after the stop: %q", event)
		}
	}
}
