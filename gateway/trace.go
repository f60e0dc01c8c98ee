package gateway

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// startSpan starts the span of a request, as a child of the client's if it sent a traceparent. It
// returns nil if there is no tracer.
func (s *Server) startSpan(c echo.Context, call *call) trace.Span {
	if s.Tracer == nil {
		return nil
	}
	r := c.Request()
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.Tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", knownMethod(r.Method)), attribute.String("url.path", r.URL.Path),
		attribute.String("openstack.request_id", call.requestID)))
	c.SetRequest(r.WithContext(ctx))
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	call.trace = carrier["traceparent"]
	return span
}

// endSpan ends the span of a request. The route is its name: paths have ids.
func endSpan(span trace.Span, call *call, method, route, backend string, status int) {
	if span == nil {
		return
	}
	span.SetName(knownMethod(method) + " " + route)
	span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status),
		attribute.String("cindergate.backend", backend), attribute.String("openstack.project_id", call.caller.ProjectID),
		attribute.String("openstack.user_id", call.caller.UserID))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
