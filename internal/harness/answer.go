package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// answer answers a request as the first rule that strikes says, or passes it on. direct is the
// writer below w, for answers that were made elsewhere.
func (f *faults) answer(w, direct http.ResponseWriter, r *http.Request, a asked, entry *Entry, next http.HandlerFunc) {
	rule := f.strike(func(r *Rule) bool { return r.Answer != nil }, a)
	if rule == nil {
		next(w, r)
		return
	}
	entry.struckBy(rule.ID)
	fault := rule.Answer
	if fault.Delay > 0 && !f.delay(r.Context(), fault) {
		breakOff(w) // the client has left
	}
	switch {
	case fault.Reset:
		if fault.Status == 0 {
			next(&buffer{header: http.Header{}}, r)
		}
		breakOff(w)
	case fault.Truncate != nil:
		whole := &buffer{header: http.Header{}}
		if fault.Status != 0 {
			fault.write(whole, r)
		} else {
			next(whole, r)
		}
		whole.truncate(direct, *fault.Truncate)
	case fault.Status != 0:
		fault.write(w, r)
	default:
		next(w, r)
	}
}

// delay waits. It returns false if the client has left.
func (f *faults) delay(ctx context.Context, fault *Answer) bool {
	passed := f.clock.After(time.Duration(fault.Delay))
	if fault.Real {
		timer := time.NewTimer(time.Duration(fault.Delay))
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
	case <-hurried(ctx):
	case <-ctx.Done():
		return false
	}
	return true
}

// faultNames are Cinder's names of faults (cinder/api/openstack/wsgi.py Fault._fault_names). Other
// statuses have computeFault.
var faultNames = map[int]string{
	400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod", 409: "conflictingRequest",
	413: "overLimit", 415: "badMediaType", 501: "notImplemented", 503: "serviceUnavailable",
}

// write writes the answer.
func (a *Answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	body := []byte(a.Body)
	if body == nil {
		body, _ = json.Marshal(a.cinders(r)) // never fails
	}
	h.Set("Content-Type", "application/json")
	if a.RetryAfter != nil {
		h.Set("Retry-After", strconv.Itoa(*a.RetryAfter))
	}
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	if a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		w.WriteHeader(a.Status)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have left
	}
}

// cinders is the body that Cinder has for the status: with 413 and a pause that of its rate
// limits (wsgi.py OverLimitFault, api/v2/limits.py), otherwise that of a fault (wsgi.py Fault).
func (a *Answer) cinders(r *http.Request) any {
	if a.Status < 400 {
		return map[string]any{}
	}
	if a.Status == http.StatusRequestEntityTooLarge && a.RetryAfter != nil && *a.RetryAfter > 0 {
		return map[string]any{"overLimitFault": map[string]any{
			"code": a.Status, "message": "This request was rate-limited.",
			"details": "Only 1 " + r.Method + " request(s) can be made to * every MINUTE.",
		}}
	}
	name := faultNames[a.Status]
	if name == "" {
		name = "computeFault"
	}
	fault := map[string]any{"code": a.Status, "message": message(a.Status)}
	if a.Status == http.StatusRequestEntityTooLarge && a.RetryAfter != nil {
		fault["retryAfter"] = strconv.Itoa(*a.RetryAfter)
	}
	return map[string]any{name: fault}
}

func message(status int) string {
	if text := http.StatusText(status); text != "" {
		return text + " (a fault of the harness)"
	}
	return "A fault of the harness"
}

// breakOff breaks the connection. A client of HTTP/1 sees a reset, and never an answer.
func breakOff(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // then Close sends a reset
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// maxKept is the largest answer that is cut, in bytes. A larger one is cut there.
const maxKept = 16 << 20

// buffer keeps an answer.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	b.body.Write(p[:min(len(p), maxKept-b.body.Len())])
	return len(p), nil
}

// truncate sends the first bytes of the answer, which says that there are more, and breaks the
// connection.
func (b *buffer) truncate(w http.ResponseWriter, n int) {
	maps.Copy(w.Header(), b.header)
	w.Header().Set("Content-Length", strconv.Itoa(b.body.Len()))
	w.WriteHeader(max(b.status, http.StatusOK))
	_, _ = w.Write(b.body.Bytes()[:min(n, b.body.Len())])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
