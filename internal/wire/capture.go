package wire

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"cindergate/gateway"
)

var _ gateway.Inspector = (*Recorder)(nil)

type (
	pendingKey struct{}
	quietKey   struct{}
)

// Quiet returns a context whose requests are not recorded: reads of the pages that show the record.
func Quiet(ctx context.Context) context.Context { return context.WithValue(ctx, quietKey{}, true) }

// pending is an exchange that has not ended.
type pending struct {
	began   time.Time
	header  http.Header // of the request, as it came
	method  string
	started time.Time // by the system's clock
	path    string
	query   string
	asked   *tee // nil: the body is not recorded
	answer  *answerTee

	mu       sync.Mutex
	ended    bool
	upstream []Upstream
	cut      int
}

// maxUpstream is how many requests upstream of one exchange are recorded.
const maxUpstream = 100

// Begin implements gateway.Inspector.
func (r *Recorder) Begin(w http.ResponseWriter, q *http.Request, requestID string) (http.ResponseWriter, *http.Request, func(gateway.Inspected)) {
	quiet, _ := q.Context().Value(quietKey{}).(bool)
	if quiet || !recorded(q.URL.Path) {
		return w, q, nil
	}
	secret := hasSecretBody(q.URL.Path)
	p := &pending{began: r.clock.Now(), started: time.Now(), header: q.Header.Clone(), method: q.Method, path: rules.Path(q.URL.Path), query: rules.Query(q.URL.Query())}
	p.answer = &answerTee{ResponseWriter: w, secret: secret}
	out := q.WithContext(context.WithValue(q.Context(), pendingKey{}, p))
	if !secret && isJSON(q.Header) && q.Body != nil && q.Body != http.NoBody {
		p.asked = &tee{ReadCloser: q.Body}
		out.Body = p.asked
	}
	return p.answer, out, func(about gateway.Inspected) { r.add(p.end(requestID, about)) }
}

// end makes the exchange. Requests upstream that end later are not part of it.
func (p *pending) end(id string, about gateway.Inspected) *Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	x := &Exchange{
		ID: id, At: p.began.UTC(), Method: p.method, Base: about.Base, Path: p.path, Query: p.query, Route: about.Route, Operation: about.Operation,
		Forwarded: about.Forwarded, Backend: about.Backend, ProjectID: about.ProjectID, UserID: about.UserID, Role: about.Role, Status: about.Status,
		Took: about.Took, Request: rules.Headers(p.header), Answer: rules.Headers(p.answer.Header()), AnswerSize: p.answer.sent,
		Why: whyOf(about.Reason), Upstream: slices.Clone(p.upstream), UpstreamCut: p.cut,
	}
	if x.Upstream == nil {
		x.Upstream = []Upstream{}
	}
	if p.asked != nil {
		x.Body = rules.Body(p.asked.taken())
	}
	if isJSON(p.answer.Header()) {
		x.AnswerBody = rules.Body(p.answer.kept.Bytes())
	}
	return x
}

// tee keeps the beginning of a request's body. A backend may still read it when the exchange ends.
type tee struct {
	io.ReadCloser
	mu   sync.Mutex
	kept bytes.Buffer
}

func (t *tee) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	t.mu.Lock()
	defer t.mu.Unlock()
	keep(&t.kept, b[:n])
	return n, err
}

func (t *tee) taken() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept.Bytes())
}

// keep keeps one byte more than is recorded, so that a body that is too long can be told.
func keep(to *bytes.Buffer, b []byte) { to.Write(b[:min(len(b), maxBody+1-to.Len())]) }

// answerTee keeps the beginning of an answer of JSON.
type answerTee struct {
	http.ResponseWriter
	secret bool
	sent   int64
	kept   bytes.Buffer
}

func (a *answerTee) Write(b []byte) (int, error) {
	if !a.secret && isJSON(a.Header()) {
		keep(&a.kept, b)
	}
	n, err := a.ResponseWriter.Write(b)
	a.sent += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (a *answerTee) Unwrap() http.ResponseWriter { return a.ResponseWriter }
