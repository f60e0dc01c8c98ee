// Package tracing sends spans to an OpenTelemetry collector, and passes the trace of a request on
// to the services that it needs.
//
// The gateway starts a span for each request. The layers below know nothing of traces: the span
// travels in the context, and [Transport] takes it from there. A job is not part of the trace of
// the request that queued it, which is long over; its span has a link to the request's.
package tracing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// tracerName is the instrumentation scope of the spans.
const tracerName = "cindergate"

// Options configure the spans.
type Options struct {
	// Endpoint is the URL of the collector for OTLP over HTTP, without /v1/traces.
	Endpoint string
	// Headers are sent with each request to the collector: KEY=VALUE,KEY=VALUE with values that
	// are URL-encoded, as OTEL_EXPORTER_OTLP_HEADERS.
	Headers string
	// CAFile has PEM certificates to trust besides the system's.
	CAFile string
	// Service and Version name this program in the spans.
	Service, Version string
	// Sample is the share of the traces that are recorded, from 0 to 1. A request that arrives
	// with a traceparent is recorded if its sender records it.
	Sample float64
	// Failed is called when spans cannot be sent. They are lost.
	Failed func(error)
}

// Tracing records spans. A nil Tracing records none.
type Tracing struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// Open prepares to send spans. It does not connect: the collector may be down.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	headers, err := ParseHeaders(o.Headers)
	if err != nil {
		return nil, err
	}
	settings := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.Endpoint, "/") + "/v1/traces"), otlptracehttp.WithHeaders(headers)}
	if o.CAFile != "" {
		pool, err := trusted(o.CAFile)
		if err != nil {
			return nil, err
		}
		settings = append(settings, otlptracehttp.WithTLSClientConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}))
	}
	exporter, err := otlptracehttp.New(ctx, settings...)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", o.Service), attribute.String("service.version", o.Version)))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if o.Failed != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(o.Failed))
	}
	// Spans wait in a queue of 2048 at most; those that do not fit are dropped.
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about),
		trace.WithSampler(trace.ParentBased(likeLinked{trace.TraceIDRatioBased(o.Sample)})))
	return &Tracing{provider, provider.Tracer(tracerName)}, nil
}

// Tracer returns the tracer of requests; nil if t is nil.
func (t *Tracing) Tracer() api.Tracer {
	if t == nil {
		return nil
	}
	return t.tracer
}

// closeTime bounds the last attempt to send spans.
const closeTime = 5 * time.Second

// Close sends the spans that have ended, for at most 5 s. ctx may have ended.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Job starts the span of one attempt at a job. request is the traceparent of the request that
// queued the job; "": none. end ends the span.
func (t *Tracing) Job(ctx context.Context, kind, request string, about map[string]string) (_ context.Context, end func(outcome string, err error)) {
	options := []api.SpanStartOption{api.WithNewRoot(), api.WithSpanKind(api.SpanKindConsumer)}
	for key, value := range about {
		if value != "" {
			options = append(options, api.WithAttributes(attribute.String(key, value)))
		}
	}
	from := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": request})
	if link := api.SpanContextFromContext(from); link.IsValid() {
		options = append(options, api.WithLinks(api.Link{SpanContext: link}))
	}
	ctx, span := t.tracer.Start(ctx, "job "+kind, options...)
	return ctx, func(outcome string, err error) {
		span.SetAttributes(attribute.String("cindergate.job.outcome", outcome))
		if err != nil {
			span.SetStatus(codes.Error, outcome)
			span.RecordError(err)
		}
		span.End()
	}
}

// likeLinked records a span without a parent if the span is recorded to which it has a link.
// Without a link the other sampler decides.
type likeLinked struct{ trace.Sampler }

// ShouldSample implements trace.Sampler.
func (s likeLinked) ShouldSample(p trace.SamplingParameters) trace.SamplingResult {
	switch {
	case len(p.Links) == 0:
		return s.Sampler.ShouldSample(p)
	case p.Links[0].SpanContext.IsSampled():
		return trace.AlwaysSample().ShouldSample(p)
	}
	return trace.NeverSample().ShouldSample(p)
}

// ParseHeaders reads headers as OTEL_EXPORTER_OTLP_HEADERS has them. Errors do not show values,
// which may be secret.
func ParseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for i, pair := range strings.Split(text, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, raw, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(raw))
		if key = strings.TrimSpace(key); !found || key == "" || err != nil {
			return nil, fmt.Errorf("header %d is not KEY=VALUE with a URL-encoded value", i+1)
		}
		headers[key] = value
	}
	return headers, nil
}

func trusted(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", path)
	}
	return pool, nil
}
