package gateway

import (
	"io"
	"net/http"
	"time"

	"github.com/jonboulle/clockwork"
)

// pieceSize is the part of an answer that a client must accept within the write timeout, in
// bytes.
const pieceSize = 256 << 10

// WriteTimeout closes connections of clients that stop reading an answer. Every piece of
// the answer must be written within limit; the whole answer may take any time. limit 0: no
// timeout. clock nil: the system's.
func WriteTimeout(next http.Handler, limit time.Duration, clock clockwork.Clock) http.Handler {
	if limit == 0 {
		return next
	}
	if clock == nil {
		clock = clockwork.NewRealClock()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&pieceWriter{ResponseWriter: w, control: http.NewResponseController(w), limit: limit, clock: clock}, r)
	})
}

// pieceWriter writes in pieces, each with a deadline.
type pieceWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	clock   clockwork.Clock
	set     time.Time // when the deadline was last set
}

// extend moves the deadline. It skips moves in quick succession, because each costs as much
// as a small answer. Writers without deadlines, as in tests, have none to move.
func (w *pieceWriter) extend() {
	if now := w.clock.Now(); now.Sub(w.set) > w.limit/16 {
		w.set = now
		_ = w.control.SetWriteDeadline(now.Add(w.limit))
	}
}

func (w *pieceWriter) WriteHeader(status int) {
	w.extend() // the server writes buffered bytes after the handler has returned
	w.ResponseWriter.WriteHeader(status)
}

func (w *pieceWriter) Write(p []byte) (n int, err error) {
	for {
		piece := p[:min(len(p), pieceSize)]
		w.extend()
		m, err := w.ResponseWriter.Write(piece)
		n += m
		p = p[m:]
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// FlushError lets [http.ResponseController] flush.
func (w *pieceWriter) FlushError() error {
	w.extend()
	return w.control.Flush()
}

// Flush implements [http.Flusher].
func (w *pieceWriter) Flush() { _ = w.FlushError() }

// Unwrap is for [http.ResponseController].
func (w *pieceWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// progressBody reads a request's body. Each part must arrive within limit.
type progressBody struct {
	io.ReadCloser
	control *http.ResponseController
	limit   time.Duration
	clock   clockwork.Clock
}

func (b *progressBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.clock.Now().Add(b.limit)) // fails on a writer without deadlines
	return b.ReadCloser.Read(p)
}
