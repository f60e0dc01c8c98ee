package config

import (
	"strings"
	"testing"
)

// OpenTelemetry's variables are settings; Cindergate's own come first.
func TestTracing(t *testing.T) {
	c, err := Load(file(t, "data: /d"), nil)
	must(t, err)
	if c.Tracing != (Tracing{ServiceName: "cindergate", Sample: "100%"}) {
		t.Errorf("by default: %+v", c.Tracing)
	}
	for key := range otelEnv {
		if _, ok := defaults[key]; !ok {
			t.Errorf("%s is no setting", key)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b")
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")
	t.Setenv("OTEL_SERVICE_NAME", "east")
	c, err = Load(file(t, "data: /d\ntracing: {sample: 5%, service_name: west}"), nil)
	must(t, err)
	if c.Tracing != (Tracing{"http://collector:4318", "a=b", "/ca.pem", "east", "5%"}) {
		t.Errorf("%#v, headers %s", c.Tracing, c.Tracing.Headers.Reveal())
	}
	t.Setenv("CINDERGATE_TRACING_ENDPOINT", "https://other")
	c, err = Load(file(t, "data: /d"), nil)
	must(t, err)
	if c.Tracing.Endpoint != "https://other" {
		t.Errorf("%+v", c.Tracing)
	}
	for settings, want := range map[string]string{
		"sample: much": "tracing.sample: ", "sample: 101%": "tracing.sample: ",
	} {
		if _, err := Load(file(t, "data: /d\ntracing: {"+settings+"}"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
	t.Setenv("CINDERGATE_TRACING_ENDPOINT", "collector:4318")
	if _, err := Load(file(t, "data: /d"), nil); err == nil || !strings.Contains(err.Error(), `tracing.endpoint: "collector:4318" is not an http or https URL`) {
		t.Errorf("%v", err)
	}
}
