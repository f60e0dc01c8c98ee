package tracing

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// record returns a Tracing that keeps its spans in memory.
func record(sample float64) (*Tracing, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans), trace.WithSampler(trace.ParentBased(likeLinked{trace.TraceIDRatioBased(sample)})))
	return &Tracing{provider, provider.Tracer(tracerName)}, spans
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Without a span a request passes untouched, and costs nothing.
func TestTransportWithoutSpan(t *testing.T) {
	answer := &http.Response{Body: http.NoBody}
	var got *http.Request
	wrapped := Transport(answers(func(r *http.Request) (*http.Response, error) { got = r; return answer, nil }))
	r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
	if resp, err := wrapped.RoundTrip(r); resp != answer || err != nil || got != r || len(r.Header) != 0 {
		t.Errorf("%v, %v, %v", resp, err, r)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = wrapped.RoundTrip(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var none *Tracing
	if none.Tracer() != nil || none.Close(t.Context()) != nil {
		t.Error("no Tracing is not nothing")
	}
}

// The span of a request ends when its answer has been read, and has the failure if there is none.
func TestTransportEndsItsSpan(t *testing.T) {
	traces, spans := record(1)
	ctx, parent := traces.Tracer().Start(t.Context(), "parent")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Traceparent"), parent.SpanContext().TraceID().String()) {
			t.Errorf("traceparent %q", r.Header.Get("Traceparent"))
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("x"))
	}))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/path?token=hush", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := Transport(http.DefaultTransport).RoundTrip(r)
	if err != nil || len(spans.Ended()) != 0 || len(r.Header) != 0 {
		t.Fatalf("%v, %d spans ended, the caller's headers are %v", err, len(spans.Ended()), r.Header)
	}
	if err := errors.Join(resp.Body.Close(), resp.Body.Close()); err != nil || len(spans.Ended()) != 1 {
		t.Fatalf("%v, %d spans ended", err, len(spans.Ended()))
	}
	server.Close()
	if _, err := Transport(http.DefaultTransport).RoundTrip(r); err == nil || len(spans.Ended()) != 2 {
		t.Errorf("%v, %d spans ended", err, len(spans.Ended()))
	}
	for _, span := range spans.Ended() {
		if span.Parent().SpanID() != parent.SpanContext().SpanID() || span.Status().Code.String() != "Error" {
			t.Errorf("%+v", span)
		}
		for _, a := range span.Attributes() {
			if strings.Contains(a.Value.String(), "hush") {
				t.Errorf("%s has the query: %s", a.Key, a.Value.String())
			}
		}
	}
}

// A job is recorded if the request was that queued it, whatever the share of others.
func TestJobsAreRecordedLikeTheirRequests(t *testing.T) {
	const request = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"
	for _, x := range []struct {
		sample  float64
		request string
		want    int
	}{{0, request + "1", 1}, {1, request + "0", 0}, {0, "", 0}, {1, "", 1}, {1, "nonsense", 1}} {
		traces, spans := record(x.sample)
		_, end := traces.Job(t.Context(), "kind", x.request, map[string]string{"a": "b", "empty": ""})
		end("error", errors.New("why"))
		ended := spans.Ended()
		if len(ended) != x.want {
			t.Errorf("%+v: %d spans", x, len(ended))
		}
		for _, span := range ended {
			if links := len(span.Links()); links == 1 != strings.HasPrefix(x.request, "00-") || span.Name() != "job kind" || len(span.Attributes()) != 2 {
				t.Errorf("%+v: %d links, %v", x, links, span.Attributes())
			}
		}
	}
}

func TestParseHeaders(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"": {}, "a=b": {"a": "b"}, " a = b%2Cc ,d=e=f,": {"a": "b,c", "d": "e=f"}, "a=": {"a": ""},
		"a": nil, "=hush": nil, "a=%zz-hush": nil,
	} {
		got, err := ParseHeaders(text)
		if !reflect.DeepEqual(got, want) || (err == nil) != (want != nil) || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(none, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"header 1 is not": {Headers: "x"},
		"no such file":    {CAFile: none + ".missing"},
		"no certificate":  {CAFile: none},
	} {
		o.Endpoint = "http://127.0.0.1:1"
		if traces, err := Open(t.Context(), o); traces != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
