package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"cindergate/internal/chunk/chunktest"
)

// spans is an OpenTelemetry collector in memory.
type spans struct {
	mu       sync.Mutex
	received []*otlp.Span
	services map[string]bool
	header   http.Header // of the last request
}

func newCollector(t *testing.T) (*spans, string) {
	t.Helper()
	s := &spans{services: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		raw, err := io.ReadAll(io.LimitReader(body, 16<<20))
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &request)
		}
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.header = r.Header
		for _, resource := range request.ResourceSpans {
			for _, a := range resource.Resource.Attributes {
				if a.Key == "service.name" {
					s.services[a.Value.GetStringValue()] = true
				}
			}
			for _, scope := range resource.ScopeSpans {
				s.received = append(s.received, scope.Spans...)
			}
		}
	}))
	t.Cleanup(server.Close)
	return s, server.URL
}

// find returns the spans that match.
func (s *spans) find(match func(*otlp.Span) bool) (found []*otlp.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.received {
		if match(span) {
			found = append(found, span)
		}
	}
	return found
}

func attributeOf(span *otlp.Span, key string) string {
	for _, a := range span.Attributes {
		if a.Key == key {
			if text := a.Value.GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// seen records the traceparent of each request.
type seen struct {
	mu      sync.Mutex
	parents []string
}

func (s *seen) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(s.parents, r.Header.Get("Traceparent"))
}

// contains reports whether a request was part of the span.
func (s *seen) contains(span *otlp.Span) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, parent := range s.parents {
		if parent == "00-"+hex.EncodeToString(span.TraceId)+"-"+hex.EncodeToString(span.SpanId)+"-01" {
			return true
		}
	}
	return false
}

// A request, its job, and what both ask of other services can be followed from the client's trace.
func TestTraces(t *testing.T) {
	received, url := newCollector(t)
	var atStore, atCloud seen
	s3 := chunktest.NewS3(t)
	s3.Set("volumebackups", "", nil)
	s3.Intercept(func(_ http.ResponseWriter, r *http.Request) bool { atStore.note(r); return false })
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atCloud.note(r)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "backups") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"versions": [{"id": "v3.0", "status": "CURRENT", "version": "3.70", "min_version": "3.0", "links": [{"rel": "self", "href": "http://%s/v3/"}]}]}`, r.Host)
	}))
	t.Cleanup(cloud.Close)
	settings := filepath.Join(t.TempDir(), "cindergate.yaml")
	must(t, os.WriteFile(settings, []byte(`
auth: noauth
backends: {here: {driver: embedded}, far: {driver: cinder, cinder: {url: "`+cloud.URL+`", retries: 0}}}
default_backend: here
projects: {def: far}
stores: {archive: {driver: s3, s3: {endpoint: "`+s3.URL+`", access_key: `+chunktest.S3Key+`, secret_key: `+chunktest.S3Secret+`}}}
default_store: archive
`), 0o600))
	s := newServer(t, "CONFIG="+settings, "TRACING_SERVICE_NAME=east")
	s.env = append(s.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+url, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b", "OTEL_BSP_SCHEDULE_DELAY=50")
	s.start()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	send := func(method, project, path string, body any) (id string) {
		t.Helper()
		text, err := json.Marshal(body)
		must(t, err)
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/v3/"+project+path, bytes.NewReader(text))
		must(t, err)
		if method == http.MethodGet {
			r.Body, r.ContentLength = nil, 0
		}
		r.Header.Set("X-Auth-Token", "tester:"+project)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		answer, err := http.DefaultClient.Do(r)
		must(t, err)
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.Header.Get("X-Openstack-Request-Id")
	}
	var made struct{ Volume volumeView }
	must(t, s.api(t.Context(), http.MethodPost, "/volumes", map[string]any{"volume": map[string]any{"size": 1}}, &made))
	id := send(http.MethodPost, "abc", "/backups", map[string]any{"backup": map[string]any{"volume_id": made.Volume.ID}})
	send(http.MethodGet, "def", "/backups/5d1f0d8c-1f4b-4d0f-9d7c-0c8f6a3b2e1d", nil)

	one := func(what string, match func(*otlp.Span) bool) (span *otlp.Span) {
		t.Helper()
		poll(t, what, func() bool {
			found := received.find(match)
			if len(found) > 0 {
				span = found[0]
			}
			return span != nil
		})
		return span
	}
	request := one("the span of the request", func(p *otlp.Span) bool {
		return attributeOf(p, "openstack.request_id") == id && p.Kind == otlp.Span_SPAN_KIND_SERVER
	})
	if request.Name != "POST /v3/:project_id/backups" || hex.EncodeToString(request.TraceId) != trace ||
		hex.EncodeToString(request.ParentSpanId) != "b7ad6b7169203331" || attributeOf(request, "http.response.status_code") != "202" {
		t.Errorf("the request: %v", request)
	}
	job := one("the span of the job", func(p *otlp.Span) bool {
		return p.Name == "job backup-create" || strings.HasPrefix(p.Name, "job ") && attributeOf(p, "openstack.request_id") == id
	})
	if len(job.Links) != 1 || !bytes.Equal(job.Links[0].SpanId, request.SpanId) || !bytes.Equal(job.Links[0].TraceId, request.TraceId) ||
		bytes.Equal(job.TraceId, request.TraceId) || len(job.ParentSpanId) != 0 || attributeOf(job, "cindergate.job.outcome") != "ok" {
		t.Errorf("the job: %v", job)
	}
	stored := one("the span of an upload", func(p *otlp.Span) bool { return p.Name == http.MethodPut && bytes.Equal(p.ParentSpanId, job.SpanId) })
	if !bytes.Equal(stored.TraceId, job.TraceId) || !atStore.contains(stored) || !strings.HasPrefix(attributeOf(stored, "url.path"), "/volumebackups/") {
		t.Errorf("the upload: %v; the store saw %v", stored, atStore.parents)
	}
	upstream := one("the span of the request to the cloud", func(p *otlp.Span) bool {
		return p.Kind == otlp.Span_SPAN_KIND_CLIENT && strings.Contains(attributeOf(p, "url.path"), "/backups/5d1f")
	})
	if hex.EncodeToString(upstream.TraceId) != trace || !atCloud.contains(upstream) || attributeOf(upstream, "http.response.status_code") != "404" {
		t.Errorf("the request to the cloud: %v; it saw %v", upstream, atCloud.parents)
	}
	if !received.services["east"] || received.header.Get("X-Key") != "a b" {
		t.Errorf("services %v, headers %v", received.services, received.header)
	}
	if code, _ := s.terminate(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.out)
	}
}

// A collector that is down costs a line of the log, and no request.
func TestNoCollector(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	s := newServer(t, "AUTH=noauth", "TRACING_ENDPOINT="+down.URL)
	s.start()
	must(t, s.api(t.Context(), http.MethodGet, "/volumes", nil, nil))
	if code, took := s.terminate(); code != 0 || took > patience {
		t.Errorf("exit code %d after %v", code, took)
	}
	if !strings.Contains(s.out.String(), "spans could not be sent") {
		t.Errorf("the log says nothing:\n%s", s.out)
	}
}
